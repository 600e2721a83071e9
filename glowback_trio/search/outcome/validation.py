"""The validation of a search's winners, as its mode has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.model.events import EventDraft
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.evaluation import Evaluation
from glowback_trio.search.outcome.fold_validation import FoldValidation
from glowback_trio.search.outcome.refit_validation import RefitValidation

__all__ = ["Validation", "validation_of"]


class Validation(Protocol):
    """The validation of winners, once all trials are told."""

    def plans(self) -> Sequence[TrialPlan]:
        """Return what to evaluate, numbered from 1."""

    def tell(self, outcome: TrialOutcome) -> Sequence[EventDraft]:
        """Take the outcome of the next plan, and return the drafts of the events it makes."""

    def document(self) -> Mapping[str, Any]:
        """Return what was found out of sample, as plain JSON values."""


class _NoWinners:
    """The validation of modes in which every trial is scored on what is held out, or none is."""

    def plans(self) -> Sequence[TrialPlan]:
        """Return nothing."""
        return []

    def tell(self, outcome: TrialOutcome) -> Sequence[EventDraft]:
        """Refuse: nothing is asked for."""
        raise ValueError(f"no validation is asked for, so none has the number {outcome}")

    def document(self) -> Mapping[str, Any]:
        """Return nothing."""
        return {}


def validation_of(evaluation: Evaluation, trials: Sequence[Trial]) -> Validation:
    """Return the validation of a search.

    Args:
        evaluation: How trials are evaluated.
        trials: All trials, by number.
    """
    if evaluation.refits:
        return RefitValidation(evaluation, trials)
    if evaluation.splits is not None:
        return FoldValidation(evaluation, evaluation.splits, trials)
    return _NoWinners()
