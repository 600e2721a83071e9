"""The routes of optimizations and of the ledger, as part of the table of all routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.server.http.route import ResponseSpec, Route
from glowback_trio.server.openapi.documents import StatusDocument
from glowback_trio.server.openapi.ledger_documents import LedgerDocument
from glowback_trio.server.openapi.optimization_documents import (
    OptimizationResultDocument,
    OptimizationStatusDocument,
)
from glowback_trio.server.openapi.optimization_event_documents import OptimizationEventDocument
from glowback_trio.server.routes import ledger
from glowback_trio.server.routes.events import NDJSON, SSE
from glowback_trio.server.routes.optimizations import beginning, events, findings, steering
from glowback_trio.server.routes.results import FORMS
from glowback_trio.server.streaming.optimization_stream import (
    OPTIMIZATIONS,
    OptimizationStreamQuery,
    explain_optimization_stream,
)

__all__ = ["OPTIMIZATION_ROUTES"]

_EXAMPLE = {
    "name": "crossover",
    "search_space": {
        "parameters": [
            {"name": "short_period", "kind": "int_range", "low": 5, "high": 20, "step": 5},
            {"name": "long_period", "kind": "choice", "values": [30, 50, 100]},
        ],
        "constraints": ["short_period < long_period"],
    },
    "strategy": "grid",
    "max_trials": 12,
    "objective_metric": "sharpe_ratio",
    "validation_mode": "none",
    "base_backtest": {
        "symbols": ["AAPL"],
        "start_date": "2018-01-01",
        "end_date": "2020-12-31",
        "strategy": {"name": "ma_crossover"},
    },
}

# A choice may have ten thousand values.
_MOST_VALUES = 24_000

_ONE = (
    "optimization_status",
    "optimization_request",
    "optimization_results",
    "export_trials",
    "optimization_report",
    "run_trial",
    "optimization_events",
    "explain_optimization_stream",
    "cancel_optimization",
    "pause_optimization",
    "resume_optimization",
    "delete_optimization",
)

_status = partial(ResponseSpec, schema=OptimizationStatusDocument)
_route = partial(Route, tag="optimizations")
_BUSY = "The server has as much work as it takes, or is shutting down."

OPTIMIZATION_ROUTES: Sequence[Route] = (
    _route(
        method="POST",
        path="/optimizations",
        handler=beginning.create_optimization,
        body=OptimizationRequest,
        most_values=_MOST_VALUES,
        example=_EXAMPLE,
        headers={"Idempotency-Key": "Marks a request that may be repeated; 1 to 255 characters."},
        responses={
            201: _status(
                "The optimization's status.",
                headers=("Location",),
                leads_to=_ONE,
                names="optimization_id",
            )
        },
        errors={503: _BUSY},
    ),
    _route(
        method="GET",
        path="/optimizations",
        handler=steering.list_optimizations,
        query=steering.OptimizationListQuery,
        responses={
            200: ResponseSpec(
                "Optimizations, newest first.",
                list[OptimizationStatusDocument],
                headers=("Link",),
            )
        },
    ),
    _route(
        method="GET",
        path="/optimizations/{optimization_id}",
        handler=steering.optimization_status,
        responses={200: _status("The optimization's status.")},
    ),
    _route(
        method="GET",
        path="/optimizations/{optimization_id}/request",
        handler=steering.optimization_request,
        responses={200: ResponseSpec("The request, defaults included.", OptimizationRequest)},
    ),
    _route(
        method="GET",
        path="/optimizations/{optimization_id}/results",
        handler=findings.optimization_results,
        responses={200: ResponseSpec("The result.", OptimizationResultDocument)},
        errors={409: "The optimization has not ended."},
    ),
    _route(
        method="GET",
        path="/optimizations/{optimization_id}/trials.{form}",
        handler=findings.export_trials,
        choices={"form": tuple(FORMS)},
        responses={
            200: ResponseSpec(
                "The table.",
                media=tuple(form.media for form in FORMS.values()),
                headers=("Content-Disposition",),
            )
        },
        errors={501: "Parquet was requested, and the server has no pyarrow."},
    ),
    _route(
        method="POST",
        path="/optimizations/{optimization_id}/trials/{trial_number}/run",
        handler=findings.run_trial,
        responses={201: ResponseSpec("The run's status.", StatusDocument, headers=("Location",))},
        errors={503: _BUSY},
    ),
    _route(
        method="POST",
        path="/optimizations/{optimization_id}/cancel",
        handler=steering.cancel_optimization,
        responses={200: _status("The optimization's status.")},
        errors={409: "The optimization has completed or failed."},
    ),
    _route(
        method="POST",
        path="/optimizations/{optimization_id}/pause",
        handler=steering.pause_optimization,
        responses={200: _status("The optimization's status; `paused` is true.")},
        errors={409: "The optimization has ended."},
    ),
    _route(
        method="POST",
        path="/optimizations/{optimization_id}/resume",
        handler=steering.resume_optimization,
        responses={200: _status("The optimization's status.")},
        errors={409: "The optimization is running or has completed.", 503: _BUSY},
    ),
    _route(
        method="DELETE",
        path="/optimizations/{optimization_id}",
        handler=steering.delete_optimization,
        responses={204: ResponseSpec("The optimization is deleted.")},
    ),
    _route(
        method="GET",
        path="/optimizations/{optimization_id}/events",
        handler=events.optimization_events,
        query=events.OptimizationEventsQuery,
        headers={"Last-Event-ID": "Server-sent events: the last id received; overrides `after`."},
        responses={
            200: ResponseSpec("Events.", list[OptimizationEventDocument], (NDJSON, SSE), ("Link",)),
            204: ResponseSpec(
                "Server-sent events: the attempt has ended and nothing is left to read."
            ),
        },
        errors={
            409: "The cursor is ahead of the log.",
            503: "Server-sent events: too many streams are open.",
        },
    ),
    _route(
        method="GET",
        path=OPTIMIZATIONS.path,
        handler=explain_optimization_stream,
        query=OptimizationStreamQuery,
        errors={426: "This path serves WebSocket only."},
    ),
    Route(
        method="GET",
        path="/ledger",
        tag="optimizations",
        handler=ledger.show_ledger,
        query=ledger.LedgerQuery,
        responses={200: ResponseSpec("The ledger.", LedgerDocument, headers=("Link",))},
        errors={503: "The store cannot be read."},
    ),
)
