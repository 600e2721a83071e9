"""All routes, in one table. It registers them, documents them and lists them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.model.request import BacktestRequest
from glowback_trio.server.http.route import Reply, Route
from glowback_trio.server.openapi.documents import (
    Dataset,
    Health,
    Result,
    Status,
    StrategyDescription,
    StreamTicket,
)
from glowback_trio.server.openapi.event_documents import Event
from glowback_trio.server.pipeline import auth as access
from glowback_trio.server.routes import backtests, discovery, events, health, pages, results
from glowback_trio.server.streaming import run_stream as stream

__all__ = ["ROUTES", "STREAM_PATH"]

STREAM_PATH = "/backtests/{run_id}/stream"

_EXAMPLE = {
    "symbols": ["AAPL"],
    "start_date": "2019-01-01T00:00:00Z",
    "end_date": "2020-12-31T23:59:59Z",
    "resolution": "day",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 10, "long_period": 30}},
    "execution": {"slippage_bps": 1.0, "commission_bps": 0.5},
}

_ONE_RUN = (
    "backtest_status",
    "backtest_results",
    "export_equity",
    "export_trades",
    "export_orders",
    "run_events",
    "explain_stream",
    "cancel_backtest",
    "pause_backtest",
    "resume_backtest",
    "delete_backtest",
)

_NO_RESULT = "The run has not ended, has failed or was cancelled."

_run = partial(Route, tag="backtests")
_export = partial(
    _run,
    method="GET",
    choices={"form": tuple(results.FORMS)},
    replies={
        200: Reply(
            "The table.",
            media=tuple(form.media for form in results.FORMS.values()),
            headers=("Content-Disposition",),
        )
    },
    refusals={409: _NO_RESULT, 501: "Parquet, where the server has no pyarrow."},
)
_page = partial(Route, method="GET", tag="pages", keyed=False, listed=False)

ROUTES: Sequence[Route] = (
    _run(
        method="POST",
        path="/backtests",
        handler=backtests.create_backtest,
        body=BacktestRequest,
        example=_EXAMPLE,
        headers={"Idempotency-Key": "Marks a request that may be sent again, 1 to 255 characters."},
        replies={201: Reply("The run's status.", Status, headers=("Location",), leads_to=_ONE_RUN)},
        refusals={503: "Too many runs wait already, or the server is shutting down."},
    ),
    _run(
        method="GET",
        path="/backtests",
        handler=backtests.list_backtests,
        query=backtests.ListQuery,
        replies={200: Reply("Runs, newest first.", list[Status], headers=("Link",))},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}",
        handler=backtests.backtest_status,
        replies={200: Reply("The run's status.", Status)},
    ),
    _run(
        method="DELETE",
        path="/backtests/{run_id}",
        handler=backtests.delete_backtest,
        replies={204: Reply("The run is forgotten.")},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}/results",
        handler=results.backtest_results,
        query=results.ResultsQuery,
        replies={200: Reply("The result.", Result)},
        refusals={409: _NO_RESULT},
    ),
    _export(path="/backtests/{run_id}/equity.{form}", handler=results.export_equity),
    _export(path="/backtests/{run_id}/trades.{form}", handler=results.export_trades),
    _export(path="/backtests/{run_id}/orders.{form}", handler=results.export_orders),
    _run(
        method="POST",
        path="/backtests/{run_id}/cancel",
        handler=backtests.cancel_backtest,
        replies={
            200: Reply("The run had ended already.", Status),
            202: Reply("The run is about to end.", Status),
        },
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/pause",
        handler=backtests.pause_backtest,
        replies={200: Reply("The status; `paused` unless the run has ended.", Status)},
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/resume",
        handler=backtests.resume_backtest,
        replies={200: Reply("The status.", Status)},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}/events",
        tag="events",
        handler=events.run_events,
        query=events.EventsQuery,
        headers={"Last-Event-ID": "For server-sent events: the last id seen; wins over `after`."},
        replies={
            200: Reply("Events.", list[Event], (events.NDJSON, events.SSE), ("Link",)),
            204: Reply("For server-sent events: there is nothing left to read, now or later."),
        },
        refusals={
            409: "The cursor is ahead of the log.",
            503: "For server-sent events: too many streams are open.",
        },
    ),
    _run(
        method="GET",
        path=STREAM_PATH,
        tag="events",
        handler=stream.explain_stream,
        query=stream.StreamQuery,
        refusals={426: "This path speaks WebSocket."},
    ),
    Route(
        method="POST",
        path="/stream-tickets",
        tag="events",
        handler=access.create_stream_ticket,
        replies={201: Reply("The ticket.", StreamTicket)},
    ),
    Route(
        method="GET",
        path="/strategies",
        tag="discovery",
        handler=discovery.list_strategies,
        replies={200: Reply("The strategies.", list[StrategyDescription])},
    ),
    Route(
        method="GET",
        path="/datasets",
        tag="discovery",
        handler=discovery.list_datasets,
        replies={200: Reply("The prices.", list[Dataset])},
    ),
    Route(
        method="GET",
        path="/healthz",
        tag="health",
        handler=health.liveness,
        rated=False,
        keyed=False,
        replies={200: Reply("The server is alive.", Health)},
    ),
    Route(
        method="GET",
        path="/readyz",
        tag="health",
        handler=health.readiness,
        rated=False,
        keyed=False,
        replies={200: Reply("The server takes runs.", Health)},
        refusals={503: "The server is shutting down, or its store cannot write."},
    ),
    Route(
        method="GET",
        path="/metrics",
        tag="health",
        handler=health.show_metrics,
        replies={200: Reply("The numbers.", media=("text/plain",))},
    ),
    _page(path="/", handler=pages.front_page),
    _page(path="/docs", handler=pages.docs_page),
    _page(path="/docs/{name}", handler=pages.docs_asset),
    _page(path="/openapi.json", handler=pages.api_document),
    _page(path="/glowback-stream.js", handler=pages.stream_module),
)
