"""All routes, in one table. It registers them, documents them and lists them."""

from __future__ import annotations

from collections.abc import Sequence

from glowback_trio.model.request import BacktestRequest
from glowback_trio.server.backtests import (
    ListQuery,
    backtest_results,
    backtest_status,
    cancel_backtest,
    create_backtest,
    delete_backtest,
    list_backtests,
)
from glowback_trio.server.discovery import list_datasets, list_strategies
from glowback_trio.server.events import EventsQuery, run_events
from glowback_trio.server.health import liveness, readiness
from glowback_trio.server.route import Reply, Route

__all__ = ["ROUTES", "STREAM_PATH"]

STREAM_PATH = "/backtests/{run_id}/stream"

ROUTES: Sequence[Route] = (
    Route(
        method="POST",
        path="/backtests",
        handler=create_backtest,
        tag="backtests",
        body=BacktestRequest,
        replies={201: Reply("The run's status", headers=("Location",))},
    ),
    Route(
        method="GET",
        path="/backtests",
        handler=list_backtests,
        tag="backtests",
        query=ListQuery,
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/backtests/{run_id}",
        handler=backtest_status,
        tag="backtests",
        replies={200: Reply("")},
    ),
    Route(
        method="DELETE",
        path="/backtests/{run_id}",
        handler=delete_backtest,
        tag="backtests",
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/backtests/{run_id}/results",
        handler=backtest_results,
        tag="backtests",
        replies={200: Reply("")},
    ),
    Route(
        method="POST",
        path="/backtests/{run_id}/cancel",
        handler=cancel_backtest,
        tag="backtests",
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/backtests/{run_id}/events",
        handler=run_events,
        tag="events",
        query=EventsQuery,
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/datasets",
        handler=list_datasets,
        tag="discovery",
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/strategies",
        handler=list_strategies,
        tag="discovery",
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/healthz",
        handler=liveness,
        tag="health",
        keyed=False,
        replies={200: Reply("")},
    ),
    Route(
        method="GET",
        path="/readyz",
        handler=readiness,
        tag="health",
        keyed=False,
        replies={200: Reply("")},
    ),
)
