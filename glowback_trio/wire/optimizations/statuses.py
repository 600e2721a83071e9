"""Statuses of optimizations as documents."""

from __future__ import annotations

from typing import Any

import attrs

from glowback_trio.model.instant import stamp
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.wire.converter import Document, make_converter
from glowback_trio.wire.optimizations.trials import Durations, parse_trial, timed_trial_document

__all__ = ["optimization_status_document", "parse_optimization_status"]

_KNOWN = frozenset(field.name for field in attrs.fields(OptimizationStatus))


def _trial(document: Any, _hint: Any) -> Trial:
    return parse_trial(document)


_CONVERTER = make_converter()
_CONVERTER.register_structure_hook(Trial, _trial)

_NO_DURATIONS: Durations = {}


def optimization_status_document(
    status: OptimizationStatus, durations: Durations = _NO_DURATIONS
) -> Document:
    """Write a status as a document.

    Args:
        status: The status.
        durations: What is known of how long trials took.
    """
    best = status.best_trial
    return {
        "optimization_id": status.optimization_id,
        "name": status.name,
        "state": status.state.value,
        "strategy": status.strategy,
        "objective_metric": status.objective_metric,
        "direction": status.direction,
        "max_trials": status.max_trials,
        "trials_completed": status.trials_completed,
        "trials_failed": status.trials_failed,
        "trials_running": status.trials_running,
        "best_trial": best and timed_trial_document(best, durations),
        "created_at": stamp(status.created_at),
        "started_at": status.started_at and stamp(status.started_at),
        "finished_at": status.finished_at and stamp(status.finished_at),
        "error": status.error,
        "progress": status.progress,
        "attempt": status.attempt,
        "event_count": status.event_count,
        "paused": status.paused,
    }


def parse_optimization_status(document: object) -> OptimizationStatus:
    """Read a status as `optimization_status_document` writes it; unknown fields are ignored.

    Raises:
        InvalidRequestError: With every problem found.
    """
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name in _KNOWN}
    return _CONVERTER.structure(document, OptimizationStatus)
