"""All routes in one table, from which they are registered, documented and listed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.model.labelling.labels import LabelChanges
from glowback_trio.model.request import BacktestRequest, Pace
from glowback_trio.server.http.route import ResponseSpec, Route
from glowback_trio.server.openapi.documents import (
    GatewaysDocument,
    Health,
    Readiness,
    ResultDocument,
    StatusDocument,
    StrategyDescription,
    StreamTicket,
)
from glowback_trio.server.openapi.event_documents import EventDocument, LogDifferenceDocument
from glowback_trio.server.openapi.leak_documents import LeakReportDocument
from glowback_trio.server.openapi.verdict_documents import VerdictDocument
from glowback_trio.server.routes import (
    backtests,
    discovery,
    events,
    health,
    leak_checks,
    pages,
    results,
    tickets,
    transfers,
)
from glowback_trio.server.routes.changes.table import CHANGE_ROUTES
from glowback_trio.server.routes.comparing import difference
from glowback_trio.server.routes.optimizations.table import OPTIMIZATION_ROUTES
from glowback_trio.server.routes.prices.table import PRICE_ROUTES
from glowback_trio.server.routes.reports.table import REPORT_ROUTES
from glowback_trio.server.streaming.run_stream import RUNS, StreamQuery, explain_stream
from glowback_trio.wire.exports.run_export import MEDIA_TYPE

__all__ = ["ROUTES"]

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
    "backtest_request",
    "backtest_results",
    "backtest_bars",
    "export_equity",
    "export_trades",
    "export_orders",
    "backtest_report",
    "export_backtest",
    "verify_backtest",
    "backtest_difference",
    "run_events",
    "explain_stream",
    "cancel_backtest",
    "pause_backtest",
    "resume_backtest",
    "pace_backtest",
    "edit_backtest",
    "delete_backtest",
)

_NO_RESULT = "The run has not completed: it is still going, has failed or was cancelled."

_status = partial(ResponseSpec, schema=StatusDocument)
_run = partial(Route, tag="backtests")
_export = partial(
    _run,
    method="GET",
    choices={"form": tuple(results.FORMS)},
    responses={
        200: ResponseSpec(
            "The table.",
            media=tuple(form.media for form in results.FORMS.values()),
            headers=("Content-Disposition",),
        )
    },
    errors={409: _NO_RESULT, 501: "Parquet was requested, and the server has no pyarrow."},
)
# A browser opens a page by its address, where it cannot add a key.
_page = partial(Route, method="GET", tag="pages", needs_key=False, documented=False)
# A page is some twenty files, which cost less than what the limit on the rate is there for.
_file = partial(_page, handler=pages.static_file, rate_limited=False)

_DASHBOARD = (
    "/",
    "/ui/runs/{id}",
    "/ui/new",
    "/ui/compare",
    "/ui/optimizations",
    "/ui/optimizations/new",
    "/ui/optimizations/{id}",
    "/ui/data",
    "/ui/api",
)

ROUTES: Sequence[Route] = (
    _run(
        method="POST",
        path="/backtests",
        handler=backtests.create_backtest,
        body=BacktestRequest,
        example=_EXAMPLE,
        headers={"Idempotency-Key": "Marks a request that may be repeated; 1 to 255 characters."},
        responses={201: _status("The run's status.", headers=("Location",), leads_to=_ONE_RUN)},
        errors={503: "The queue is full, or the server is shutting down."},
    ),
    _run(
        method="GET",
        path="/backtests",
        handler=backtests.list_backtests,
        query=backtests.ListQuery,
        responses={
            200: ResponseSpec("Runs, newest first.", list[StatusDocument], headers=("Link",))
        },
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}",
        handler=backtests.backtest_status,
        responses={200: _status("The run's status.")},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}/request",
        handler=backtests.backtest_request,
        responses={200: ResponseSpec("The request, defaults included.", BacktestRequest)},
    ),
    _run(
        method="PATCH",
        path="/backtests/{run_id}",
        handler=backtests.edit_backtest,
        body=LabelChanges,
        example={"name": "Slow crossover", "tags": ["trend", "candidate"], "note": "As in 2019."},
        responses={200: _status("The run's status, with the change.")},
    ),
    _run(
        method="DELETE",
        path="/backtests/{run_id}",
        handler=backtests.delete_backtest,
        responses={204: ResponseSpec("The run is deleted.")},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}/results",
        handler=results.backtest_results,
        query=results.ResultsQuery,
        responses={200: ResponseSpec("The result.", ResultDocument)},
        errors={409: _NO_RESULT},
    ),
    _export(path="/backtests/{run_id}/equity.{form}", handler=results.export_equity),
    _export(path="/backtests/{run_id}/trades.{form}", handler=results.export_trades),
    _export(path="/backtests/{run_id}/orders.{form}", handler=results.export_orders),
    _run(
        method="GET",
        path="/backtests/{run_id}/export",
        handler=transfers.export_backtest,
        responses={
            200: ResponseSpec("The file.", media=(MEDIA_TYPE,), headers=("Content-Disposition",))
        },
        errors={409: "The run has not ended."},
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/verify",
        handler=transfers.verify_backtest,
        responses={200: ResponseSpec("The verdict.", VerdictDocument)},
        errors={409: "The run has not ended, or cannot be computed again here."},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}/difference",
        handler=difference.backtest_difference,
        query=difference.DifferenceQuery,
        responses={200: ResponseSpec("The difference.", LogDifferenceDocument)},
    ),
    _run(
        method="POST",
        path="/imports",
        handler=transfers.import_backtest,
        files=(MEDIA_TYPE,),
        limit="max_import_bytes",
        responses={201: _status("The run's status.", headers=("Location",))},
        errors={
            409: "Another run has this id.",
            503: "The store cannot be written, or the server is shutting down.",
        },
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/cancel",
        handler=backtests.cancel_backtest,
        responses={
            200: _status("The run had ended already."),
            202: _status("The run is being cancelled."),
        },
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/pause",
        handler=backtests.pause_backtest,
        responses={200: _status("The run's status; `paused` is true unless the run has ended.")},
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/resume",
        handler=backtests.resume_backtest,
        responses={200: _status("The run's status.")},
    ),
    _run(
        method="POST",
        path="/backtests/{run_id}/pace",
        handler=backtests.pace_backtest,
        body=Pace,
        example={"bars_per_s": 20.0},
        responses={200: _status("The run's status, with its pace.")},
        errors={409: "The run has ended."},
    ),
    _run(
        method="GET",
        path="/backtests/{run_id}/events",
        tag="events",
        handler=events.run_events,
        query=events.EventsQuery,
        headers={"Last-Event-ID": "Server-sent events: the last id received; overrides `after`."},
        responses={
            200: ResponseSpec(
                "Events.", list[EventDocument], (events.NDJSON, events.SSE), ("Link",)
            ),
            204: ResponseSpec("Server-sent events: the run has ended and nothing is left to read."),
        },
        errors={
            409: "The cursor is ahead of the log.",
            503: "Server-sent events: too many streams are open.",
        },
    ),
    _run(
        method="GET",
        path=RUNS.path,
        tag="events",
        handler=explain_stream,
        query=StreamQuery,
        errors={426: "This path serves WebSocket only."},
    ),
    *CHANGE_ROUTES,
    *OPTIMIZATION_ROUTES,
    *REPORT_ROUTES,
    Route(
        method="POST",
        path="/stream-tickets",
        tag="events",
        handler=tickets.create_stream_ticket,
        responses={201: ResponseSpec("The ticket.", StreamTicket)},
    ),
    Route(
        method="GET",
        path="/strategies",
        tag="discovery",
        handler=discovery.list_strategies,
        responses={200: ResponseSpec("The strategies.", list[StrategyDescription])},
    ),
    Route(
        method="POST",
        path="/strategies/{name}/check",
        tag="discovery",
        handler=leak_checks.check_strategy,
        query=leak_checks.CheckQuery,
        body=BacktestRequest,
        example={key: value for key, value in _EXAMPLE.items() if key != "strategy"},
        responses={200: ResponseSpec("The report.", LeakReportDocument)},
        errors={
            404: "There is no such strategy.",
            409: "The strategy cannot be checked, such as one that fails on these bars.",
            503: "The queue is full, or the server is shutting down.",
        },
    ),
    *PRICE_ROUTES,
    Route(
        method="GET",
        path="/gateways",
        tag="discovery",
        handler=health.list_gateways,
        responses={200: ResponseSpec("The gateways.", GatewaysDocument)},
    ),
    Route(
        method="GET",
        path="/healthz",
        tag="health",
        handler=health.liveness,
        rate_limited=False,
        needs_key=False,
        responses={200: ResponseSpec("The server is alive.", Health)},
    ),
    Route(
        method="GET",
        path="/readyz",
        tag="health",
        handler=health.readiness,
        rate_limited=False,
        needs_key=False,
        responses={200: ResponseSpec("The server accepts runs.", Readiness)},
        errors={503: "The server is shutting down, or its store cannot write."},
    ),
    Route(
        method="GET",
        path="/metrics",
        tag="health",
        handler=health.show_metrics,
        responses={200: ResponseSpec("The metrics.", media=("text/plain",))},
    ),
    *(_page(path=path, handler=pages.dashboard) for path in _DASHBOARD),
    _page(path="/ui/routes.json", handler=pages.route_list),
    _file(path="/assets/{name}"),
    _file(path="/assets/{folder}/{name}"),
    _file(path="/assets/{folder}/{part}/{name}"),
    _page(path="/docs", handler=pages.docs_page),
    _page(path="/docs/{name}", handler=pages.docs_asset),
    _page(path="/openapi.json", handler=pages.api_document),
    _page(path="/glowback-stream.js", handler=pages.stream_module),
)
