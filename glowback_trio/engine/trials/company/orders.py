"""Orders of many accounts: every target of each, and the bar that fills it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from glowback_trio.engine.batch.many_accounts import Orders
from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.strategies.builtin import (
    Sides,
    changes,
    crossed_sides,
    levels,
    rsi_sides,
    size_below,
    targets,
)
from glowback_trio.engine.trials.company.entrants import Entrant
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)

__all__ = ["Wanted", "due_rows", "joined", "orders_of", "wanted"]


class Wanted(NamedTuple):
    """Targets, (S,): account by account, those of one by bar."""

    bar: Indices
    account: Indices
    fraction: Floats


@quiet
def orders_of(entrants: Sequence[Entrant], track: Track) -> Orders:
    """Return the orders of trials of the same strategy on one track, an account for each trial.

    Orders that no bar is left for are left out.
    """
    targets = wanted(entrants, track)
    bar, account, fraction = targets
    due = due_rows(entrants, track, targets)
    following = np.append(bar[1:], NEVER)
    following[:-1][account[1:] != account[:-1]] = NEVER
    is_apart = np.ones(len(entrants), bool)
    is_apart[account[due > following]] = False
    kept = due < len(track)
    bar, account, due = bar[kept], account[kept], due[kept]
    return Orders(
        fraction[kept],
        track.close[bar],
        track.close[due - 1],
        track.open[due],
        due,
        np.searchsorted(account, np.arange(len(entrants) + 1)),
        is_apart,
    )


def due_rows(entrants: Sequence[Entrant], track: Track, targets: Wanted) -> Indices:
    """Return the row of the bar that fills each target, (S,); past the last if there is none."""
    due = targets.bar + 1
    latency = np.array([each.costs.latency for each in entrants])
    if latency.any():
        made = track.time[targets.bar] + latency[targets.account]
        due = np.maximum(due, track.time.searchsorted(made))
    return due


def joined(parts: Sequence[Orders]) -> Orders:
    """Return the orders of the accounts of several tracks, one track after the other."""
    fraction, close, mark, open_price, due = (
        np.concatenate(column) for column in list(zip(*parts, strict=True))[:5]
    )
    before = np.cumsum([0, *(len(part.due) for part in parts)])
    starts = [part.start[:-1] + first for part, first in zip(parts, before[:-1], strict=True)]
    start = np.append(np.concatenate(starts), before[-1])
    is_apart = np.concatenate([part.is_apart for part in parts])
    return Orders(fraction, close, mark, open_price, due, start, is_apart)


def wanted(entrants: Sequence[Entrant], track: Track) -> Wanted:
    """Return the targets of trials of the same strategy on one track, an account for each."""
    match entrants[0].strategy:
        case MaCrossover():
            return _crossovers(entrants, track)
        case Rsi():
            return _indexes(entrants, track)
        case MeanReversion():
            return _each(entrants, lambda one: _reversion(one, track))
        case BuyAndHold() | Momentum():
            return _each(entrants, lambda one: _plain(one, track))


def _crossovers(entrants: Sequence[Entrant], track: Track) -> Wanted:
    pairs = [(e.strategy, e.costs) for e in entrants if isinstance(e.strategy, MaCrossover)]
    above = np.array([s.position_size for s, _ in pairs])
    below = np.array([size_below(s, allow_short=c.allow_short) for s, c in pairs])
    row, account, side = _crossed([(s.short_period, s.long_period) for s, _ in pairs], track)
    return Wanted(row, account, np.where(side > 0, above[account], below[account]))


def _crossed(windows: Sequence[tuple[int, int]], track: Track) -> tuple[Indices, Indices, Sides]:
    """Return row, account and side of each crossing of the means over two windows."""
    kernel = chosen()
    if kernel is None:
        short, long = zip(*windows, strict=True)
        fast, slow = (np.stack([track.mean(each) for each in some]) for some in (short, long))
        return changes(crossed_sides(fast, slow).T[track.warmup :])
    some, pairs = np.unique(windows, return_inverse=True)
    means = np.stack([track.mean(window) for window in some.tolist()])
    found = np.empty((len(windows) * len(track), 3), np.int64)
    count = kernel.cross_each(means, pairs.reshape(-1, 2), track.warmup, found)
    row, account, side = found[:count].T
    return row, account, side


def _indexes(entrants: Sequence[Entrant], track: Track) -> Wanted:
    chosen = [one.strategy for one in entrants if isinstance(one.strategy, Rsi)]
    index = np.stack([track.rsi(s.lookback_period, s.smoothing) for s in chosen])
    oversold = np.array([s.oversold_threshold for s in chosen])
    overbought = np.array([s.overbought_threshold for s in chosen])
    sides = rsi_sides(index.T[track.warmup :], oversold, overbought)
    row, account, side = changes(sides)
    size = np.array([s.position_size for s in chosen])
    return Wanted(row, account, np.where(side > 0, size[account], 0.0))


def _each(
    entrants: Sequence[Entrant], work_out: Callable[[Entrant], tuple[Indices, Floats]]
) -> Wanted:
    """Work the targets out trial by trial."""
    bars, fractions = zip(*map(work_out, entrants), strict=True)
    account = np.repeat(np.arange(len(entrants)), [len(bar) for bar in bars])
    return Wanted(np.concatenate(bars), account, np.concatenate(fractions))


def _reversion(one: Entrant, track: Track) -> tuple[Indices, Floats]:
    assert isinstance(one.strategy, MeanReversion)
    scores = track.zscore(one.strategy.lookback_period)[track.warmup :]
    made = list(levels(scores, one.strategy, allow_short=one.costs.allow_short))
    bar, level = np.array(made).reshape(-1, 2).T
    return bar.astype(np.intp), level


def _plain(one: Entrant, track: Track) -> tuple[Indices, Floats]:
    close = track.close if isinstance(one.strategy, BuyAndHold) else track.seen
    warmup = len(close) - len(track)
    found = targets(
        one.strategy, close[:, np.newaxis], allow_short=one.costs.allow_short, warmup=warmup
    )
    return found.bar, found.fraction
