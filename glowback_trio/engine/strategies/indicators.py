"""Indicators: (T, N) prices in, (T, N) values out, NaN while warming up.

Every value depends on the bars of its window (with Wilder's smoothing, on all bars so far) and on
nothing later. A windowed sum is the sum of two short sums, not the difference of one long running
sum: over a million bars a running sum loses its last digits, and one absurd price would spoil every
value after it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.kernel.tables import fixed
from glowback_trio.model.bars import Floats

__all__ = ["rolling_mean", "rsi", "zscore"]

_LARGEST_WEIGHT = 1e100  # weights multiply prices: their product has to stay far below 1e308
_WIDE = 1000  # values in a row; from here on, adding whole rows is faster than `cumsum`


def rolling_mean(values: Floats, window: int) -> Floats:
    """Return the simple mean of the last `window` values.

    Args:
        values: (T, N), any unit.
        window: Bars, at least 1.

    Returns:
        (T, N) in the unit of `values`; the first `window` - 1 rows are NaN, and all rows if T is
        less than `window`.
    """
    if len(values) < window:
        return np.full_like(values, np.nan)
    if (kernel := chosen()) is not None:
        mean = np.empty_like(values, order="C")
        kernel.rolling_mean(fixed(values), window, mean, np.empty(values.shape[1]))
        return mean
    blocks = _blocks(values, window)
    mean = _joined(blocks, blocks[:-1], values)
    mean /= window
    return mean


def zscore(values: Floats, window: int) -> Floats:
    """Return the distance of each value from the mean of its window, in standard deviations.

    z = (x - mean) / sd over the last `window` values, the current one included, sd with ddof 0.

    Args:
        values: (T, N), any unit.
        window: Bars, at least 1.

    Returns:
        (T, N), no unit; NaN while warming up and where all values of the window are equal.
    """
    if len(values) < window:
        return np.full_like(values, np.nan)
    blocks = _blocks(values, window)
    # Relative to a value inside the window, squares of a narrow range at a high price keep their
    # digits.
    head = blocks[:, :1]
    within, before = blocks - head, blocks[:-1] - head[1:]
    mean = _joined(within, before, values) / window
    square = _joined(within * within, before * before, values) / window
    deviation = within.reshape(-1, values.shape[1])[: len(values)] - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = square - mean * mean
        return np.where(variance > 0, deviation / np.sqrt(variance), np.nan)


def rsi(values: Floats, period: int, smoothing: Literal["wilder", "cutler"]) -> Floats:
    """Return the relative strength index: 100 x mean gain / (mean gain + mean loss).

    `wilder` is the mean of the first `period` changes, from then on ((period - 1) x last + change)
    / period (J. W. Wilder, New Concepts in Technical Trading Systems, 1978). `cutler` is the simple
    mean of the last `period` changes.

    Args:
        values: (T, N) prices.
        period: Number of changes, at least 1.
        smoothing: Kind of mean.

    Returns:
        (T, N), 0 to 100, and 50 where nothing has moved; the first `period` rows are NaN.
    """
    result = np.full_like(values, np.nan)
    if len(values) <= period:
        return result
    change = np.diff(values, axis=0)
    mean = _wilder_mean if smoothing == "wilder" else rolling_mean
    gain = mean(np.maximum(change, 0.0), period)
    moved = gain + mean(np.maximum(-change, 0.0), period)
    with np.errstate(invalid="ignore"):
        result[1:] = np.where(moved == 0, 50.0, 100.0 * gain / moved)
    return result


def _blocks(values: Floats, length: int) -> Floats:
    """Cut (T, N) into (M, length, N); the last block is filled up with the last row."""
    missing = -len(values) % length
    if not missing:
        return values.reshape(-1, length, values.shape[1])
    padded = np.concatenate((values, np.repeat(values[-1:], missing, axis=0)))
    return padded.reshape(-1, length, values.shape[1])


def _joined(within: Floats, before: Floats, values: Floats) -> Floats:
    """Sum over the window that ends at each row: the head of its block and the tail of the last.

    Args:
        within: (M, window, N), what each row adds to windows that end in its block.
        before: (M - 1, window, N), what it adds to windows that end in the next block.
        values: The (T, N) that the blocks were cut from.

    Returns:
        (T, N); the first `window` - 1 rows are NaN.
    """
    window = within.shape[1]
    total = _running_sum(within)
    total[1:, :-1] += _running_sum(before[:, :0:-1])[:, ::-1]
    total[0, : window - 1] = np.nan
    return total.reshape(-1, values.shape[1])[: len(values)]


def _running_sum(blocks: Floats) -> Floats:
    """Return the running sums within each block of (M, length, N)."""
    # Adding whole rows gives the same digits as `cumsum`, which walks one block after the other,
    # and is several times faster if a row across all blocks is wide.
    if blocks[:, :1].size < _WIDE:
        return np.cumsum(blocks, axis=1)
    total = blocks.copy()
    for row in range(1, total.shape[1]):
        total[:, row] += total[:, row - 1]
    return total


def _wilder_mean(values: Floats, period: int) -> Floats:
    """Return Wilder's mean of values that are never negative."""
    # The recursion y = a y + x / period, with a = 1 - 1 / period, is solved block by block: in one,
    # y[k] = a^k (y[0] + sum of x[j] a^-j / period). All terms are positive, so nothing cancels, and
    # a block ends before a^-j grows out of range.
    result = np.full_like(values, np.nan)
    decay = 1.0 - 1.0 / period
    result[period - 1] = values[:period].mean(axis=0)
    rest = values[period:]
    if not len(rest):
        return result
    length = _block_length(decay, len(rest))
    blocks = _blocks(rest, length)
    # The C library's powers: numpy's differ in the last digit between processors.
    weight = np.array([[decay**step] for step in range(length)])
    smoothed = _running_sum(blocks / weight) * (weight / period)
    carried = result[period - 1]
    for block in range(len(smoothed)):
        smoothed[block] += carried * (weight * decay)
        carried = smoothed[block, -1]
    result[period:] = smoothed.reshape(-1, values.shape[1])[: len(rest)]
    return result


def _block_length(decay: float, rows: int) -> int:
    """Return the number of steps of a block, such that no weight leaves the safe range."""
    if decay == 0.0:
        return 1
    return max(1, min(rows, 512, int(math.log(_LARGEST_WEIGHT) / -math.log(decay))))
