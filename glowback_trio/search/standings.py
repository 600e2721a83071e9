"""Which trials lead: the best one, and those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence

from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.sampler import Score
from glowback_trio.search.scoring import Scoring

__all__ = ["Standings"]


class Standings:
    """The trials that lead, one entered after the other.

    Args:
        scoring: How trials are ranked.
    """

    def __init__(self, scoring: Scoring) -> None:
        self._scoring = scoring
        self._best: tuple[Score, Trial] | None = None
        self._front: list[tuple[Score, int]] = []

    @property
    def best(self) -> Trial | None:
        """The best trial, of several the earliest; None if no trial can win.

        Where objectives are kept apart, it is the one of the front that is best in the first.
        """
        return None if self._best is None else self._best[1]

    @property
    def front(self) -> Sequence[int]:
        """Numbers of the trials that no other beats in every objective; of equal ones the first."""
        return [number for _, number in self._front]

    def enter(self, trial: Trial) -> bool:
        """Enter a trial, and return whether it is the new best one."""
        score = self._scoring.score(trial)
        # A search that begins anew for a split looks for the winner of that split only.
        if score is None or not trial.ranked or trial.split is not None:
            return False
        if self._scoring.pareto:
            self._enter_front(score, trial.trial_number)
        if self._best is not None and score <= self._best[0]:
            return False
        self._best = score, trial
        return True

    def _enter_front(self, score: Score, number: int) -> None:
        if any(_covers(other, score) for other, _ in self._front):
            return
        self._front = [each for each in self._front if not _covers(score, each[0])]
        self._front.append((score, number))


def _covers(one: Score, other: Score) -> bool:
    """Return whether a score is at least as good in every objective."""
    return all(a >= b for a, b in zip(one, other, strict=True))
