"""A price file that has been parsed: its rows, and facts about all of them."""

from __future__ import annotations

from attrs import field, frozen

from glowback_trio.data.calendars.calendar import Timestamp
from glowback_trio.data.calendars.resolution import resolution_of
from glowback_trio.data.rows import Rows, clean
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Quality
from glowback_trio.model.request import Resolution

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
        """Return the same with its digest, if the rows are sound."""
        try:
            bars, quality = clean(self.rows)
        except DataError:
            return self
        is_sound = not (quality.critical or quality.warnings)
        return ParsedFile(self.rows, self.spacing, bars.digest() if is_sound else None)

    def between(self, start: Timestamp, end: Timestamp) -> tuple[Bars, Quality]:
        """Return the bars from `start` to `end`, both included, and the quality of their rows.

        Rows with a digest are sorted and sound, so they are sliced and not checked again.

        Raises:
            DataError: There are no rows in the range, or one is impossible.
        """
        rows = self.rows
        if self.digest is None:
            return clean(rows.between(start, end))
        first = int(rows.time.searchsorted(start))
        stop = int(rows.time.searchsorted(end, side="right"))
        if first == stop:
            raise rows.none_between(start, end)
        # A digest of all rows is not that of a part of them.
        known = self.digest if stop - first == len(rows) else None
        time, values = rows.time[first:stop], rows.values[:, first:stop]
        if len(time) < len(rows) / 2:
            values = values.copy()  # so that a small part does not keep a large file mapped
            time = time.copy()
        bars = Bars(rows.symbol, time, *values, known_digest=known)
        return bars, Quality(rows.symbol, rows=len(bars), bars=len(bars))
