"""Means in the kernel, and where they cross. The counterpart of `strategies.indicators`."""

from __future__ import annotations

import math
from typing import Protocol

from glowback_trio.engine.kernel.tables import Integers
from glowback_trio.engine.tolerance import EQUAL
from glowback_trio.model.bars import Floats

__all__ = ["CrossEach", "RollingMean", "cross_each", "rolling_mean"]


class RollingMean(Protocol):
    """`rolling_mean`, compiled or not."""

    def __call__(self, values: Floats, window: int, mean: Floats, total: Floats, /) -> None:
        """See `rolling_mean`."""


class CrossEach(Protocol):
    """`cross_each`, compiled or not."""

    def __call__(self, means: Floats, pairs: Integers, first: int, found: Integers, /) -> int:
        """See `cross_each`."""


def rolling_mean(values: Floats, window: int, mean: Floats, total: Floats) -> None:
    """Write the simple mean of the last `window` values.

    A sum is that of the head of its block and of the tail of the block before, added as there.

    Args:
        values: (T, N), T at least `window`.
        window: Bars, at least 1.
        mean: (T, N) receives the means; NaN while warming up.
        total: (N,) scratch.
    """
    for first in range(0, len(values), window):
        if first > 0:
            _tails(values, first, window, mean, total)
        for row in range(first, min(first + window, len(values))):
            whole = row == first + window - 1
            for column in range(values.shape[1]):
                head = values[row, column] + (total[column] if row > first else 0.0)
                total[column] = head
                if first > 0 and not whole:
                    head += mean[row, column]
                mean[row, column] = head / window if first > 0 or whole else math.nan


def _tails(values: Floats, first: int, window: int, mean: Floats, total: Floats) -> None:
    """Write into a block's rows the sums of what their windows have of the block before."""
    for place in range(window - 2, -1, -1):
        for column in range(values.shape[1]):
            tail = values[first - window + place + 1, column]
            if place < window - 2:
                tail += total[column]
            total[column] = tail
            if first + place < len(values):
                mean[first + place, column] = tail


def cross_each(means: Floats, pairs: Integers, first: int, found: Integers) -> int:
    """Find where pairs of means cross, as `strategies.builtin.crossed_sides` and `changes` do.

    Args:
        means: (M, T) currency.
        pairs: (K, 2) which of them are the fast one and the slow one of each pair.
        first: The bar from which on sides count, and rows are counted.
        found: (S, 3) receives row, pair and side (1 or -1) of each change, pair by pair.

    Returns:
        How many changes there are.
    """
    count = 0
    for pair in range(len(pairs)):
        fast, slow, side = pairs[pair, 0], pairs[pair, 1], 0
        for bar in range(first, means.shape[1]):
            lead = means[fast, bar] - means[slow, bar]
            tie = means[slow, bar] * EQUAL
            now = 1 if lead > tie else (-1 if lead < -tie else 0)
            if now not in (0, side):
                found[count, 0] = bar - first
                found[count, 1] = pair
                found[count, 2] = now
                side = now
                count += 1
    return count
