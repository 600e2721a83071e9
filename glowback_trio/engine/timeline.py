"""The timeline: all symbols' bars laid along one sorted series of timestamps."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Literal

import numpy as np
from attrs import field, frozen

from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Floats, Indices, Times
from glowback_trio.model.instant import in_words

__all__ = ["Timeline", "align"]


@frozen(eq=False)
class Timeline:
    """The sorted union of the symbols' timestamps, and the row on it of each bar.

    Symbols are in alphabetical order, whatever their order in the request: sums of floats depend
    on their order, and the order of a request must change nothing.

    Attributes:
        bars: One `Bars` per symbol.
        time: (T,) datetime64[ns] UTC, strictly ascending.
        date: Session dates, (T,) datetime64[D], ascending: the latest of the symbols with a bar
            there, and never before that of the row before.
        rows: For each symbol, the row on `time` of each of its bars, (bars of the symbol,).
        warmup: By index of the symbol, the bars before its first one that only indicators see; none
            of a symbol that is left out.
        joined: By index of the symbol, all bars that are seen, where they have been joined already.
    """

    bars: Sequence[Bars]
    time: Times = field(repr=False)
    date: Times = field(repr=False)
    rows: Sequence[Indices] = field(repr=False)
    warmup: Mapping[int, Bars] = field(factory=dict, repr=False)
    joined: Mapping[int, Bars] = field(factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.time)

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, alphabetically."""
        return tuple(bars.symbol for bars in self.bars)

    def seen(self, symbol: int) -> Bars:
        """Return the bars of a symbol with those for warming up before them."""
        if symbol in self.joined:
            return self.joined[symbol]
        bars, earlier = self.bars[symbol], self.warmup.get(symbol)
        return bars if earlier is None else bars.after(earlier)

    def marks(self, start: int, stop: int) -> Floats:
        """Return the last close of every symbol at the rows from `start` to before `stop`.

        Returns:
            (stop - start, N) currency; 0.0 before a symbol's first bar, where nothing is held.
        """
        if self._complete:
            return _side_by_side([bars.close[start:stop] for bars in self.bars])
        return _side_by_side(
            [
                _marks(bars.close, rows, start, stop)
                for bars, rows in zip(self.bars, self.rows, strict=True)
            ]
        )

    def column(self, name: Literal["open", "volume"], start: int, stop: int) -> Floats:
        """Return a column of every symbol's bars at the rows from `start` to before `stop`.

        Returns:
            (stop - start, N); NaN where a symbol has no bar.
        """
        columns: list[Floats] = [getattr(bars, name) for bars in self.bars]
        if self._complete:
            return _side_by_side([column[start:stop] for column in columns])
        spread = zip(columns, self.rows, strict=True)
        return _side_by_side([_spread(column, rows, start, stop) for column, rows in spread])

    @cached_property
    def _complete(self) -> bool:
        """True if every symbol has a bar on every row."""
        return all(len(rows) == len(self) for rows in self.rows)

    @property
    def endings(self) -> Mapping[int, Sequence[int]]:
        """By row, the symbols that have had their last bar on the row before, alphabetically.

        Symbols whose bars last to the end of the timeline are left out.
        """
        endings: defaultdict[int, list[int]] = defaultdict(list)
        for symbol, rows in enumerate(self.rows):
            if (row := rows.item(-1) + 1) < len(self):
                endings[row].append(symbol)
        return endings

    def groups(self, cells: int | None = None) -> Iterator[Sequence[int]]:
        """Group the symbols by their bar times, with about `cells` bars to a group at most.

        None means any number. Symbols of a group have the same times for warming up too.
        """
        groups: dict[bytes, list[int]] = {}
        for symbol, rows in enumerate(self.rows):
            # A digest of the rows is a short key. Two digests of 64 bytes do not collide by chance.
            times = b"" if len(rows) == len(self) else blake2b(rows.data).digest()
            if (earlier := self.warmup.get(symbol)) is not None:
                times += blake2b(earlier.time.view("u1").data).digest()
            groups.setdefault(times, []).append(symbol)
        for symbols in groups.values():
            length = len(self.rows[symbols[0]]) + len(self.warmup.get(symbols[0], ()))
            most = len(symbols) if cells is None else max(1, cells // length)
            for first in range(0, len(symbols), most):
                yield symbols[first : first + most]


def align(bars: Iterable[Bars], warmup: Iterable[Bars] = ()) -> Timeline:
    """Lay the bars of several symbols along one timeline.

    Args:
        bars: Of each symbol.
        warmup: Bars before these, of some of the symbols; one `Bars` each.

    Raises:
        DataError: No symbols at all, one without a bar, an open or close that is not a positive
            finite number, or bars for warming up that do not end before the others begin.
    """
    ordered = sorted(bars, key=lambda one: one.symbol)
    if empty := [one.symbol for one in ordered if not len(one)]:
        raise DataError(f"no bars for {', '.join(empty)} in the requested range")
    if not ordered:
        raise DataError("no bars to simulate: at least one symbol is needed")
    early = _by_index(ordered, warmup)
    for one in (*ordered, *early.values()):
        _check_prices(one)
    time = _union([one.time for one in ordered])
    # Shared by all symbols that have every bar, which is most of them and saves (T, N) integers.
    everywhere = np.arange(len(time))
    rows = [
        everywhere if len(one) == len(time) else np.searchsorted(time, one.time) for one in ordered
    ]
    return Timeline(ordered, time, _dates(ordered, rows, time), rows, early)


def _by_index(bars: Sequence[Bars], warmup: Iterable[Bars]) -> Mapping[int, Bars]:
    by_symbol = {one.symbol: one for one in warmup if len(one)}
    early = {i: by_symbol[one.symbol] for i, one in enumerate(bars) if one.symbol in by_symbol}
    for index, one in early.items():
        if one.time[-1] >= bars[index].time[0]:
            raise DataError(f"{one.symbol}: bars for warming up should end before its other bars")
    return early


def _dates(bars: Sequence[Bars], rows: Sequence[Indices], time: Times) -> Times:
    if all(one.offset is None for one in bars):
        return time.astype("M8[D]")
    latest = np.full(len(time), np.iinfo(np.int64).min)
    for one, own in zip(bars, rows, strict=True):
        latest[own] = np.maximum(latest[own], one.date.view(np.int64))
    dates: Times = np.maximum.accumulate(latest).view("M8[D]")
    return dates


def _check_prices(bars: Bars) -> None:
    """Refuse opens and closes that cannot be traded at. No market order fills at a high or low."""
    for name in ("open", "close"):
        column: Floats = getattr(bars, name)
        # Written so that NaN fails it: every comparison with NaN is false.
        if not (np.minimum.reduce(column) > 0 and np.maximum.reduce(column) < np.inf):
            bad = np.flatnonzero(~((column > 0) & (column < np.inf)))[0]
            raise DataError(
                f"{bars.symbol}: {name} at {in_words(bars.time[bad])} is {column.item(bad)!r}; "
                "prices should be positive and finite"
            )


def _union(times: Sequence[Times]) -> Times:
    # Most symbols share their times, and comparing is much cheaper than sorting their union.
    # As integers, which are compared faster: no time is NaT.
    first = times[0].view(np.int64)
    different = [time for time in times[1:] if not np.array_equal(time.view(np.int64), first)]
    return np.unique(np.concatenate((times[0], *different))) if different else times[0]


def _marks(close: Floats, rows: Indices, start: int, stop: int) -> Floats:
    first, last = np.searchsorted(rows, (start, stop))
    if last - first == stop - start:
        return close[first:last]
    before = close[first - 1] if first else 0.0
    # Each close holds until the next bar of the symbol, the one before the stretch included.
    lasting = np.diff(rows[first:last], prepend=start, append=stop)
    return np.repeat(np.concatenate(((before,), close[first:last])), lasting)


def _spread(column: Floats, rows: Indices, start: int, stop: int) -> Floats:
    first, last = np.searchsorted(rows, (start, stop))
    if last - first == stop - start:
        return column[first:last]
    spread = np.full(stop - start, np.nan)
    spread[rows[first:last] - start] = column[first:last]
    return spread


def _side_by_side(columns: Sequence[Floats]) -> Floats:
    """Return N columns as one (T, N) array; a single one without a copy."""
    return columns[0][:, np.newaxis] if len(columns) == 1 else np.stack(columns, axis=1)
