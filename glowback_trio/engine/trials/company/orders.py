"""Orders of many accounts: every target of each, and the bar that fills it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.strategies.builtin import (
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

__all__ = ["Orders", "joined", "orders_of"]


class _Wanted(NamedTuple):
    """Targets, (S,): account by account, those of one by bar."""

    bar: Indices
    account: Indices
    fraction: Floats


class Orders(NamedTuple):
    """Orders of A accounts, account by account; all columns but the last two (S,).

    Attributes:
        fraction: Signed targets, fractions of equity.
        close: The close each is made at, currency.
        mark: The close before the bar that fills it, currency.
        open_price: The open of that bar, currency.
        due: The row of that bar on its track.
        start: The first order of each account, and the end, (A + 1,).
        is_apart: (A,) whether each order fills before the next one is made.
    """

    fraction: Floats
    close: Floats
    mark: Floats
    open_price: Floats
    due: Indices
    start: Indices
    is_apart: NDArray[np.bool_]


@quiet
def orders_of(entrants: Sequence[Entrant], track: Track) -> Orders:
    """Return the orders of trials of the same strategy on one track, an account for each trial.

    Orders that no bar is left for are left out.
    """
    bar, account, fraction = _wanted(entrants, track)
    due = bar + 1
    latency = np.array([each.costs.latency for each in entrants])
    if latency.any():
        after = track.time.searchsorted(track.time[bar] + latency[account])
        due = np.maximum(due, after)
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


def _wanted(entrants: Sequence[Entrant], track: Track) -> _Wanted:
    match entrants[0].strategy:
        case MaCrossover():
            return _crossovers(entrants, track)
        case Rsi():
            return _indexes(entrants, track)
        case MeanReversion():
            return _each(entrants, lambda one: _reversion(one, track))
        case BuyAndHold() | Momentum():
            return _each(entrants, lambda one: _plain(one, track))


def _crossovers(entrants: Sequence[Entrant], track: Track) -> _Wanted:
    chosen = [(one.strategy, one.costs) for one in entrants]
    pairs = [(s, c) for s, c in chosen if isinstance(s, MaCrossover)]
    fast = np.stack([track.mean(s.short_period) for s, _ in pairs])
    slow = np.stack([track.mean(s.long_period) for s, _ in pairs])
    above = np.array([s.position_size for s, _ in pairs])
    below = np.array([size_below(s, allow_short=c.allow_short) for s, c in pairs])
    row, account, side = changes(crossed_sides(fast, slow).T[track.warmup :])
    return _Wanted(row, account, np.where(side > 0, above[account], below[account]))


def _indexes(entrants: Sequence[Entrant], track: Track) -> _Wanted:
    chosen = [one.strategy for one in entrants if isinstance(one.strategy, Rsi)]
    index = np.stack([track.rsi(s.lookback_period, s.smoothing) for s in chosen])
    oversold = np.array([s.oversold_threshold for s in chosen])
    overbought = np.array([s.overbought_threshold for s in chosen])
    sides = rsi_sides(index.T[track.warmup :], oversold, overbought)
    row, account, side = changes(sides)
    size = np.array([s.position_size for s in chosen])
    return _Wanted(row, account, np.where(side > 0, size[account], 0.0))


def _each(
    entrants: Sequence[Entrant], work_out: Callable[[Entrant], tuple[Indices, Floats]]
) -> _Wanted:
    """Work the targets out trial by trial."""
    bars, fractions = zip(*map(work_out, entrants), strict=True)
    account = np.repeat(np.arange(len(entrants)), [len(bar) for bar in bars])
    return _Wanted(np.concatenate(bars), account, np.concatenate(fractions))


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
