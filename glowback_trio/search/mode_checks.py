"""Combinations of settings that a request may not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from glowback_trio.engine.trials.windows import refit_windows
from glowback_trio.errors import Problem
from glowback_trio.extras import CMAES, OPTUNA, Extra
from glowback_trio.model.optimization.request import FOLDED, OptimizationRequest, Search

__all__ = ["mode_problems"]

_EXTRAS: Mapping[Search, Extra] = {"bayesian": OPTUNA, "cma": CMAES}
_RANKING = frozenset({"cma", "successive_halving"})
_ONE_WINNER = frozenset({"walk_forward_refit", *FOLDED})


def mode_problems(request: OptimizationRequest) -> Iterator[Problem]:
    """Yield a problem for each combination of settings that cannot be carried out."""
    yield from _sampler_problems(request)
    yield from _objective_problems(request)
    yield from _range_problems(request)


def _sampler_problems(request: OptimizationRequest) -> Iterator[Problem]:
    path, how = ("strategy",), request.strategy
    extra = _EXTRAS.get(how)
    if extra is not None and not extra.is_installed:
        yield Problem("not_available", path, extra.advice, how)
    if how in _RANKING and request.pareto:
        message = f"{how} ranks trials by one number: give the objectives weights, or use bayesian"
        yield Problem("value_error", ("objectives",), message)
    if how == "successive_halving" and request.validation_mode in FOLDED:
        message = f"{request.validation_mode} needs trials on the whole range, which {how} shortens"
        yield Problem("value_error", path, message, how)
    if how == "cma":
        parameters = request.search_space.parameters
        for index, each in enumerate(parameters):
            if each.kind == "choice":
                message = "cma moves through ranges, and a choice has none: use bayesian"
                place = ("search_space", "parameters", index, "kind")
                yield Problem("value_error", place, message, each.kind)
        if len(parameters) < 2:
            message = "cma needs two parameters at least: use bayesian, or a grid"
            yield Problem("value_error", path, message, how)


def _objective_problems(request: OptimizationRequest) -> Iterator[Problem]:
    mode, many = request.validation_mode, len(request.objectives)
    if mode in FOLDED and many > 1:
        message = f"{mode} scores one objective; there are {many}"
        yield Problem("value_error", ("objectives",), message)
    elif mode in _ONE_WINNER and request.pareto:
        message = f"{mode} needs one winner for each window: give the objectives weights"
        yield Problem("value_error", ("objectives",), message)


def _range_problems(request: OptimizationRequest) -> Iterator[Problem]:
    base, mode = request.base_backtest, request.validation_mode
    days = (base.end_date.date() - base.start_date.date()).days + 1
    path, windows = ("walk_forward_windows",), request.walk_forward_windows
    if mode == "walk_forward_refit" and len(found := refit_windows(request)) < windows:
        message = (
            f"Of {days} days, {int(days * request.validation_fraction)} are held out, which "
            f"{windows} windows do not fit into ({len(found)} do); a range has 8 days at least"
        )
        yield Problem("range_too_short", path, message, windows)
    if mode in FOLDED and base.resolution == "day" and days - 1 < request.folds:
        message = f"{days} days are too few for {request.folds} folds: ask for a longer range"
        yield Problem("range_too_short", ("folds",), message, request.folds)
