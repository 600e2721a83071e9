"""Crossovers in the kernel. The counterpart of `_ma_crossover` in `strategies.builtin`."""

from __future__ import annotations

from typing import Protocol

from glowback_trio.engine.kernel.tables import Integers
from glowback_trio.engine.tolerance import EQUAL
from glowback_trio.model.bars import Floats

__all__ = ["Crossings", "crossings"]


class Crossings(Protocol):
    """`crossings`, compiled or not."""

    def __call__(
        self,
        close: Floats,
        column: int,
        periods: tuple[int, int, int],
        targets: tuple[float, float],
        tails: Floats,
        rows: Integers,
        fractions: Floats,
        /,
    ) -> int:
        """See `crossings`."""


def crossings(
    close: Floats,
    column: int,
    periods: tuple[int, int, int],
    targets: tuple[float, float],
    tails: Floats,
    rows: Integers,
    fractions: Floats,
) -> int:
    """Find the bars where the fast mean of a symbol changes to the other side of the slow one.

    Both means are carried along from bar to bar, added in the order of `rolling_mean`, and no array
    of them is made: over a million bars memory would take most of the time.

    Args:
        close: (W + T, N) closes, currency, positive.
        column: The symbol's.
        periods: Of the fast mean, of the slow one, both at least 1; and W, the rows before those
            that are looked at.
        targets: While the fast mean is above, and while it is below.
        tails: (fast + slow,) scratch.
        rows: (T,) receives the bars, counted from row W.
        fractions: (T,) receives their targets.

    Returns:
        How many there are.
    """
    fast, slow, warmup = periods
    above, below = targets
    first = max(fast - 1, slow - 1, warmup)
    fast_head, slow_head, fast_at, slow_at = 0.0, 0.0, 0, 0
    tails[:] = 0.0
    count, last = 0, 0
    for row in range(len(close)):
        price = close[row, column]
        fast_head += price
        slow_head += price
        if row >= first:
            slow_mean = (slow_head + tails[fast + slow_at]) / slow
            lead, tie = (fast_head + tails[fast_at]) / fast - slow_mean, slow_mean * EQUAL
            side = 0
            if lead > tie:
                side = 1
            elif lead < -tie:
                side = -1
            if side not in (0, last):
                last = side
                rows[count] = row - warmup
                fractions[count] = above if side > 0 else below
                count += 1
        fast_at += 1
        slow_at += 1
        if fast_at == fast:
            _cut(close, column, row, fast, tails, 0)
            fast_head, fast_at = 0.0, 0
        if slow_at == slow:
            _cut(close, column, row, slow, tails, fast)
            slow_head, slow_at = 0.0, 0
    return count


def _cut(close: Floats, column: int, row: int, window: int, tails: Floats, place: int) -> None:
    """Sum what the windows of the next block have of the one that ends at a row.

    The first window of the next block has all of it but the first bar; the last has none of it.
    """
    tail = 0.0
    for back in range(window - 1):
        tail += close[row - back, column]
        tails[place + window - 2 - back] = tail
