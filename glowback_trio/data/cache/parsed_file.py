"""A price file that has been parsed: its rows, and facts about all of them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from attrs import evolve, field, frozen

from glowback_trio.data.calendars.resolution import resolution_of
from glowback_trio.data.rows import Rows, clean
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import Resolution
from glowback_trio.model.sessions.date_range import DateRange
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["ParsedFile"]


@frozen(eq=False)
class ParsedFile:
    """The rows of one file.

    Attributes:
        rows: All rows.
        spacing: The resolution inferred from their times; None if there are too few rows.
        digest: Digest of the bars that the rows are, if nothing is wrong with any row; else None.
    """

    rows: Rows
    spacing: Resolution | None
    digest: str | None = field(default=None)

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
        is_sound = not (quality.critical or quality.warnings)
        return ParsedFile(self.rows, self.spacing, bars.digest() if is_sound else None)

    def between(
        self, span: DateRange, zone: ZoneInfo | None, *, daily: bool, warmup: int = 0
    ) -> tuple[Bars, Quality]:
        """Return the bars of a range, with some before it, and the quality of their rows.

        Rows with a digest are sorted and sound, so they are sliced and not checked again, unless
        their times change.

        Args:
            span: The range.
            zone: See `Stamps.placed`, as for `daily`.
            daily: True for bars of a day or longer.
            warmup: How many bars before the range, at most.

        Raises:
            DataError: There are no rows in the range, or one is impossible.
        """
        rows = self.rows.placed(zone, daily=daily)
        if self.digest is None or rows.time is not self.rows.time:
            return clean(rows.between(span, warmup))
        part = span.part(rows.time, rows.stamps.offset)
        if part.stop == part.start:
            raise rows.none_between(span)
        part = slice(max(0, part.start - warmup), part.stop)
        count = part.stop - part.start
        stamps, values = rows.stamps.take(part), rows.values[:, part]
        # A digest of all rows is not that of a part of them, and says nothing of offsets.
        known = self.digest if count == len(rows) and stamps.offset is None else None
        if count < len(rows) / 2:
            values = values.copy()  # so that a small part does not keep all of a large file
            stamps = stamps.copy()
        bars = Bars(rows.symbol, stamps.time, *values, offset=stamps.offset, known_digest=known)
        return bars, Quality(rows.symbol, rows=len(bars), bars=len(bars))
