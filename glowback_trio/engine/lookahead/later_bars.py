"""Bars of which the later ones are missing or changed.

What is missing is missing from memory too: a strategy may follow the views that it is given to
the arrays behind them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import PCG64

from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Bars, Floats, Times

__all__ = ["RevealedBars", "changed", "jumps", "timeline_until", "until"]

_COLUMNS = ("open", "high", "low", "close", "volume")
# By which later prices are multiplied: they rise, fall, or jump up and down.
_JUMPS = np.array([[4.0, 4.0, 5.0, 6.0], [0.25, 0.25, 0.2, 0.15], [0.25, 0.5, 2.0, 4.0]])


def _closed(column: Any) -> Any:
    """Return a column in memory of its own that nobody can write."""
    return np.frombuffer(column.tobytes(), column.dtype)


def until(bars: Bars, count: int) -> Bars:
    """Return the first `count` bars, and nothing of the others."""
    offset = None if bars.offset is None else _closed(bars.offset[:count])
    columns = (_closed(getattr(bars, name)[:count]) for name in _COLUMNS)
    return Bars(bars.symbol, _closed(bars.time[:count]), *columns, offset=offset)


def changed(bars: Bars, known: int, count: int, seed: int) -> Bars:
    """Return the first `count` bars, all but the first `known` with other prices and volumes.

    Args:
        bars: Of a symbol.
        known: How many stay as they are.
        count: How many there are.
        seed: Of the changes; different ones let prices rise, fall or jump.
    """
    part = until(bars, count)
    prices = [_multiplied(part, name, known, seed) for name in _COLUMNS]
    return Bars(part.symbol, part.time, *prices, offset=part.offset)


def _multiplied(bars: Bars, name: str, known: int, seed: int) -> Floats:
    column: Floats = getattr(bars, name).copy()
    # Prices of a bar by the same factor, so that its low stays the lowest.
    factors = jumps(len(column) - known, seed)
    column[known:] *= factors if name != "volume" else 0.1 + factors
    return column


def jumps(count: int, seed: int) -> Floats:
    """Return factors for later prices, (count,): they rise, fall or jump, as the seed says."""
    # Raw words, which are the same in every version of numpy.
    drawn = PCG64(seed).random_raw(count) >> np.uint64(60)
    factors: Floats = _JUMPS[seed % len(_JUMPS)][(drawn % 4).astype(np.intp)]
    return factors


def timeline_until(timeline: Timeline, row: int) -> Timeline:
    """Return a timeline without the rows after one, and without their bars."""
    counts = [int(own.searchsorted(row, side="right")) for own in timeline.rows]
    parts = [until(bars, count) for bars, count in zip(timeline.bars, counts, strict=True)]
    joined = {
        symbol: until(timeline.seen(symbol), len(early) + counts[symbol])
        for symbol, early in timeline.warmup.items()
    }
    rows = [own[:count].copy() for own, count in zip(timeline.rows, counts, strict=True)]
    time, date = timeline.time[: row + 1].copy(), timeline.date[: row + 1].copy()
    return Timeline(parts, time, date, rows, timeline.warmup, joined)


class RevealedBars:
    """A timeline whose bars have other prices until their row is revealed.

    Args:
        timeline: The true one.

    Attributes:
        timeline: The one to show. Its columns change when a row is revealed.
    """

    def __init__(self, timeline: Timeline) -> None:
        self._rows = [own.tolist() for own in timeline.rows]
        self._next = [0] * len(self._rows)
        self._early = [len(timeline.warmup.get(i, ())) for i in range(len(self._rows))]
        seen = [timeline.seen(symbol) for symbol in range(len(self._rows))]
        self._true = [np.stack([getattr(one, name) for name in _COLUMNS]) for one in seen]
        self._shown = [
            np.stack([_multiplied(one, name, early, 2 + 3 * symbol) for name in _COLUMNS])
            for symbol, (one, early) in enumerate(zip(seen, self._early, strict=True))
        ]
        columns = [
            [np.frombuffer(memoryview(column).toreadonly()) for column in shown]
            for shown in self._shown
        ]
        bars = [
            _of(bars.symbol, bars.time, [column[early:] for column in own], bars)
            for bars, own, early in zip(timeline.bars, columns, self._early, strict=True)
        ]
        joined = {
            symbol: _of(seen[symbol].symbol, seen[symbol].time, columns[symbol], seen[symbol])
            for symbol in timeline.warmup
        }
        self.timeline = Timeline(
            bars, timeline.time, timeline.date, timeline.rows, timeline.warmup, joined
        )

    def reveal(self, row: int) -> None:
        """Show the true bars of a row; rows come in their order."""
        for symbol, rows in enumerate(self._rows):
            at = self._next[symbol]
            if at < len(rows) and rows[at] == row:
                place = self._early[symbol] + at
                self._shown[symbol][:, place] = self._true[symbol][:, place]
                self._next[symbol] = at + 1


def _of(symbol: str, time: Times, columns: list[Any], like: Bars) -> Bars:
    return Bars(symbol, time, *columns, offset=like.offset)
