"""Bars over HTTP, for charts: those of a run's symbol, and those of a dataset."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

import trio
from attrs import field, frozen

from glowback_trio.errors import DataError, InvalidRequestError, Problem
from glowback_trio.model.bars import Dataset
from glowback_trio.model.bounds import Checked, Ge, Le, did_you_mean
from glowback_trio.model.request import BacktestRequest, Resolution
from glowback_trio.model.sessions.window import Window, ends_after_beginning
from glowback_trio.server.http.errors import HttpError
from glowback_trio.server.http.responses import Response, json_response
from glowback_trio.server.routes.prices.datasets import dataset_request, symbol_of
from glowback_trio.server.state.app_state import AppState
from glowback_trio.store.run_filter import Since, Until, Word, as_instant, as_last_instant
from glowback_trio.wire.bar_rows import chart_bars, chart_document

__all__ = ["BarsQuery", "DatasetBarsQuery", "backtest_bars", "dataset_bars"]

# Symbols that a message names.
_LISTED = 10
# Four for each pixel of a wide screen.
MaxPoints = Annotated[int, Ge(1), Le(20_000)]


@frozen(kw_only=True)
class BarsQuery(Checked):
    """Which bars of a run to return.

    Attributes:
        symbol: The symbol; may be left out where the run has one.
        from_: Only bars at this time or later; a date means its first instant in UTC.
        to: Only bars at this time or earlier; a date means its last instant in UTC.
        max_points: Merge the bars into at most this many rows, each of the same number of bars.
    """

    __checks__ = (ends_after_beginning,)

    symbol: Word | None = None
    from_: Since | None = field(default=None, converter=as_instant)
    to: Until | None = field(default=None, converter=as_last_instant)
    max_points: MaxPoints = 2000


@frozen(kw_only=True)
class DatasetBarsQuery(Checked):
    """Which bars of a dataset to return.

    Attributes:
        resolution: Length of a bar; left out, that of the symbol's first dataset.
        from_: Only bars at this time or later; a date means its first instant in UTC.
        to: Only bars at this time or earlier; a date means its last instant in UTC.
        max_points: Merge the bars into at most this many rows, each of the same number of bars.
    """

    __checks__ = (ends_after_beginning,)

    resolution: Resolution | None = None
    from_: Since | None = field(default=None, converter=as_instant)
    to: Until | None = field(default=None, converter=as_last_instant)
    max_points: MaxPoints = 2000


async def backtest_bars(app_state: AppState, run_id: str, query: BarsQuery) -> Response:
    """Return the bars that a run trades on, or its benchmark's, as rows of a chart.

    They are read anew, without those for warming up: where their file has changed since, so have
    they, which `POST /backtests/{run_id}/verify` finds out. Merged bars open where the first of
    them does and close where the last does; their volume is the sum of those that are known.
    """
    request = app_state.gateway.run(run_id).request
    symbol = _chosen(query.symbol, request.priced)
    only = BacktestRequest(
        symbols=[symbol],
        start_date=request.start_date,
        end_date=request.end_date,
        resolution=request.resolution,
        timezone=request.timezone,
        data_source=request.data_source,
        csv_data_path=request.csv_data_path,
        adjustment=request.adjustment,
        calendar=request.calendar,
    )
    return await _bars(app_state, only, query.from_, query.to, query.max_points)


def _chosen(symbol: str | None, priced: Sequence[str]) -> str:
    """Return the symbol of a run that a query means.

    Raises:
        InvalidRequestError: The run has no such symbol, or several and the query names none.
    """
    if symbol is None and len(priced) == 1:
        return priced[0]
    if symbol is None or symbol not in priced:
        known = (
            f"known: {', '.join(priced[:_LISTED])}"
            if symbol is None
            else did_you_mean(symbol, priced)
        )
        message = f"Input should be a symbol of the run; {known}"
        raise InvalidRequestError([Problem("not_found", ("query", "symbol"), message, symbol)])
    return symbol


async def dataset_bars(app_state: AppState, symbol: str, query: DatasetBarsQuery) -> Response:
    """Return the bars of a symbol as rows of a chart.

    Of generated prices, which have no end, there is the year before `to`, or the time since `from`
    if that is given. A slash in the symbol is written `%252F`.
    """
    request = await dataset_request(
        app_state, symbol_of(symbol), query.resolution, query.from_, query.to
    )
    return await _bars(app_state, request, query.from_, query.to, query.max_points)


async def _bars(
    app_state: AppState,
    request: BacktestRequest,
    start: datetime | None,
    end: datetime | None,
    max_points: int,
) -> Response:
    window = Window(start, end)

    def written() -> bytes:
        dataset = _loaded(app_state, request)
        chart = chart_bars(dataset.bars[0], window, max_points)
        return chart_document(chart, request.resolution, dataset.source)

    return json_response(await trio.to_thread.run_sync(written, limiter=app_state.threads))


def _loaded(app_state: AppState, request: BacktestRequest) -> Dataset:
    try:
        return app_state.gateway.source.load(request)
    # What is asked for was there when the run was submitted, or the dataset listed.
    except (DataError, InvalidRequestError) as error:
        raise HttpError(409, f"These bars cannot be read now: {error}") from None
