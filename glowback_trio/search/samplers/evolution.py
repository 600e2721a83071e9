"""A sampler that learns by CMA-ES: a cloud of points that moves and stretches towards good ones.

Source: N. Hansen and A. Ostermeier, Completely Derandomized Self-Adaptation in Evolution
Strategies, 2001; carried out by the package `cmaes`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice
from random import Random
from typing import Any

import numpy as np
from attrs import frozen

from glowback_trio.extras import CMAES
from glowback_trio.model.bars import Floats
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.domain import Domain, identity
from glowback_trio.search.samplers.drawn import fresh_combinations
from glowback_trio.search.samplers.points import random_points
from glowback_trio.search.samplers.sampler import Candidate, Score

__all__ = ["EvolutionSampler"]

# Points for one candidate that may break a rule, and generations in a row without a new one.
_PATIENCE, _BARREN = 100, 20
_SIGMA = 0.3  # of the unit cube
_SEEDS = 1 << 32


@frozen(eq=False)
class _Point:
    """A point of a generation; no combination where every point that was drawn breaks a rule."""

    place: Floats
    key: Hashable | None


class EvolutionSampler:
    """A sampler that learns by CMA-ES. A batch is one generation.

    What was tried before is not tried again: its score is known. When the cloud has shrunk to a
    point, another begins elsewhere; when it meets nothing new, candidates are drawn at random.

    Args:
        domain: What may be chosen, on two axes at least.
        most: Candidates at most.
        seed: Seed of what is drawn.
        batch_size: Points of a generation.
    """

    learns = True
    refused: Sequence[str] = ()

    def __init__(self, domain: Domain, most: int, seed: int, *, batch_size: int) -> None:
        self._domain = domain
        self._seed = seed
        self._size = max(batch_size, 4)
        self._clouds = 0
        self._cloud: Any = None
        self._points: list[_Point] = []
        self._scores: dict[Hashable, Score | None] = {}
        self.total = most

    @property
    def shortfall(self) -> str:
        """Say why there were fewer candidates than there could be; empty if there were not."""
        if len(self._scores) == self.total:
            return ""
        return f"Only {len(self._scores)} of {self.total} combinations that differ could be found"

    def ask(self) -> Sequence[Candidate]:
        """Return the next batch; empty if there is none left."""
        for _ in range(_BARREN if len(self._scores) < self.total else 0):
            if self._points:
                self._learn()
            batch: dict[Hashable, Candidate] = {}
            for _ in range(self._size):
                point, candidate = self._drawn()
                self._points.append(point)
                if candidate is not None and point.key not in self._scores:
                    batch.setdefault(point.key, candidate)
            if batch:
                return list(batch.values())[: self.total - len(self._scores)]
        return self._elsewhere()

    def retake(self, trials: Sequence[Trial]) -> int:
        """Prefer to be asked: the cloud has to move as it did."""
        return 0

    def tell(self, trials: Sequence[Trial], scores: Sequence[Score | None]) -> None:
        """Take what came of the last batch."""
        for trial, score in zip(trials, scores, strict=True):
            self._scores[identity(trial.parameters)] = score

    def _elsewhere(self) -> Sequence[Candidate]:
        """Return combinations drawn at random, for when the cloud meets nothing new any more."""
        count = min(self._size, self.total - len(self._scores))
        draw = Random(self._seed * 1_000_003 + len(self._scores))  # noqa: S311 - drawn again alike
        fresh = fresh_combinations(self._domain, random_points, 1, draw, self._scores)
        return [Candidate(values) for values in islice(fresh, count)]

    def _drawn(self) -> tuple[_Point, Candidate | None]:
        if self._cloud is None or self._cloud.should_stop():
            self._cloud = self._new_cloud()
        for _ in range(_PATIENCE):
            place = self._cloud.ask()
            values = self._domain.at(place.tolist())
            if self._domain.broken(values) is None:
                return _Point(place, identity(values)), Candidate(values)
        return _Point(place, None), None

    def _learn(self) -> None:
        """Move the cloud by the last generation; what has no score counts as the worst of all."""
        known = [score[0] for score in self._scores.values() if score is not None]
        worst = min(known, default=0.0)
        told = []
        for point in self._points:
            score = None if point.key is None else self._scores.get(point.key)
            told.append((point.place, -(worst if score is None else score[0])))
        self._cloud.tell(told)
        self._points = []

    def _new_cloud(self) -> Any:
        axes = len(self._domain.axes)
        self._clouds += 1
        seed = (self._seed * 1_000_003 + self._clouds) % _SEEDS
        draw = Random(seed)  # noqa: S311 - a search wants points that can be drawn again
        middle = [0.5 if self._clouds == 1 else draw.random() for _ in range(axes)]
        return CMAES.load("cmaes").CMA(
            mean=np.array(middle),
            sigma=_SIGMA,
            bounds=np.array([[0.0, 1.0]] * axes),
            seed=seed,
            population_size=self._size,
        )
