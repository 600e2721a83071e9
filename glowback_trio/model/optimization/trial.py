"""Trials: one choice of parameters each, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import Factory, frozen

from glowback_trio.model.short_repr import describe

__all__ = ["Trial", "TrialStatus"]

TrialStatus = Literal["pending", "running", "completed", "failed"]


@frozen(kw_only=True, repr=False)
class Trial:
    """One finished trial, as its event tells it.

    Attributes:
        trial_number: 1, 2, 3 … within the optimization, over all its attempts.
        status: `completed`, or `failed`; the others are for lists of trials under way.
        parameters: What was chosen, by the names of the search space.
        objective: What it is ranked by; None if it failed, or is undefined (NaN).
        objectives: The value of every objective's metric, in the order of the request.
        metrics: Every metric of the full run, and those of the validation, such as
            `train_sharpe_ratio`, `validation_sharpe_ratio`, `full_sharpe_ratio`.
        feasible: Whether it meets every constraint on metrics.
        error: Why it failed, as a sentence; None otherwise.
        split: The split of a search that begins anew for each, from 0; None where there is one.
        budget: The part of the range that it was tried on, as a fraction: below 1 in the early
            rounds of `successive_halving`, and then it cannot win.
        split_scores: The objective in training and in what was held out, for every window or
            split that has a winner of its own; None where it is undefined or not evaluated.
    """

    trial_number: int
    status: TrialStatus
    parameters: Mapping[str, object]
    objective: float | None = None
    objectives: Sequence[float | None] = ()
    metrics: Mapping[str, float | int | None] = Factory(dict)
    feasible: bool = True
    error: str | None = None
    split: int | None = None
    budget: float = 1.0
    split_scores: Sequence[tuple[float | None, float | None]] = ()

    def __repr__(self) -> str:
        return describe(self, self.trial_id, self.status, objective=self.objective)

    @property
    def trial_id(self) -> str:
        """Its id within the optimization, such as `trial-17`."""
        return f"trial-{self.trial_number}"

    @property
    def ranked(self) -> bool:
        """True if it can win, in its split or at all."""
        scored = self.status == "completed" and self.objective is not None
        return scored and self.feasible and self.budget == 1.0
