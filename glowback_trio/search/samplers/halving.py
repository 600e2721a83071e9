"""Successive halving: many candidates on a short part of the range, the best on longer ones.

Source: K. Jamieson and A. Talwalkar, Non-stochastic Best Arm Identification and Hyperparameter
Optimization, 2016.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.sampler import Candidate, Score

__all__ = ["HalvingSampler", "rounds_of"]

_KEPT = 3  # one in so many goes on to the next round, on a part so many times as long
_MOST_ROUNDS = 4
_LEAST_DAYS = 20  # of the shortest part


def rounds_of(most: int, days: int) -> Sequence[int]:
    """Return the number of candidates of each round, the last one on the whole range.

    Args:
        most: Trials at most, over all rounds.
        days: Days of the range.
    """
    found = [most]
    for rounds in range(2, _MOST_ROUNDS + 1):
        parts = [_KEPT**each for each in range(rounds)]
        first = int(most / sum(1 / part for part in parts) + 1e-9)
        if first < parts[-1] or days < _LEAST_DAYS * parts[-1]:
            break
        found = [first // part for part in parts]
    return found


class HalvingSampler:
    """A sampler that drops the worse part of its candidates from round to round.

    Args:
        combinations: The candidates of the first round; read as far as needed.
        rounds: Number of candidates of each round.
    """

    learns = True
    refused: Sequence[str] = ()

    def __init__(self, combinations: Iterator[dict[str, object]], rounds: Sequence[int]) -> None:
        self._left = list(rounds)
        self._rounds = len(rounds)
        self._next: Iterator[dict[str, object]] = combinations
        self._given = 0
        self.total = sum(rounds)

    @property
    def shortfall(self) -> str:
        """Say why there were fewer candidates than there could be; empty if there were not."""
        if self._given == self.total:
            return ""
        return (
            f"Only {self._given} of {self.total} trials could be made: fewer combinations differ, "
            "or fewer trials of a round have an objective, than go on to the next"
        )

    def ask(self) -> Sequence[Candidate]:
        """Return the next batch, which is a whole round; empty if there is none left."""
        if not self._left:
            return []
        budget = 1.0 / _KEPT ** (len(self._left) - 1)
        batch = [Candidate(each, budget) for each in islice(self._next, self._left.pop(0))]
        self._given += len(batch)
        return batch

    def retake(self, trials: Sequence[Trial]) -> int:
        """Prefer to be asked, which is little work."""
        return 0

    def tell(self, trials: Sequence[Trial], scores: Sequence[Score | None]) -> None:
        """Take what came of a round: the best of it go on, of equal trials the earliest."""
        pairs = zip(trials, scores, strict=True)
        ranked = [(score, trial) for trial, score in pairs if score is not None]
        best = sorted(ranked, key=lambda each: each[0], reverse=True)
        self._next = (dict(trial.parameters) for _, trial in best)
