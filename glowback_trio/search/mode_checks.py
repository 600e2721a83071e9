"""What does not go together in a request: ways to search, objectives, validations, ranges."""

from __future__ import annotations

from collections.abc import Iterator

from glowback_trio.engine.trials.windows import refit_windows
from glowback_trio.errors import Problem
from glowback_trio.model.optimization.request import FOLDED, OptimizationRequest

__all__ = ["mode_problems"]

_ONE_WINNER = frozenset({"walk_forward_refit", *FOLDED})


def mode_problems(request: OptimizationRequest) -> Iterator[Problem]:
    """Yield a problem for each combination of settings that cannot be carried out."""
    yield from _objective_problems(request)
    yield from _range_problems(request)


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
