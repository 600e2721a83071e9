"""Targets of each strategy, for all bars at once.

A target is a signed fraction of the symbol's share of equity. Each function takes the closes of
symbols that share their bars, (T, N), and returns the targets of the bars that call for a new
position. A target depends on its row and the rows before it, and a column never on another one.

Rows for warming up come first. Indicators see them, and nothing else does: a strategy begins on the
row after them, as if it had been switched on there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, assert_never

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.finite import quiet
from glowback_trio.engine.kernel.choice import Kernel, chosen
from glowback_trio.engine.kernel.tables import fixed
from glowback_trio.engine.strategies.indicators import rolling_mean, rsi, zscore
from glowback_trio.engine.tolerance import EQUAL
from glowback_trio.errors import StrategyError
from glowback_trio.interrupt import is_interrupt
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.strategies.api import Panel, TargetStrategy
from glowback_trio.model.strategies.foreign import said
from glowback_trio.model.strategies.parameters import (
    BuiltIn,
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)
from glowback_trio.wire.percent import as_percent

Sides = NDArray[np.int8]
Numbers = Floats | float

__all__ = [
    "Targets",
    "changes",
    "crossed_sides",
    "custom_targets",
    "levels",
    "rsi_sides",
    "size_below",
    "targets",
]


class Targets(NamedTuple):
    """New positions; all columns (S,), those of one symbol by bar.

    Attributes:
        bar: Row of the bar whose close calls for the position.
        column: The symbol's column.
        fraction: Signed fraction of the symbol's share of equity.
    """

    bar: Indices
    column: Indices
    fraction: Floats


@quiet
def targets(strategy: BuiltIn, close: Floats, *, allow_short: bool, warmup: int = 0) -> Targets:
    """Work out the targets of a built-in strategy.

    Args:
        strategy: The strategy and its parameters.
        close: (W + T, N) closes, currency.
        allow_short: Whether a target may be negative; otherwise 0.0 replaces it.
        warmup: W, the rows before those that targets are for.

    Returns:
        Targets, their bars counted from row W.
    """
    match strategy:
        case BuyAndHold():
            return _buy_and_hold(strategy, close)
        case MaCrossover():
            return _ma_crossover(strategy, close, warmup, allow_short=allow_short)
        case Momentum():
            return _momentum(strategy, close, warmup)
        case MeanReversion():
            return _mean_reversion(strategy, close, warmup, allow_short=allow_short)
        case Rsi():
            return _rsi(strategy, close, warmup)
        case _:
            assert_never(strategy)


def custom_targets(
    strategy: TargetStrategy, panel: Panel, close: Floats, *, allow_short: bool, warmup: int = 0
) -> Targets:
    """Call a custom strategy for its targets, and check them.

    A target lasts until the next one. So the last one of the bars for warming up is that of the
    first bar after them, unless this one has its own.

    Args:
        strategy: The strategy and its parameters.
        panel: The bars of symbols that share their times, W for warming up and T others.
        close: The closes of these T, (T, N), currency.
        allow_short: As for `targets`.
        warmup: As for `targets`.

    Raises:
        StrategyError: The strategy raised, or returned another shape or an infinite target.
    """
    # The code is not ours: whatever it raises belongs to the run, not to the process.
    try:
        wanted = np.asarray(strategy.targets(panel), dtype=np.float64)
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise StrategyError(f"{strategy.name} failed: {said(error)}") from error
    expected = warmup + len(close), close.shape[1]
    if wanted.shape != expected:
        raise StrategyError(
            f"{strategy.name} gave targets of shape {wanted.shape} for bars of shape {expected}"
        )
    if np.isinf(wanted).any():
        raise StrategyError(f"{strategy.name} gave an infinite target")
    if warmup:
        wanted = _from_row(wanted, warmup)
    bar, column = np.nonzero(~np.isnan(wanted))
    fraction = wanted[bar, column]
    return Targets(bar, column, fraction if allow_short else np.maximum(fraction, 0.0))


def _from_row(wanted: Floats, first: int) -> Floats:
    """Return targets, (W + T, N), from a row on, which has those that last until then."""
    lasting = wanted[first:].copy()
    for column in np.flatnonzero(np.isnan(lasting[0])).tolist():
        before = wanted[:first, column]
        made = np.flatnonzero(~np.isnan(before))
        if len(made):
            lasting[0, column] = before[made[-1]]
    return lasting


def _buy_and_hold(strategy: BuyAndHold, close: Floats) -> Targets:
    column = np.arange(close.shape[1])
    return Targets(np.zeros_like(column), column, np.full(len(column), strategy.position_size))


def _ma_crossover(
    strategy: MaCrossover, close: Floats, warmup: int, *, allow_short: bool
) -> Targets:
    below = size_below(strategy, allow_short=allow_short)
    if (kernel := chosen()) is not None:
        return _crossed_by(kernel, strategy, close, warmup, below)
    fast = rolling_mean(close, strategy.short_period)
    slow = rolling_mean(close, strategy.long_period)
    return _on_change(crossed_sides(fast, slow)[warmup:], strategy.position_size, below)


def _crossed_by(
    kernel: Kernel, strategy: MaCrossover, close: Floats, warmup: int, below: float
) -> Targets:
    periods = strategy.short_period, strategy.long_period, warmup
    sizes = strategy.position_size, below
    close, tails = fixed(close), np.empty(sum(periods[:2]))
    rows, fractions = np.empty(len(close), np.int64), np.empty(len(close))
    found = []
    for column in range(close.shape[1]):
        count = kernel.crossings(close, column, periods, sizes, tails, rows, fractions)
        found.append((rows[:count].copy(), np.full(count, column), fractions[:count].copy()))
    return Targets(*(np.concatenate(column) for column in zip(*found, strict=True)))


def crossed_sides(fast: Floats, slow: Floats) -> Sides:
    """Return on which side of the slow mean the fast one is: 1, -1, or 0 where there is none.

    Args:
        fast: Of any shape, currency; used up.
        slow: Of the same shape, currency; used up.
    """
    lead = np.subtract(fast, slow, out=fast)
    tie = np.multiply(slow, EQUAL, out=slow)
    return _sides(lead > tie, lead < np.negative(tie, out=tie))


def size_below(strategy: MaCrossover, *, allow_short: bool) -> float:
    """Return the target of a crossover while its fast mean is below."""
    short = allow_short and strategy.direction == "long_short"
    return -strategy.position_size if short else 0.0


def _momentum(strategy: Momentum, close: Floats, warmup: int) -> Targets:
    # A rise of exactly 5 %, from 1.00 to 1.05, is a little more in binary.
    lookback = strategy.lookback_period
    first = max(lookback, warmup)
    looks = slice(first, None, strategy.rebalance_frequency)
    before = close[first - lookback : max(len(close) - lookback, 0) : strategy.rebalance_frequency]
    rise, threshold = as_percent(close[looks] - before), strategy.momentum_threshold * before
    tie = as_percent(EQUAL * before)
    sides = _sides(rise > threshold + tie, rise < -threshold - tie)
    look, column, fraction = _on_change(sides, strategy.position_size, 0.0)
    return Targets(first - warmup + look * strategy.rebalance_frequency, column, fraction)


def _rsi(strategy: Rsi, close: Floats, warmup: int) -> Targets:
    index = rsi(close, strategy.lookback_period, strategy.smoothing)[warmup:]
    sides = rsi_sides(index, strategy.oversold_threshold, strategy.overbought_threshold)
    return _on_change(sides, strategy.position_size, 0.0)


def rsi_sides(index: Floats, oversold: Numbers, overbought: Numbers) -> Sides:
    """Return 1 where an index is oversold, -1 where it is overbought, else 0.

    Args:
        index: (T, N).
        oversold: The level below which it is, one for all or (N,).
        overbought: The level above which it is, likewise.
    """
    return _sides(index < oversold * (1.0 - EQUAL), index > overbought * (1.0 + EQUAL))


def _sides(up: NDArray[np.bool_], down: NDArray[np.bool_]) -> Sides:
    return up.view(np.int8) - down.view(np.int8)


def _on_change(sides: Sides, above: float, below: float) -> Targets:
    """Turn sides into targets on the bars where the side changes; see `changes`."""
    row, column, side = changes(sides)
    return Targets(row, column, np.where(side > 0, above, below))


def changes(sides: Sides) -> tuple[Indices, Indices, Sides]:
    """Find the bars where a side changes: 1, -1, or 0 for none, (T, N).

    The first side counts as a change; a bar without a side keeps the side before it.

    Returns:
        Row, column and side of each change, (S,), column by column.
    """
    before = np.zeros_like(sides)
    before[1:] = sides[:-1]
    column, row = np.nonzero(((sides != before) & (sides != 0)).T)
    side = sides[row, column]
    new = np.ones(len(side), dtype=bool)
    new[1:] = (side[1:] != side[:-1]) | (column[1:] != column[:-1])
    return row[new], column[new], side[new]


def _mean_reversion(
    strategy: MeanReversion, close: Floats, warmup: int, *, allow_short: bool
) -> Targets:
    scores = zscore(close, strategy.lookback_period)[warmup:]
    made = [
        (bar, column, level)
        for column in range(close.shape[1])
        for bar, level in levels(scores[:, column], strategy, allow_short=allow_short)
    ]
    bar, column, level = np.array(made).reshape(-1, 3).T
    return Targets(bar.astype(np.intp), column.astype(np.intp), level)


def levels(
    score: Floats, strategy: MeanReversion, *, allow_short: bool
) -> Iterator[tuple[int, float]]:
    """Yield bars and levels of one symbol, walking from one extreme score to the next.

    A bar either leaves a position or enters one, never both: the other side can be entered on a
    later bar.
    """
    # Between two extremes only the first bar that leaves the position matters, so that the walk
    # takes as many steps as there are extremes, not bars.
    # A score at a threshold is not beyond it; scores are rounded in parts of a standard deviation.
    entry = strategy.entry_threshold + EQUAL * max(1.0, strategy.entry_threshold)
    leave = strategy.exit_threshold - EQUAL * max(1.0, abs(strategy.exit_threshold))
    extremes = np.flatnonzero((score < -entry) | (allow_short & (score > entry)))
    out_of_long = _next_bar(np.flatnonzero(score > -leave), extremes)
    out_of_short = _next_bar(np.flatnonzero(score < leave), extremes)
    level, leaves = 0.0, len(score)
    columns = (extremes, score[extremes] < 0, out_of_long, out_of_short)
    for bar, cheap, long_out, short_out in zip(*(c.tolist() for c in columns), strict=True):
        if level and leaves <= bar:
            yield leaves, 0.0
            level = 0.0
            if leaves == bar:
                continue
        stepped = _stepped(level, strategy, cheap=cheap)
        if not level:
            leaves = long_out if cheap else short_out
        if stepped != level:
            level = stepped
            yield bar, level
    if level and leaves < len(score):
        yield leaves, 0.0


def _next_bar(bars: Indices, after: Indices) -> Indices:
    """Return the first of `bars` later than each of `after`; the largest number where none is."""
    end = np.append(bars, np.iinfo(np.intp).max)
    following: Indices = end[np.searchsorted(bars, after, side="right")]
    return following


def _stepped(level: float, strategy: MeanReversion, *, cheap: bool) -> float:
    """Return the level one step further in; an opposite position stays as it is."""
    step, most = strategy.position_size, strategy.max_position_size
    if cheap:
        return min(level + step, most) if level >= 0 else level
    return max(level - step, -most) if level <= 0 else level
