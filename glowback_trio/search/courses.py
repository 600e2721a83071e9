"""The searches of an optimization: one, or one for every split and then one over everything."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from glowback_trio.model.optimization.request import LEARNING, OptimizationRequest
from glowback_trio.search.evaluation import Evaluation
from glowback_trio.search.samplers.domain import Domain
from glowback_trio.search.samplers.drawn import drawn_sampler, grid_sampler
from glowback_trio.search.samplers.points import latin_points, random_points, sobol_points
from glowback_trio.search.samplers.sampler import Sampler

__all__ = ["Course", "courses_of", "split_total"]

_POINTS = {"random": random_points, "sobol": sobol_points, "latin_hypercube": latin_points}


@frozen
class Course:
    """One search.

    Attributes:
        sampler: How it chooses.
        split: The split that it looks for the winner of; None: everything.
    """

    sampler: Sampler
    split: int | None = None


def courses_of(evaluation: Evaluation) -> Sequence[Course]:
    """Return the searches, in the order they are run."""
    request = evaluation.request
    splits = split_total(evaluation) if request.strategy in LEARNING else 0
    # Another seed for each, or their first trials would be the same.
    seeds = [request.random_seed + number for number in range(splits + 1)]
    numbers = [*range(splits), None]
    return [Course(_sampler(request, seed), n) for n, seed in zip(numbers, seeds, strict=True)]


def _sampler(request: OptimizationRequest, seed: int) -> Sampler:
    domain = Domain.of(request)
    if request.strategy == "grid":
        return grid_sampler(domain, request.max_trials)
    return drawn_sampler(domain, _POINTS[request.strategy], request.max_trials, seed)


def split_total(evaluation: Evaluation) -> int:
    """Return how many splits have a winner of their own."""
    return len(evaluation.refits)
