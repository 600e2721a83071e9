"""The quality of a dataset over HTTP: what is wrong with its rows, and what is missing."""

from __future__ import annotations

from typing import Annotated, Any

import attrs
import trio
from attrs import evolve, frozen

from glowback_trio.data.loading import market_zone, raise_problems
from glowback_trio.data.request_checks import calendar_problems
from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Quality
from glowback_trio.model.bounds import Checked, MaxLen, MinLen
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.server.http.parameters import located
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.routes.prices.datasets import dataset_request, symbol_of
from glowback_trio.server.state.app_state import AppState

__all__ = ["QualityQuery", "dataset_quality", "quality_report"]


@frozen(kw_only=True)
class QualityQuery(Checked):
    """Which dataset to check, and against which days.

    Attributes:
        resolution: Length of a bar; left out, that of the symbol's first dataset.
        calendar: The exchange on whose trading days there should be bars, such as `XNYS`; left out,
            the days are inferred from the bars.
    """

    resolution: Resolution | None = None
    calendar: Annotated[str, MinLen(1), MaxLen(32)] | None = None


async def dataset_quality(app_state: AppState, symbol: str, query: QualityQuery) -> Response:
    """Check all rows of a dataset, as a run does that reads it.

    `glowback-trio data check` writes the same findings. A file that cannot be read is a finding,
    too. A slash in the symbol is written `%252F`.
    """
    request = await dataset_request(app_state, symbol_of(symbol), query.resolution)
    request = evolve(request, calendar=query.calendar)
    with located("query"):
        raise_problems(calendar_problems(request))
        report = await trio.to_thread.run_sync(
            quality_report, app_state, request, limiter=app_state.threads
        )
    return json_response(report)


def quality_report(app_state: AppState, request: BacktestRequest) -> dict[str, Any]:
    """Return what is wrong with the dataset that a request loads.

    Raises:
        InvalidRequestError: There is no such calendar.
    """
    _check_calendar(request)
    try:
        dataset = app_state.gateway.source.load(request)
    except (DataError, InvalidRequestError) as error:
        unread = Quality(request.symbols[0], rows=0, bars=0, critical=(str(error),))
        return _document(unread, request, None)
    return _document(dataset.quality[0], request, dataset.source)


def _check_calendar(request: BacktestRequest) -> None:
    try:
        market_zone(request)
    except DataError as error:
        problem = Problem("value_error", ("calendar",), str(error), request.calendar)
        raise InvalidRequestError([problem]) from None


def _document(quality: Quality, request: BacktestRequest, source: str | None) -> dict[str, Any]:
    named = {"resolution": request.resolution, "source": source}
    findings = attrs.asdict(quality)
    return {"symbol": findings.pop("symbol"), **named, **findings}
