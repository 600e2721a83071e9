"""Bars: the prices of one symbol as read-only columns, and the set of them that a run is given."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
from attrs import Attribute, field, fields, frozen
from numpy.typing import NDArray

from glowback_trio.errors import DataError
from glowback_trio.model.short_repr import counted, describe, listed

__all__ = [
    "Adjustment",
    "Bars",
    "Dataset",
    "Floats",
    "Indices",
    "Offsets",
    "Origin",
    "Provenance",
    "Quality",
    "Times",
    "time_range",
]

Floats = NDArray[np.float64]
Times = NDArray[np.datetime64]
Offsets = NDArray[np.timedelta64]
Indices = NDArray[np.intp]
Adjustment = Literal["none", "splits", "total"]
Origin = Literal["default", "sample", "csv", "parquet", "memory"]

_FLOAT, _MOMENT = np.dtype(np.float64), np.dtype("datetime64[ns]")
_SPAN = np.dtype("timedelta64[s]")


def _column(values: Any) -> Floats:
    return _fixed(values, _FLOAT)


def _times(values: Any) -> Times:
    kind = getattr(values, "dtype", None) or np.asarray(values).dtype
    # numpy would take 20230320 for nanoseconds since 1970.
    if kind.kind in "iuf" and np.size(values):
        raise DataError(
            f"bar times should be datetime64, not numbers of type {kind}: convert counts with "
            'astype("datetime64[s]"), in the unit that they are in, and dates such as 20230320 '
            "with np.datetime64"
        )
    return _fixed(values, _MOMENT)


def _fixed(values: Any, kind: np.dtype[Any]) -> NDArray[Any]:
    """Return a read-only array: a copy, or the array itself if its memory can never be written.

    Not copying matters for maps of files, which would have to be read as a whole.
    """
    if (
        isinstance(values, np.ndarray)
        and values.dtype == kind
        and values.flags.c_contiguous
        and _is_closed(values)
    ):
        return values
    # A copy even of a read-only array: its owner could make it writable again and change it.
    copied = np.array(values, dtype=kind, order="C")
    copied.setflags(write=False)
    return copied


def _is_closed(array: NDArray[Any]) -> bool:
    """Return whether an array is a view of immutable memory, such as `bytes` or a read-only map.

    An array that owns its memory is not: its holder can make it writable again.
    """
    memory: Any = array
    while isinstance(memory, np.ndarray):
        if memory.flags.writeable:
            return False
        memory = memory.base
    return isinstance(memory, bytes | memoryview) and memoryview(memory).readonly


def time_range(time: Times) -> tuple[str, ...]:
    """Return the first and the last time in words, for a description; nothing if there is none."""
    # Columns may be of any shape while an object is made whose checks they have not passed.
    if time.ndim != 1 or not len(time):
        return ()
    first, last = (str(each.astype("datetime64[s]")) for each in (time[0], time[-1]))
    return (f"{first} to {last}",)


def _as_long_as_time(bars: Bars, attribute: Attribute[Floats], column: Floats) -> None:
    if column.shape != bars.time.shape or column.ndim != 1:
        raise DataError(
            f"{bars.symbol}: column {attribute.name!r} has shape {column.shape}, "
            f"the times have {bars.time.shape}; one number per bar is needed"
        )


def _ascending(bars: Bars, _attribute: Attribute[Times], time: Times) -> None:
    count = time.view(np.int64)  # in which NaT is the lowest number, so that only the first may be
    if time.ndim != 1 or np.isnat(time[:1]).any() or (count[1:] <= count[:-1]).any():
        raise DataError(f"{bars.symbol}: bar times should be real and strictly ascending")


def _offsets(values: Any) -> Offsets | None:
    return None if values is None else _fixed(values, _SPAN)


def _as_long_as_all(bars: Bars, attribute: Attribute[Any], offset: Offsets | None) -> None:
    if offset is not None and (offset.shape != bars.time.shape or np.isnat(offset).any()):
        raise DataError(
            f"{bars.symbol}: column {attribute.name!r} has shape {offset.shape}, "
            f"the times have {bars.time.shape}; one real offset per bar is needed"
        )


def _price() -> Any:
    return field(converter=_column, validator=_as_long_as_time, repr=False)


# Compared by identity: comparing columns is slow, and `digest` does it where content counts.
@frozen(eq=False, repr=False)
class Bars:
    """One symbol's bars, oldest first.

    Attributes:
        symbol: The symbol.
        time: Opening times of the bars, (T,) datetime64[ns], UTC, strictly ascending.
        open: Prices, (T,) float64, as are `high`, `low` and `close`.
        volume: Units traded, (T,) float64.
        offset: Of the market's clock, east of UTC, at each bar, (T,) timedelta64[s]; None: UTC.
        known_digest: The digest, if it is known already; otherwise it is worked out when needed.

    Columns are copied and made read-only, so that bars never change during a run. Views of memory
    that cannot be written are kept as they are.

    Raises:
        DataError: Columns of different lengths, or times that do not ascend.
    """

    symbol: str
    time: Times = field(converter=_times, validator=_ascending, repr=False)
    open: Floats = _price()
    high: Floats = _price()
    low: Floats = _price()
    close: Floats = _price()
    volume: Floats = _price()
    offset: Offsets | None = field(
        default=None, converter=_offsets, validator=_as_long_as_all, kw_only=True, repr=False
    )
    known_digest: str | None = field(default=None, kw_only=True, repr=False)

    @classmethod
    def again(
        cls,
        symbol: str,
        time: Times,
        prices: Floats,
        *,
        offset: Offsets | None = None,
        known_digest: str | None = None,
    ) -> Bars:
        """Make bars of columns that were those of bars before, and are not all checked again.

        Args:
            symbol: The symbol.
            time: (T,), of the type that bars have, and ascending.
            prices: (5, T) float64: open, high, low, close, volume.
            offset: As the attribute.
            known_digest: Likewise.
        """
        kinds = (time.dtype, prices.dtype) == (_MOMENT, _FLOAT)
        if not (kinds and prices.shape[1] == len(time) and _is_closed(time) and _is_closed(prices)):
            return cls(symbol, time, *prices, offset=offset, known_digest=known_digest)
        # All that the constructor would do for hundreds of symbols is to find this out six times.
        bars = cls.__new__(cls)
        columns = (symbol, time, *prices, offset, known_digest)
        for name, column in zip(_ATTRIBUTES, columns, strict=True):
            object.__setattr__(bars, name, column)
        return bars

    def __len__(self) -> int:
        return len(self.time)

    def __repr__(self) -> str:
        return describe(self, self.symbol, counted(len(self), "bar"), *time_range(self.time))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by construction: numpy forgets in a pickle that a column is read-only."""
        columns = (self.time, self.open, self.high, self.low, self.close, self.volume)
        rest = partial(Bars, offset=self.offset, known_digest=self.known_digest)
        return rest, (self.symbol, *columns)

    @cached_property
    def date(self) -> Times:
        """Session dates: what the market's calendar shows at each bar, (T,) datetime64[D]."""
        local = self.time if self.offset is None else self.time + self.offset
        return local.astype("M8[D]")

    def part(self, which: slice) -> Bars:
        """Return some of the bars; all of them are the same object."""
        if which == slice(0, len(self)):
            return self
        prices = (self.open, self.high, self.low, self.close, self.volume)
        offset = None if self.offset is None else self.offset[which]
        columns = (column[which] for column in prices)
        return Bars(self.symbol, self.time[which], *columns, offset=offset)

    def after(self, earlier: Bars) -> Bars:
        """Return the bars with earlier ones before them.

        Raises:
            DataError: These do not end before the first bar.
        """
        if not len(earlier):
            return self
        offsets = None
        if self.offset is not None or earlier.offset is not None:
            offsets = np.concatenate([_known_offset(earlier), _known_offset(self)])
        names = ("time", "open", "high", "low", "close", "volume")
        columns = (np.concatenate([getattr(earlier, n), getattr(self, n)]) for n in names)
        return Bars(self.symbol, *columns, offset=offsets)

    def digest(self) -> str:
        """Return the SHA-256 of symbol, times, columns and offsets as hex; worked out once."""
        return self.known_digest or self._digest

    @cached_property
    def _digest(self) -> str:
        content = hashlib.sha256(self.symbol.encode())
        for column in (self.time, self.open, self.high, self.low, self.close, self.volume):
            # The bytes as they are in memory: a machine of another byte order has other digests.
            content.update(column.view(np.uint8).data)
        if self.offset is not None:
            content.update(self.offset.view(np.uint8).data)
        return content.hexdigest()


def _known_offset(bars: Bars) -> Offsets:
    return np.zeros(len(bars), _SPAN) if bars.offset is None else bars.offset


_ATTRIBUTES = tuple(each.name for each in fields(Bars))

# attrs writes this method for the cached property and names no module, on which `help()` of
# Python 3.13 fails.
vars(Bars)["__getattr__"].__module__ = __name__


@frozen(repr=False)
class Quality:
    """Findings about the rows of one symbol, made before they became bars.

    Attributes:
        symbol: The symbol.
        rows: Number of rows as written; the other counts are rows too, where they say nothing else.
        bars: Number of bars that the rows became.
        duplicate_timestamps: Rows that repeat the time of another one.
        missing_intervals: Bars that are missing; days, for a market that closes at night.
        invalid_ohlc_rows: Rows whose prices contradict each other.
        negative_volume_rows: Rows with a volume below zero.
        unsorted_rows: Rows earlier than the one before.
        critical: Findings that make results doubtful, as sentences.
        warnings: Findings worth knowing, as sentences.
        adjustment: What the bars' prices were adjusted for.
    """

    symbol: str
    rows: int
    bars: int
    duplicate_timestamps: int = 0
    missing_intervals: int = 0
    invalid_ohlc_rows: int = 0
    negative_volume_rows: int = 0
    unsorted_rows: int = 0
    critical: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    adjustment: Adjustment = "none"

    def __repr__(self) -> str:
        return describe(
            self,
            self.symbol,
            rows=self.rows,
            bars=self.bars,
            critical=len(self.critical),
            warnings=len(self.warnings),
        )


@frozen
class Provenance:
    """The origin of a directory's prices, from its `provenance.json`.

    Attributes:
        kind: `demo` for the prices that the package brings along.
        source: Where they come from, as sentences; None: not said.
        adjusted_for: What they are adjusted for already; None: not said.
    """

    kind: Literal["demo", "user_provided"] = "user_provided"
    source: str | None = None
    adjusted_for: Adjustment | None = None


@frozen(eq=False, repr=False)
class Dataset:
    """The bars of one run.

    Attributes:
        bars: One `Bars` per requested symbol, in the request's order.
        source: The resolved data source: `sample`, `csv`, `parquet` or `memory`; `default` where
            some files are of the one format and some of the other.
        kind: `sample` for generated prices, `demo` for the shipped ones, else `user_provided`.
        quality: One report per symbol, in the same order, on all that was read.
        provenance: What is said of the prices, where something is.
        warmup: The bars before the request's range that indicators begin with, of each symbol that
            has some; one `Bars` each. Nothing is traded or valued on them.
    """

    bars: Sequence[Bars]
    source: Origin
    kind: Literal["sample", "demo", "user_provided"]
    quality: Sequence[Quality]
    provenance: Provenance = Provenance()
    warmup: Sequence[Bars] = ()

    def __repr__(self) -> str:
        return describe(self, listed([bars.symbol for bars in self.bars]), source=self.source)

    def digest(self) -> str:
        """Return the SHA-256 over the symbols' digests in alphabetical order, as hex."""
        # Sorted, because the order of a request's symbols changes nothing.
        parts = sorted((bars.symbol, bars.digest()) for bars in self.bars)
        parts += sorted((f"warmup {bars.symbol}", bars.digest()) for bars in self.warmup)
        return hashlib.sha256("\n".join(f"{s} {d}" for s, d in parts).encode()).hexdigest()
