"""The searches of an optimization: one, or one for every split and then one over everything."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from attrs import frozen

from glowback_trio.engine.trials.splits import split_count
from glowback_trio.model.optimization.request import LEARNING, OptimizationRequest
from glowback_trio.search.evaluation import Evaluation
from glowback_trio.search.samplers.bayesian import BayesianSampler
from glowback_trio.search.samplers.domain import Domain
from glowback_trio.search.samplers.drawn import drawn_sampler, fresh_combinations, grid_sampler
from glowback_trio.search.samplers.evolution import EvolutionSampler
from glowback_trio.search.samplers.halving import HalvingSampler, rounds_of
from glowback_trio.search.samplers.points import latin_points, random_points, sobol_points
from glowback_trio.search.samplers.sampler import Sampler

__all__ = ["SplitSearch", "search_count", "split_searches"]

_POINTS = {"random": random_points, "sobol": sobol_points, "latin_hypercube": latin_points}


@frozen
class SplitSearch:
    """One search.

    Attributes:
        sampler: How it chooses.
        split: The split that it looks for the winner of; None: everything.
    """

    sampler: Sampler
    split: int | None = None


def search_count(evaluation: Evaluation) -> int:
    """Return how many searches there are: one for every split with a winner, and the last one."""
    if evaluation.request.strategy not in LEARNING:
        return 1  # all its trials are scored on all splits
    splits = evaluation.splits
    return 1 + (len(evaluation.refits) if splits is None else split_count(splits))


def split_searches(evaluation: Evaluation) -> Sequence[SplitSearch]:
    """Return the searches, in the order they are run."""
    request, domain = evaluation.request, Domain.of(evaluation.request)
    numbers = [*range(search_count(evaluation) - 1), None]
    # Another seed for each, or their first trials would be the same.
    seeds = range(request.random_seed, request.random_seed + len(numbers))
    return [
        SplitSearch(_sampler(request, domain, seed, _days(evaluation, split)), split)
        for split, seed in zip(numbers, seeds, strict=True)
    ]


def _days(evaluation: Evaluation, split: int | None) -> int:
    """Return the days of what is trained on."""
    inside = evaluation.trained_on(split)
    return (inside.end_date.date() - inside.start_date.date()).days + 1


def _sampler(request: OptimizationRequest, domain: Domain, seed: int, days: int) -> Sampler:
    most, batch = request.max_trials, request.batch_size
    match request.strategy:
        case "grid":
            return grid_sampler(domain, most)
        case "bayesian":
            return BayesianSampler(
                domain,
                most,
                seed,
                batch_size=batch,
                explored=max(1, round(most * request.exploration_weight)),
                objectives=len(request.objectives) if request.pareto else 1,
            )
        case "cma":
            return EvolutionSampler(domain, most, seed, batch_size=batch)
        case "successive_halving":
            rounds = rounds_of(most, days)
            draw = Random(seed)  # noqa: S311 - a search wants points that can be drawn again
            first = fresh_combinations(domain, random_points, rounds[0], draw)
            return HalvingSampler(first, rounds)
        case points:
            return drawn_sampler(domain, _POINTS[points], most, seed)
