"""Trials as documents: the payload of a trial's event, and what else a response says of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.wire.converter import Document

__all__ = ["Durations", "parse_trial", "timed_trial_document", "timed_trials", "trial_document"]

#: Seconds that trials took, by their numbers. They come from a clock, so no event has them.
Durations = Mapping[int, float]

_KNOWN = frozenset(field.name for field in attrs.fields(Trial))


def trial_document(trial: Trial) -> Document:
    """Write a trial as the payload of its event."""
    return {
        "trial_id": trial.trial_id,
        "trial_number": trial.trial_number,
        "status": trial.status,
        "parameters": dict(trial.parameters),
        "objective": trial.objective,
        "objectives": list(trial.objectives),
        "metrics": dict(trial.metrics),
        "feasible": trial.feasible,
        "error": trial.error,
        "split": trial.split,
        "budget": trial.budget,
        "split_scores": [list(scores) for scores in trial.split_scores],
    }


def timed_trial_document(trial: Trial, durations: Durations) -> Document:
    """Write a trial as statuses and results have it: with the time that it took.

    `duration_seconds` is in whole seconds, as other servers of this API have it, and
    `duration_ms` exact; both are null where the time is not known.
    """
    seconds = durations.get(trial.trial_number)
    return {
        **trial_document(trial),
        "duration_seconds": None if seconds is None else math.floor(seconds),
        "duration_ms": None if seconds is None else round(seconds * 1000, 3),
    }


def timed_trials(trials: Iterable[Trial], durations: Durations) -> Iterator[Document]:
    """Yield the documents of trials, each with its time."""
    return (timed_trial_document(trial, durations) for trial in trials)


def parse_trial(document: Any) -> Trial:
    """Read a trial as `trial_document` writes it; unknown fields are ignored.

    Raises:
        InvalidRequestError: It is none.
    """
    # By hand: an optimization of ten thousand trials is read in a moment.
    try:
        fields = {name: document[name] for name in _KNOWN & document.keys()}
        chosen = {name: _frozen(value) for name, value in document["parameters"].items()}
        more = {
            "parameters": chosen,
            "objectives": tuple(document.get("objectives", ())),
            "split_scores": tuple(tuple(scores) for scores in document.get("split_scores", ())),
        }
        return Trial(**{**fields, **more})
    except (AttributeError, KeyError, TypeError) as error:
        problem = Problem("value_error", (), f"Input should be a trial ({error!r})")
        raise InvalidRequestError([problem]) from None


def _frozen(value: object) -> object:
    """Return a chosen list of symbols as the tuple that it was."""
    return tuple(value) if isinstance(value, list) else value
