"""The events of a search, before an optimization numbers and dates them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from glowback_trio.model.events import EventDraft, OptimizationEventType
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.wire.optimizations.trials import trial_document

__all__ = [
    "best_draft",
    "generation_draft",
    "note_draft",
    "progress_draft",
    "trial_draft",
    "validation_draft",
]


def trial_draft(trial: Trial) -> EventDraft:
    """Return the event of a trial."""
    return _draft("trial", trial_document(trial))


def best_draft(trial: Trial, previous: Trial | None) -> EventDraft:
    """Return the event that a trial is better than the best before.

    Args:
        trial: The trial.
        previous: The best before; None if it is the first.
    """
    payload = {
        "trial_number": trial.trial_number,
        "objective": trial.objective,
        "parameters": trial.parameters,
        "previous": None if previous is None else previous.trial_number,
    }
    return _draft("best", payload)


def generation_draft(number: int, first_trial: int, trials: int) -> EventDraft:
    """Return the event that begins a batch of trials that is chosen by those before.

    Args:
        number: Number of the batch, from 1.
        first_trial: Number of its first trial.
        trials: Trials in it.
    """
    payload = {"generation": number, "first_trial": first_trial, "trials": trials}
    return _draft("generation", payload)


def progress_draft(progress: float, *, completed: int, failed: int, most: int) -> EventDraft:
    """Return the event that says how far the search is.

    Args:
        progress: From 0 to 1.
        completed: Trials that ended with metrics.
        failed: Trials that failed.
        most: Trials that there will be, at most.
    """
    payload = {
        "progress": progress,
        "trials_completed": completed,
        "trials_failed": failed,
        "max_trials": most,
    }
    return EventDraft("progress", orjson.dumps(payload), 0, progress)


def note_draft(message: str, level: str = "info") -> EventDraft:
    """Return a log event.

    Args:
        message: A sentence.
        level: `info` or `warning`.
    """
    return _draft("log", {"level": level, "message": message})


def validation_draft(payload: Mapping[str, Any]) -> EventDraft:
    """Return the event of a winner that was scored on what was held out."""
    return _draft("validation", payload)


def _draft(kind: OptimizationEventType, payload: Mapping[str, Any]) -> EventDraft:
    return EventDraft(kind, orjson.dumps(payload), 0)
