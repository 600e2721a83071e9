"""A sampler that learns by TPE: Optuna's estimator of where good trials are denser than others."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from random import Random
from typing import Any

from glowback_trio.extras import OPTUNA
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.axes import Axis
from glowback_trio.search.samplers.domain import Domain, identity
from glowback_trio.search.samplers.drawn import fresh_combinations
from glowback_trio.search.samplers.points import random_points
from glowback_trio.search.samplers.sampler import Candidate, Score

__all__ = ["BayesianSampler", "Coordinate"]

# Suggestions for one candidate that may be refused, or be what was tried before.
_PATIENCE = 10
_SEEDS = 1 << 32


class BayesianSampler:
    """A sampler that learns by TPE.

    The study is Optuna's, in memory. Every batch has a seed of its own, so what it suggests depends
    on the trials alone, and not on how they came into the study.

    Args:
        domain: What may be chosen.
        most: Candidates at most.
        seed: Seed of what is drawn.
        batch_size: Candidates at once.
        explored: Candidates that are drawn at random at first.
        objectives: Number of objectives that are kept apart.
    """

    learns = True
    refused: Sequence[str] = ()

    def __init__(
        self,
        domain: Domain,
        most: int,
        seed: int,
        *,
        batch_size: int,
        explored: int,
        objectives: int,
    ) -> None:
        self._domain = domain
        self._seed = seed
        self._batch_size = batch_size
        self._explored = explored
        self._objectives = objectives
        self._opened: Any = None
        self._coordinates = [Coordinate(axis) for axis in domain.axes]
        self._tried: dict[Hashable, None] = {}
        self._asked: list[Any] = []  # Optuna's trials of this batch; None for what is retaken
        self._scores: list[Score] = []
        self.total = most

    @property
    def _study(self) -> Any:
        # Importing Optuna takes a third of a second, so it waits until the first candidate.
        if self._opened is None:
            self._opened = _new_study(self._objectives)
        return self._opened

    @property
    def shortfall(self) -> str:
        """Say why there were fewer candidates than there could be; empty if there were not."""
        if len(self._tried) == self.total:
            return ""
        return f"Only {len(self._tried)} of {self.total} combinations that differ could be found"

    def ask(self) -> Sequence[Candidate]:
        """Return the next batch; empty if there is none left."""
        self._reseed()
        batch: list[Candidate] = []
        for _ in range(self._next_size):
            if (values := self._suggested()) is None:
                break
            self._tried[identity(values)] = None
            batch.append(Candidate(values))
        return batch

    def retake(self, trials: Sequence[Trial]) -> int:
        """Take a whole batch at once: suggesting it again would take much longer."""
        size = self._next_size
        if len(trials) < size:
            return 0
        for trial in trials[:size]:
            self._tried[identity(trial.parameters)] = None
            self._asked.append(None)
        return size

    def tell(self, trials: Sequence[Trial], scores: Sequence[Score | None]) -> None:
        """Take what came of the last batch; a trial without a score counts as the worst so far."""
        states = OPTUNA.load("optuna.trial").TrialState
        create = OPTUNA.load("optuna.trial").create_trial
        self._scores += [score for score in scores if score is not None]
        worst = tuple(map(min, zip(*self._scores, strict=True))) if self._scores else None
        for trial, score, asked in zip(trials, scores, self._asked, strict=True):
            # The suggestion that was asked for is given up: a study that is restored has none.
            if asked is not None:
                self._study.tell(asked, state=states.FAIL)
            if (value := score or worst) is not None:
                told = create(
                    values=value,
                    params={
                        each.name: each.of(trial.parameters[each.name])
                        for each in self._coordinates
                    },
                    distributions=self._distributions,
                )
                self._study.add_trial(told)
        self._asked = []

    @property
    def _next_size(self) -> int:
        return min(self._batch_size, self.total - len(self._tried))

    def _reseed(self) -> None:
        samplers = OPTUNA.load("optuna.samplers")
        seed = (self._seed * 1_000_003 + len(self._tried) * 9_973) % _SEEDS
        self._study.sampler = samplers.TPESampler(
            n_startup_trials=self._explored, multivariate=True, constant_liar=True, seed=seed
        )

    def _suggested(self) -> dict[str, object] | None:
        """Return a new combination; None if there is none."""
        states = OPTUNA.load("optuna.trial").TrialState
        for _ in range(_PATIENCE):
            asked = self._study.ask(self._distributions)
            values = self._values(asked.params)
            if identity(values) not in self._tried and self._domain.broken(values) is None:
                self._asked.append(asked)
                return values
            self._study.tell(asked, state=states.FAIL)
        draw = Random(self._seed * 1_000_003 + len(self._tried))  # noqa: S311 - drawn again alike
        fresh = fresh_combinations(self._domain, random_points, 1, draw, self._tried)
        found = next(fresh, None)
        self._asked += [] if found is None else [None]
        return found

    def _values(self, coordinates: Mapping[str, Any]) -> dict[str, object]:
        return {each.name: each.value(coordinates[each.name]) for each in self._coordinates}

    @property
    def _distributions(self) -> dict[str, Any]:
        return {each.name: each.distribution() for each in self._coordinates}


class Coordinate:
    """A parameter as Optuna has it: the number of its value, or the value itself in a range.

    Args:
        axis: The parameter.
    """

    def __init__(self, axis: Axis) -> None:
        self.name = axis.name
        self._axis = axis
        self._values = axis.values()
        self._numbers = {(type(each), each): place for place, each in enumerate(self._values)}

    def distribution(self) -> Any:
        """Return what Optuna may suggest."""
        distributions = OPTUNA.load("optuna.distributions")
        if self._axis.count is None:
            low, high = self._axis.grid[0], self._axis.grid[-1]
            return distributions.FloatDistribution(low, high, log=self._axis.log)
        if self._axis.ordered:
            return distributions.IntDistribution(0, len(self._values) - 1)
        return distributions.CategoricalDistribution(range(len(self._values)))

    def value(self, coordinate: Any) -> object:
        """Return the value of what Optuna suggests."""
        return self._values[coordinate] if self._values else coordinate

    def of(self, value: object) -> Any:
        """Return a value as Optuna has it."""
        return self._numbers[type(value), value] if self._values else value


def _new_study(objectives: int) -> Any:
    optuna, logging = OPTUNA.load("optuna"), OPTUNA.load("optuna.logging")
    before = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)  # it logs every new study
    try:
        return optuna.create_study(directions=["maximize"] * objectives)
    finally:
        logging.set_verbosity(before)
