"""Windows of an optimization: the parts of its range that are trained on and held out.

They are whole days by the calendar, as the reference server cuts them: bars are not counted, so
that the windows are known before any are loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from attrs import frozen

from glowback_trio.engine.trials.plan import Segment
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest

__all__ = ["HeldOut", "Refit", "held_out", "refit_windows"]

_LEAST_DAYS = 8  # of a range that anything is held out of
_DAY = timedelta(days=1)


@frozen
class HeldOut:
    """The segments that `holdout` and `walk_forward` score a trial on.

    Attributes:
        train: The range before the first window; None where it is too short.
        windows: What is held out, one after the other; empty where the whole range is too short.
    """

    train: Segment | None = None
    windows: tuple[Segment, ...] = ()


@frozen
class Refit:
    """One step of `walk_forward_refit`: the search runs in `train`, its winner in `test`."""

    train: Segment
    test: Segment


def held_out(request: OptimizationRequest) -> HeldOut:
    """Return the windows of `holdout` and `walk_forward`; nothing for other modes.

    With D days in the range, the last int(D x validation_fraction), one at least, are held out in
    windows that differ by one day at most, the longer ones first. Nothing is held out of less than
    8 days.
    """
    if request.validation_mode not in ("holdout", "walk_forward"):
        return HeldOut()
    count = 1 if request.validation_mode == "holdout" else request.walk_forward_windows
    base, cuts = request.base_backtest, _cuts(request, count)
    if not cuts:
        return HeldOut()
    windows = tuple(_named(base, "window", cuts))
    # A training part of a single day, as the reference server has it, is none.
    train = _segment("train", base, 0, cuts[0]) if cuts[0] > 1 else None
    return HeldOut(train, windows)


def refit_windows(request: OptimizationRequest) -> tuple[Refit, ...]:
    """Return the steps of `walk_forward_refit`; none for other modes, or in less than 8 days.

    The tests are the windows of `walk_forward`. The search before each sees everything up to it if
    the request is `anchored`, else as many days as the search before the first.
    """
    if request.validation_mode != "walk_forward_refit":
        return ()
    base, cuts = request.base_backtest, _cuts(request, request.walk_forward_windows)
    tests = _named(base, "test", cuts)
    return tuple(
        Refit(
            _segment(f"train-{number}", base, 0 if request.anchored else cut - cuts[0], cut),
            test,
        )
        for number, (cut, test) in enumerate(zip(cuts, tests, strict=False), 1)
    )


def _cuts(request: OptimizationRequest, count: int) -> list[int]:
    """Return the days on which windows begin, counted from the first, and the day after the last.

    Empty if the range is too short.
    """
    days = _days(request.base_backtest)
    if days < _LEAST_DAYS:
        return []
    out = max(1, int(days * request.validation_fraction))
    count = min(count, out)
    each, longer = divmod(out, count)
    cuts = [days - out]
    for number in range(count):
        cuts.append(cuts[-1] + each + (number < longer))
    return cuts


def _days(base: BacktestRequest) -> int:
    return (base.end_date.date() - base.start_date.date()).days + 1


def _named(base: BacktestRequest, kind: str, cuts: list[int]) -> Iterator[Segment]:
    for number, (first, after) in enumerate(pairwise(cuts), 1):
        yield _segment(f"{kind}-{number}", base, first, after)


def _segment(name: str, base: BacktestRequest, first: int, after: int) -> Segment:
    """Return the segment from one day to before another, both counted from the range's first."""
    midnight = datetime.combine(base.start_date.date(), time.min, UTC)
    start = base.start_date if first == 0 else midnight + first * _DAY
    # The range's own last day ends when the range does.
    last = datetime.combine(midnight + (after - 1) * _DAY, time.max, UTC)
    return Segment(name, start, base.end_date if after == _days(base) else last)
