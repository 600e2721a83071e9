"""Means in the kernel. The counterpart of `strategies.indicators`."""

from __future__ import annotations

import math
from typing import Protocol

from glowback_trio.model.bars import Floats

__all__ = ["RollingMean", "rolling_mean"]


class RollingMean(Protocol):
    """`rolling_mean`, compiled or not."""

    def __call__(self, values: Floats, window: int, mean: Floats, total: Floats, /) -> None:
        """See `rolling_mean`."""


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
