"""The report on a finished search: figures, validation, the winner's backtest, and a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.version import VERSION
from glowback_trio.wire.optimizations.requests import optimization_document
from glowback_trio.wire.optimizations.trials import trial_document
from glowback_trio.wire.requests import request_document

__all__ = ["Report", "manifest", "replay_backtest"]

# What changes nothing in a run's result.
_ASIDE = ("stream", "on_restart", "priority", "name", "tags", "note")
_APART = ("search_space", "base_backtest")


@frozen(eq=False)
class Report:
    """The findings of a search; plain JSON values throughout.

    Attributes:
        diagnostics: Figures; `ledger` in it comes from the ledger, all else from the search alone.
        validation: What was found out of sample; empty where no winner is scored by itself.
        replay_backtest: Document of the best trial's backtest; None if no trial can win.
        manifest: Request, trials and figures, for a record.
    """

    diagnostics: Mapping[str, Any]
    validation: Mapping[str, Any]
    replay_backtest: Mapping[str, Any] | None
    manifest: Mapping[str, Any]


def replay_backtest(request: OptimizationRequest, trial: Trial | None) -> Mapping[str, Any] | None:
    """Return the document of a trial's backtest, as `POST /backtests` takes it."""
    if trial is None:
        return None
    document = request_document(applied(request.base_backtest, trial.parameters))
    return {name: value for name, value in document.items() if name not in _ASIDE}


def manifest(
    request: OptimizationRequest,
    trials: Sequence[Trial],
    best: Trial | None,
    diagnostics: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Return the record of a search; it holds no time and nothing of the ledger.

    Args:
        request: The request.
        trials: All trials, by number.
        best: The best one; None if no trial can win.
        diagnostics: The figures.
    """
    document = optimization_document(request)
    figures = {name: value for name, value in diagnostics.items() if name != "ledger"}
    return {
        "manifest_version": "1.0",
        "kind": "optimization_run",
        "engine": {"name": "glowback-trio", "version": VERSION},
        "request": {name: value for name, value in document.items() if name not in _APART},
        "search_space": document["search_space"],
        "base_backtest": document["base_backtest"],
        "trial_lineage": [_line(request, trial) for trial in trials],
        "best_trial": None if best is None else trial_document(best),
        "replay_backtest": replay_backtest(request, best),
        "diagnostics": figures,
        "execution_plan": {
            "mode": "local_python",
            "cancellation_supported": True,
            "resume_supported": True,
            **request.resources,
        },
    }


def _line(request: OptimizationRequest, trial: Trial) -> Mapping[str, Any]:
    sought = [each.metric for each in request.scored_by]
    before = ("", "train_", "validation_", "full_", "generalization_gap_", "validation_full_gap_")
    names = [*(prefix + name for name in sought for prefix in before)]
    return {
        "trial_id": trial.trial_id,
        "trial_number": trial.trial_number,
        "status": trial.status,
        "objective": trial.objective,
        "parameters": dict(trial.parameters),
        "objective_metrics": {name: trial.metrics[name] for name in names if name in trial.metrics},
        "error": trial.error,
    }
