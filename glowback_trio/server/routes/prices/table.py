"""The routes of prices, as part of the table of all routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.server.http.route import ResponseSpec, Route
from glowback_trio.server.openapi.documents import DatasetDocument
from glowback_trio.server.openapi.price_documents import BarsDocument, QualityDocument
from glowback_trio.server.routes import discovery
from glowback_trio.server.routes.prices import bars, quality

__all__ = ["PRICE_ROUTES"]

_route = partial(Route, method="GET", tag="discovery")
_UNREADABLE = "The bars cannot be read any more."
_UNKNOWN = "There are no such prices."

PRICE_ROUTES: Sequence[Route] = (
    _route(
        path="/backtests/{run_id}/bars",
        tag="backtests",
        handler=bars.backtest_bars,
        query=bars.BarsQuery,
        responses={200: ResponseSpec("The bars.", BarsDocument)},
        errors={409: _UNREADABLE},
    ),
    _route(
        path="/datasets",
        handler=discovery.list_datasets,
        responses={200: ResponseSpec("The datasets.", list[DatasetDocument])},
    ),
    _route(
        path="/datasets/{symbol}/bars",
        handler=bars.dataset_bars,
        query=bars.DatasetBarsQuery,
        responses={200: ResponseSpec("The bars.", BarsDocument)},
        errors={404: _UNKNOWN, 409: _UNREADABLE},
    ),
    _route(
        path="/datasets/{symbol}/quality",
        handler=quality.dataset_quality,
        query=quality.QualityQuery,
        responses={200: ResponseSpec("The report.", QualityDocument)},
        errors={404: _UNKNOWN},
    ),
)
