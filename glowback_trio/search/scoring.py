"""Scores of trials: metrics, objective, and whether the constraints are met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from attrs import frozen

from glowback_trio.model.optimization.objectives import Direction, Objective
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Comparison
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.sampler import Score

__all__ = ["Metrics", "Numbers", "Scoring", "mean", "validated"]

Metrics = Mapping[str, float | int | None]
Numbers = Sequence[float | None]


@frozen
class Scoring:
    """The ranking of trials.

    Attributes:
        objectives: What is sought.
        pareto: Whether the objectives are kept apart.
        constraints: What the metrics of a trial have to meet.
    """

    objectives: tuple[Objective, ...]
    pareto: bool
    constraints: Sequence[Comparison]

    @classmethod
    def of(cls, request: OptimizationRequest) -> Scoring:
        """Return how the trials of a request are ranked."""
        constraints = [Comparison.read(text) for text in request.metric_constraints]
        return cls(request.scored_by, request.pareto, constraints)

    @property
    def direction(self) -> Direction:
        """True if a greater `Trial.objective` is better."""
        return "maximize" if self._weighted else self.objectives[0].direction

    @property
    def _weighted(self) -> bool:
        return self.objectives[0].weight is not None

    def values(self, metrics: Metrics) -> Numbers:
        """Return the value of every objective's metric; None where it is undefined."""
        return [_finite(metrics.get(each.metric)) for each in self.objectives]

    def objective(self, values: Numbers) -> float | None:
        """Return the single number that trials are ranked by.

        That is the first objective's value, or, where objectives have weights, the sum of value
        times weight, in which what should be small counts as negative.

        Args:
            values: The value of every objective.

        Returns:
            None if one of the values is.
        """
        known = [value for value in values if value is not None]
        if len(known) < len(values):
            return None
        if not self._weighted:
            return known[0]
        parts = zip(self.objectives, known, strict=True)
        return _finite(sum(_sign(each) * (each.weight or 0.0) * value for each, value in parts))

    def score(self, trial: Trial) -> Score | None:
        """Return the worth of a trial; None if it failed, is undefined or breaks a constraint."""
        if trial.status != "completed" or trial.objective is None or not trial.feasible:
            return None
        if not self.pareto:
            return (self.worth(trial.objective),)
        pairs = zip(self.objectives, trial.objectives, strict=True)
        return tuple(_sign(each) * value for each, value in pairs if value is not None)

    def worth(self, objective: float) -> float:
        """Return the worth of an objective: the greatest is best."""
        return objective if self.direction == "maximize" else -objective

    def feasible(self, metrics: Metrics) -> bool:
        """Return whether metrics meet every constraint; one that is undefined does not."""
        return all(each.holds(metrics) for each in self.constraints)


def validated(
    objective: Objective, train: float | None, held_out: Numbers, full: float | None
) -> dict[str, float | int | None]:
    """Return what a validation adds to the metrics of a trial, for one objective.

    Args:
        objective: The objective.
        train: Its metric in training.
        held_out: Its metric in everything that was held out.
        full: Its metric over the whole range.

    Returns:
        By name. A gap is positive where the trial did worse out of sample.
    """
    name = objective.metric
    score = mean(held_out)
    return {
        f"train_{name}": train,
        f"validation_{name}": score,
        **({f"validation_{name}_stddev": _deviation(held_out)} if len(held_out) > 1 else {}),
        "validation_windows": len(held_out),
        f"generalization_gap_{name}": _gap(objective, train, score),
        f"validation_full_gap_{name}": _gap(objective, full, score),
        f"full_{name}": full,
    }


def mean(values: Numbers) -> float | None:
    """Return the mean; None if there are no values, or one of them is None."""
    known = [value for value in values if value is not None]
    if not known or len(known) < len(values):
        return None
    return _finite(sum(known) / len(known))


def _deviation(values: Numbers) -> float | None:
    """Return the standard deviation of a population; None as `mean`."""
    center = mean(values)
    if center is None:
        return None
    squares = [(value - center) ** 2 for value in values if value is not None]
    return _finite(math.sqrt(sum(squares) / len(squares)))


def _gap(objective: Objective, inside: float | None, outside: float | None) -> float | None:
    if inside is None or outside is None:
        return None
    return inside - outside if objective.direction == "maximize" else outside - inside


def _sign(objective: Objective) -> float:
    return 1.0 if objective.direction == "maximize" else -1.0


def _finite(value: float | None) -> float | None:
    """Return a number as it is, and what is none as None."""
    return value if value is not None and math.isfinite(value) else None
