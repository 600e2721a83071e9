"""The routes of reports, as part of the table of all routes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from glowback_trio.reports.writing import FORMS
from glowback_trio.server.http.route import ResponseSpec, Route
from glowback_trio.server.routes.reports import handlers

__all__ = ["REPORT_ROUTES"]

_report = partial(
    Route,
    method="GET",
    choices={"form": FORMS},
    responses={
        200: ResponseSpec(
            "The report.", media=tuple(handlers.MEDIA.values()), headers=("Content-Disposition",)
        )
    },
)
_NOT_COMPLETED = "is still going, has failed or was cancelled."

REPORT_ROUTES: Sequence[Route] = (
    _report(
        path="/backtests/{run_id}/report.{form}",
        tag="backtests",
        handler=handlers.backtest_report,
        errors={409: f"The run has not completed: it {_NOT_COMPLETED}"},
    ),
    _report(
        path="/optimizations/{optimization_id}/report.{form}",
        tag="optimizations",
        handler=handlers.optimization_report,
        errors={409: f"The optimization has not completed: it {_NOT_COMPLETED}"},
    ),
    _report(
        path="/reports/comparison.{form}",
        tag="backtests",
        handler=handlers.comparison_report,
        query=handlers.ComparisonQuery,
        errors={
            404: "There is no such run.",
            409: f"A run has not completed: it {_NOT_COMPLETED}",
        },
    ),
)
