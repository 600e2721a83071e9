"""Rules of an optimization's request that need more than its fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Any

from attrs import evolve

from glowback_trio.engine.trials.splits import split_count
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, hints, holds, value_problems
from glowback_trio.model.optimization.overlay import loading_request, name_problems, place_of
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Parameter, SearchSpace
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.search.evaluation import Evaluation, splits_of
from glowback_trio.search.metric_checks import metric_problems
from glowback_trio.search.mode_checks import mode_problems
from glowback_trio.search.samplers.domain import Domain
from glowback_trio.search.samplers.drawn import fresh_combinations
from glowback_trio.search.samplers.points import random_points
from glowback_trio.search.split_searches import search_count

__all__ = ["request_problems"]

SourceProblems = Callable[[BacktestRequest], Iterable[Problem]]


def request_problems(
    request: OptimizationRequest, *, source_problems: SourceProblems | None = None
) -> Iterator[Problem]:
    """Yield everything that is wrong with a request whose fields are within their bounds.

    Combinations of parameters are looked at only once the parameters themselves are fine, and the
    source is asked last.

    Args:
        request: The request.
        source_problems: Returns what the source of bars has against a backtest; None: nobody is
            asked.
    """
    problems = [*_parameter_problems(request), *metric_problems(request), *mode_problems(request)]
    problems = problems or [*_combination_problems(request)]
    if not problems and source_problems is not None:
        problems = [*_source_problems(request, source_problems)]
    yield from problems


def _parameter_problems(request: OptimizationRequest) -> Iterator[Problem]:
    base, space = request.base_backtest, request.search_space
    problems = list(name_problems(base, space))
    unknown = {each.path[1] for each in problems}
    for index, parameter in enumerate(space.parameters):
        if index not in unknown:
            found = _value_problems(base, parameter)
            problems += [each.under(index).under("parameters") for each in found]
    for problem in problems:
        yield problem.under("search_space")


def _value_problems(base: BacktestRequest, parameter: Parameter) -> Iterator[Problem]:
    """Yield a problem for each end of a range, or value of a choice, that its field refuses."""
    owner, key = _field(base, parameter.name)
    hint = hints(owner)[key]
    is_whole = holds(hint, int) and not holds(hint, float)
    if is_whole and _gives_fractions(parameter):
        message = f"{parameter.name} is a whole number: use the kind int_range"
        yield Problem("value_error", ("kind",), message, parameter.kind)
        return
    for path, value in _ends(parameter):
        whole = is_whole and isinstance(value, float) and value.is_integer()
        entry: Any = int(value) if whole and isinstance(value, float) else value
        if key == "target_weights":
            entry = {"of one symbol": value}
        for problem in value_problems(owner, key, entry):
            yield Problem(problem.kind, path, problem.message, value)


def _field(base: BacktestRequest, name: str) -> tuple[type[Checked], str]:
    """Return what a parameter sets: a class, and one of its fields."""
    if name == "symbols":
        return BacktestRequest, "symbols"
    place, key = place_of(name)
    if place == "weights":
        return PortfolioConstruction, "target_weights"
    return type(getattr(base, place)), key


def _gives_fractions(parameter: Parameter) -> bool:
    if parameter.kind == "log_uniform":
        return True
    ends = [each for each in (parameter.low, parameter.step) if each is not None]
    stepped = parameter.step is not None and all(each == math.floor(each) for each in ends)
    return parameter.kind == "float_range" and not stepped


def _ends(parameter: Parameter) -> Sequence[tuple[tuple[str | int, ...], object]]:
    if parameter.kind == "choice":
        return [(("values", index), value) for index, value in enumerate(parameter.values)]
    ends = [("low", parameter.low), ("high", parameter.high)]
    is_whole = parameter.kind == "int_range"
    return [((name,), int(end) if is_whole and end is not None else end) for name, end in ends]


def _combination_problems(request: OptimizationRequest) -> Iterator[Problem]:
    domain = Domain.of(request)
    if request.strategy == "grid":
        grid = domain.grid()
        count = grid.count(request.max_trials)
        size = domain.grid_size if count is None else count
        if size > request.max_trials:
            before = ", what constraints leave out included" if count is None else ""
            message = (
                f"The grid has {size:,} combinations{before}, more than max_trials, which is "
                f"{request.max_trials:,}; raise that, or make the grid coarser"
            )
            yield Problem("too_many_trials", ("max_trials",), message, request.max_trials)
            return
    yield from _split_problems(request)
    # A single combination is looked for at random, whatever the search: that takes no extra.
    draw = Random(request.random_seed)  # noqa: S311 - the same answer every time
    drawn = fresh_combinations(domain, random_points, 1, draw)
    if next(iter(domain.grid()) if request.strategy == "grid" else drawn, None) is None:
        reasons = "; ".join(dict.fromkeys(rule.reason for rule in domain.rules))
        message = f"No combination of the parameters meets all of: {reasons}"
        path = ("search_space", "constraints")
        yield Problem("value_error", path, message, list(request.search_space.constraints))


_MOST_TRIALS = 10_000
_MOST_SPLITS = 300


def _split_problems(request: OptimizationRequest) -> Iterator[Problem]:
    splits = splits_of(request)
    if splits is not None and (count := split_count(splits)) > _MOST_SPLITS:
        message = (
            f"{request.folds} folds of which {request.test_folds} are held out make {count:,} "
            f"splits; at most {_MOST_SPLITS} are evaluated"
        )
        yield Problem("too_many_splits", ("test_folds",), message, request.test_folds)
        return
    searches = search_count(Evaluation.of(request))
    if (total := searches * request.max_trials) > _MOST_TRIALS:
        message = (
            f"{request.strategy} searches once for each of {searches - 1} splits, and once over "
            f"everything: {searches} times max_trials are {total:,} trials; at most "
            f"{_MOST_TRIALS:,} are evaluated"
        )
        yield Problem("too_many_trials", ("max_trials",), message, request.max_trials)


def _source_problems(
    request: OptimizationRequest, source_problems: SourceProblems
) -> Iterator[Problem]:
    base = request.base_backtest
    try:
        loading = loading_request(base, request.search_space)
    except InvalidRequestError as error:
        yield from (each.under("base_backtest") for each in error.problems)
        return
    chosen = _chosen_symbols(request.search_space)
    for problem in source_problems(loading):
        match problem.path:
            case ("symbols", int(place)) if loading.symbols[place] in chosen:
                yield evolve(problem, path=chosen[loading.symbols[place]])
            case _:
                yield problem.under("base_backtest")


def _chosen_symbols(space: SearchSpace) -> dict[str, tuple[str | int, ...]]:
    """Return where in a request each symbol stands that a trial may choose."""
    found: dict[str, tuple[str | int, ...]] = {}
    for number, parameter in enumerate(space.parameters):
        if parameter.name != "symbols":
            continue
        for place, value in enumerate(parameter.values):
            path = ("search_space", "parameters", number, "values", place)
            if isinstance(value, str):
                found.setdefault(value, path)
            elif isinstance(value, tuple):
                for inner, symbol in enumerate(value):
                    found.setdefault(symbol, (*path, inner))
    return found
