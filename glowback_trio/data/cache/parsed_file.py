"""A price file that has been parsed: its rows, and facts about all of them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from attrs import define, evolve, field, frozen

from glowback_trio.data.calendars.resolution import resolution_of
from glowback_trio.data.doubts import leaves_no_doubt
from glowback_trio.data.rows import Rows, clean
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["ParsedFile", "Placing"]


@define(eq=False)
class Placing:
    """The range of a request, and the times that its bars have.

    Most files of a request have the same times, so what was found out of the last ones is kept.

    Attributes:
        span: The range.
        zone: See `Stamps.placed`, as for `daily`.
        daily: True for bars of a day or longer.
    """

    span: DateRange
    zone: ZoneInfo | None
    daily: bool
    _last: tuple[Stamps, Stamps] | None = field(default=None, init=False)  # as written, and placed
    _part: tuple[Stamps, slice] | None = field(default=None, init=False)

    def placed(self, rows: Rows) -> Rows:
        """Return rows at the times that their bars have; see `Rows.placed`."""
        if self._last is not None and self._last[0] is rows.stamps:
            return rows.at(self._last[1])
        placed = rows.placed(self.zone, daily=self.daily)
        self._last = rows.stamps, placed.stamps
        return placed

    def part(self, stamps: Stamps) -> slice:
        """Return the part of placed times, in their order, that lies in the range."""
        if self._part is None or self._part[0] is not stamps:
            self._part = stamps, self.span.part(stamps.time, stamps.offset)
        return self._part[1]


@frozen(eq=False)
class ParsedFile:
    """The rows of one file.

    Attributes:
        rows: All rows.
        spacing: The resolution inferred from their times; None if there are too few rows.
        digest: Digest of the bars that the rows are, if nothing is wrong with any row; else None.
        is_plain: True if it has one, and no part of the bars gives rise to a doubt.
    """

    rows: Rows
    spacing: Resolution | None
    digest: str | None = field(default=None)
    is_plain: bool = False

    @classmethod
    def of(cls, rows: Rows) -> ParsedFile:
        """Describe rows without checking them."""
        return cls(rows, resolution_of(rows.time))

    def with_digest(self) -> ParsedFile:
        """Return the same with its digest, if the rows are sound at the times as written."""
        as_written = evolve(self.rows, stamps=Stamps(self.rows.time))
        try:
            bars, quality = clean(as_written)
        except DataError:
            return self
        if quality.critical or quality.warnings:
            return self
        return ParsedFile(self.rows, self.spacing, bars.digest(), leaves_no_doubt(bars))

    def between(self, placing: Placing, warmup: int = 0) -> tuple[Bars, Quality, bool]:
        """Return the bars of a range, with some before it, and the quality of their rows.

        The third is True if it is known that the bars give rise to no doubt.

        Rows with a digest are sorted and sound, so they are sliced and not checked again, unless
        their times change.

        Args:
            placing: The range, and the times that its bars have.
            warmup: How many bars before the range, at most.

        Raises:
            DataError: There are no rows in the range, or one is impossible.
        """
        rows, span = placing.placed(self.rows), placing.span
        if self.digest is None or rows.time is not self.rows.time:
            return *clean(rows.between(span, warmup)), False
        part = placing.part(rows.stamps)
        if part.stop == part.start:
            raise rows.none_between(span)
        part = slice(max(0, part.start - warmup), part.stop)
        count = part.stop - part.start
        stamps, values = rows.stamps, rows.values
        total = values.shape[1]
        if count < total:
            stamps, values = stamps.take(part), values[:, part]
        # A digest of all rows is not that of a part of them, and says nothing of offsets.
        known = self.digest if count == total and stamps.offset is None else None
        if count < total / 2:
            values = values.copy()  # so that a small part does not keep all of a large file
            stamps = stamps.copy()
        bars = Bars.again(
            rows.symbol, stamps.time, values, offset=stamps.offset, known_digest=known
        )
        found = values.shape[1]
        return bars, Quality(rows.symbol, rows=found, bars=found), self.is_plain
