"""Winners: the best trial of every split, by what was trained on alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import frozen

from glowback_trio.model.optimization.request import LEARNING, OptimizationRequest
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.scoring import Scoring

__all__ = ["Winner", "winners"]


@frozen
class Winner:
    """The best trial of a split.

    Attributes:
        split: Number of the split, from 0.
        trial: The trial.
        objective: Its objective in training.
    """

    split: int
    trial: Trial
    objective: float


def winners(
    request: OptimizationRequest, scoring: Scoring, trials: Sequence[Trial], splits: int
) -> Sequence[Winner]:
    """Return the winner of each split that has one; of equal trials the earliest wins.

    Args:
        request: The request.
        scoring: How trials are ranked.
        trials: All trials, by number.
        splits: Number of splits.
    """
    found: list[Winner] = []
    for split in range(splits):
        best = None
        for trial, objective in _candidates(request, trials, split):
            if best is None or scoring.worth(objective) > scoring.worth(best.objective):
                best = Winner(split, trial, objective)
        found += [] if best is None else [best]
    return found


def _candidates(
    request: OptimizationRequest, trials: Sequence[Trial], split: int
) -> Iterable[tuple[Trial, float]]:
    """Yield the trials that can win a split, with their objectives in training."""
    is_refit = request.validation_mode == "walk_forward_refit"
    for trial in trials:
        if request.strategy in LEARNING:
            if trial.split == split and trial.ranked and trial.objective is not None:
                yield trial, trial.objective
        elif split < len(trial.split_scores):
            # What breaks a constraint in training has no score there.
            objective, _ = trial.split_scores[split]
            if objective is not None and (trial.feasible or is_refit):
                yield trial, objective
