"""Rows as a source has them, and the rules by which they become bars.

Rows that cannot be bars at all (a price that is not positive) raise. Rows that are suspicious are
kept, counted and reported as findings, because a run decides itself what to do about them
(`data_quality_mode`).
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import numpy as np
from attrs import evolve, field, frozen
from numpy.typing import NDArray

from glowback_trio.data.calendars.times import format_range
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Floats, Quality, Times
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import SkippedTimeError, Stamps

__all__ = ["COLUMNS", "VOLUME", "Rows", "clean"]

_DUPLICATE = "with the timestamp of a later row, which was kept instead"
_PUT_BACK = "; if a clock was put back there, the request's timezone tells the hours apart"

COLUMNS = ("open", "high", "low", "close", "volume")
#: The index of the volume, which alone may be unknown: NaN.
VOLUME = COLUMNS.index("volume")


@frozen(eq=False)
class Rows:
    """One symbol's rows in the order of their source: unsorted and unchecked.

    Attributes:
        symbol: The symbol.
        source: Name of the source in messages, such as a file's name.
        stamps: The times, (R,).
        values: (5, R) float64: open, high, low, close, volume; a volume of NaN is not known.
        locate: Returns where a row is in the source, by its number from 0, as in `line 7`.
        number: (R,) each row's number in the source; None if these are all its rows, in order.
    """

    symbol: str
    source: str
    stamps: Stamps = field(repr=False)
    values: Floats = field(repr=False)
    locate: Callable[[int], str] = field(repr=False)
    number: NDArray[np.int64] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def time(self) -> Times:
        """The times of the rows, (R,) datetime64[ns]: in UTC once they are placed."""
        return self.stamps.time

    def placed(self, zone: ZoneInfo | None, *, daily: bool) -> Rows:
        """Return the rows at the times that their bars have; see `Stamps.placed`.

        Raises:
            DataError: A local time does not exist in the zone.
        """
        try:
            return self.at(self.stamps.placed(zone, daily=daily))
        except SkippedTimeError as error:
            written = str(self.time[error.row]).removesuffix(".000000000")
            raise DataError(
                f"{self.source}, {self.place(error.row)}: expected {error}, got {written!r}"
            ) from None

    def at(self, stamps: Stamps) -> Rows:
        """Return the rows at other times, (R,)."""
        return Rows(self.symbol, self.source, stamps, self.values, self.locate, self.number)

    def take(self, which: slice | NDArray[np.bool_] | NDArray[np.int64]) -> Rows:
        """Return some of the rows."""
        number = np.arange(len(self)) if self.number is None else self.number
        return evolve(
            self,
            stamps=self.stamps.take(which),
            values=self.values[:, which],
            number=number[which],
        )

    def place(self, row: int) -> str:
        """Return where a row is in the source, for messages."""
        return self.locate(row if self.number is None else int(self.number[row]))

    def between(self, span: DateRange, warmup: int = 0) -> Rows:
        """Return the rows of a range, which have to be placed, and of some bars before it.

        Args:
            span: The range.
            warmup: How many bars before it, at most.

        Raises:
            DataError: There are none.
        """
        inside = span.contains(self.time, self.stamps.offset)
        if not inside.any():
            raise self.none_between(span)
        if warmup:
            inside |= self._just_before(span, warmup)
        return self if inside.all() else self.take(inside)

    def _just_before(self, span: DateRange, count: int) -> NDArray[np.bool_]:
        """Return which rows are of the last bars before a range, (R,)."""
        before = span.precedes(self.time, self.stamps.offset)
        times = np.unique(self.time[before])  # rows of the same time become one bar
        if len(times) > count:
            before &= self.time >= times[-count]
        return before

    def none_between(self, span: DateRange) -> DataError:
        """Return the error for an empty range, which names the range that exists."""
        existing = format_range(self.time.min(), self.time.max()) if len(self) else "none"
        requested = format_range(span.start, span.end)
        return DataError(
            f"{self.symbol} has no bars from {requested}; {self.source} holds {existing}"
        )


def clean(rows: Rows) -> tuple[Bars, Quality]:
    """Make bars from rows: sort them, keep the last of duplicates, report what was wrong.

    Gaps are not searched for here, because that takes the bars of the other symbols.

    Args:
        rows: At least one row, placed.

    Raises:
        DataError: A price is not a positive number, or a volume is infinite. No data quality mode
            accepts that.
    """
    _check_possible(rows)
    ordered = _sorted(rows)
    bars = Bars(rows.symbol, ordered.time, *ordered.values, offset=ordered.stamps.offset)
    return bars, _quality(rows, duplicates=len(rows) - len(bars))


def _sorted(rows: Rows) -> Rows:
    """Sort by time; of rows with the same time, keep the one that comes last in the source."""
    if (rows.time[1:] > rows.time[:-1]).all():
        return rows  # most files are sorted, and a check costs less than a copy
    # Stable, so that "the last one" among equal times is still the last one in the source.
    ordered = rows.take(np.argsort(rows.time, kind="stable"))
    return ordered.take(np.append(ordered.time[1:] > ordered.time[:-1], True))


def _check_possible(rows: Rows) -> None:
    possible = np.isfinite(rows.values)
    possible[:VOLUME] &= rows.values[:VOLUME] > 0
    possible[VOLUME] |= np.isnan(rows.values[VOLUME])
    if possible.all():
        return
    # Transposed, so that the first one found is the first in the order of the source.
    row, column = np.argwhere(~possible.T)[0].tolist()
    expected = "a number" if COLUMNS[column] == "volume" else "a price above 0"
    raise DataError(
        f"{rows.source}, {rows.place(row)}, column {COLUMNS[column]!r}: "
        f"expected {expected}, got {rows.values[column, row].item()!r}"
    )


def _quality(rows: Rows, duplicates: int) -> Quality:
    opens, highs, lows, closes, volumes = rows.values
    body_high, body_low = np.maximum(opens, closes), np.minimum(opens, closes)
    invalid = int(((highs < body_high) | (lows > body_low) | (highs < lows)).sum())
    negative = int((volumes < 0).sum())
    # A row is out of order if any row before it is later, not only the one just before it.
    unsorted = int((rows.time < np.maximum.accumulate(rows.time)).sum())
    return Quality(
        symbol=rows.symbol,
        rows=len(rows),
        bars=len(rows) - duplicates,
        duplicate_timestamps=duplicates,
        invalid_ohlc_rows=invalid,
        negative_volume_rows=negative,
        unsorted_rows=unsorted,
        critical=_findings(
            rows.symbol,
            (duplicates, _DUPLICATE + _PUT_BACK * rows.stamps.is_local),
            (invalid, "whose open, high, low and close contradict each other"),
            (negative, "with a negative volume"),
        ),
        warnings=_findings(
            rows.symbol,
            (unsorted, "out of order in time, which were sorted"),
            (int(np.isnan(volumes).sum()), "without a volume, which is recorded as unknown"),
        ),
    )


def _findings(symbol: str, *findings: tuple[int, str]) -> tuple[str, ...]:
    return tuple(
        f"{symbol}: {count} row{'s' * (count > 1)} {what}" for count, what in findings if count
    )
