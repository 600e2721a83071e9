"""Indicators: (T, N) prices in, (T, N) values out, NaN while warming up.

Every value is made of the bars of its own window (or, for Wilder's smoothing, of all bars so far)
and of nothing later. A windowed sum is put together from two short sums, not taken as the
difference of one long running sum: over a million bars a running sum has lost its last digits, and
one absurd price would spoil every value after it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from glowback_trio.model.bars import Floats

__all__ = ["rolling_mean", "rsi", "zscore"]

_LARGEST_WEIGHT = 1e100
_WIDE = 1000  # values, from which on the call that adds a row costs less than walking


def rolling_mean(values: Floats, window: int) -> Floats:
    """Simple mean of the last `window` values.

    Args:
        values: (T, N), any unit.
        window: Bars, at least 1.

    Returns:
        (T, N) in the unit of `values`; the first `window` - 1 rows are NaN, all of them when T is
        less than `window`.
    """
    if len(values) < window:
        return np.full_like(values, np.nan)
    blocks = _blocks(values, window)
    mean = _joined(blocks, blocks[:-1], values)
    mean /= window
    return mean


def zscore(values: Floats, window: int) -> Floats:
    """Distance of each value from the mean of its window, in population standard deviations.

    z = (x - mean) / sd over the last `window` values, the current one included, sd with ddof 0.
    Values are taken relative to one inside the window before they are squared, so that a narrow
    range at a high price keeps its digits.

    Args:
        values: (T, N), any unit.
        window: Bars, at least 1.

    Returns:
        (T, N), no unit; NaN while warming up and where all values of the window are equal.
    """
    if len(values) < window:
        return np.full_like(values, np.nan)
    blocks = _blocks(values, window)
    head = blocks[:, :1]
    within, before = blocks - head, blocks[:-1] - head[1:]
    mean = _joined(within, before, values) / window
    square = _joined(within * within, before * before, values) / window
    deviation = within.reshape(-1, values.shape[1])[: len(values)] - mean
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = square - mean * mean
        return np.where(variance > 0, deviation / np.sqrt(variance), np.nan)


def rsi(values: Floats, period: int, smoothing: Literal["wilder", "cutler"]) -> Floats:
    """Relative strength index: 100 x mean gain / (mean gain + mean loss).

    `wilder` smooths as J. W. Wilder (New Concepts in Technical Trading Systems, 1978): the mean of
    the first `period` changes, from then on ((period - 1) x last + change) / period. `cutler` takes
    the simple mean of the last `period` changes.

    Args:
        values: (T, N) prices.
        period: Changes, at least 1.
        smoothing: Which mean.

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
    """Cut (T, N) into (M, length, N); what is missing in the last block repeats the last row."""
    missing = -len(values) % length
    if not missing:
        return values.reshape(-1, length, values.shape[1])
    padded = np.concatenate((values, np.repeat(values[-1:], missing, axis=0)))
    return padded.reshape(-1, length, values.shape[1])


def _joined(within: Floats, before: Floats, values: Floats) -> Floats:
    """Sum over the window that ends at each row: the head of its own block and the tail before.

    Args:
        within: (M, window, N), what each row counts in windows that end in its own block.
        before: (M - 1, window, N), what it counts in windows that end in the next one.
        values: The (T, N) the blocks were cut from.

    Returns:
        (T, N); the first `window` - 1 rows are NaN.
    """
    window = within.shape[1]
    total = _running_sum(within)
    total[1:, :-1] += _running_sum(before[:, :0:-1])[:, ::-1]
    total[0, : window - 1] = np.nan
    return total.reshape(-1, values.shape[1])[: len(values)]


def _running_sum(blocks: Floats) -> Floats:
    """Sum each block of (M, length, N) from its first row on.

    Where a row across all blocks is wide, rows are added to one another, which gives the same
    digits several times faster than `cumsum`, who walks one block after the other.
    """
    if blocks[:, :1].size < _WIDE:
        return np.cumsum(blocks, axis=1)
    total = blocks.copy()
    for row in range(1, total.shape[1]):
        total[:, row] += total[:, row - 1]
    return total


def _wilder_mean(values: Floats, period: int) -> Floats:
    """Wilder's mean of values that are never negative.

    The recursion y = a y + x / period, with a = 1 - 1 / period, is solved over blocks: within one,
    y[k] = a^k (y[0] + sum of x[j] a^-j / period). All terms are positive, so nothing cancels, and
    a block ends before a^-j grows out of range.
    """
    result = np.full_like(values, np.nan)
    decay = 1.0 - 1.0 / period
    result[period - 1] = values[:period].mean(axis=0)
    rest = values[period:]
    if not len(rest):
        return result
    length = _block_length(decay, len(rest))
    blocks = _blocks(rest, length)
    weight = decay ** np.arange(length)[:, None]
    own = _running_sum(blocks / weight) * (weight / period)
    carried = result[period - 1]
    for block in range(len(own)):
        own[block] += carried * (weight * decay)
        carried = own[block, -1]
    result[period:] = own.reshape(-1, values.shape[1])[: len(rest)]
    return result


def _block_length(decay: float, rows: int) -> int:
    """How many steps a block may have before a weight leaves the safe range."""
    if decay == 0.0:
        return 1
    return max(1, min(rows, 512, int(math.log(_LARGEST_WEIGHT) / -math.log(decay))))
