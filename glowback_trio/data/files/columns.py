"""Find the columns of a table by the names in its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from glowback_trio.data.rows import COLUMNS
from glowback_trio.errors import DataError

__all__ = ["OTHER_FORMATS", "RENAMEABLE", "ColumnLayout", "find_columns", "shorten"]

#: Columns that `find_columns` looks for, and whose names in the table can be given to it.
RENAMEABLE = ("time", *COLUMNS, "symbol")

#: What to do with a file in another form than those of price files.
OTHER_FORMATS = "files in the formats of vendors are read by glowback-trio data import"

# The last is what pandas calls an index without a name in Parquet; in CSV it has none.
_TIME_NAMES = ("timestamp", "date", "datetime", "time", "__index_level_0__")
_SYMBOL_NAMES = ("symbol", "ticker")


@frozen
class ColumnLayout:
    """The indices of a table's columns.

    Attributes:
        names: The header as written, for messages.
        time: Index of the column of times.
        clock: Index of the column of times of day, if that of times holds dates; else None.
        values: Indices of the columns of numbers, in the order of `COLUMNS`; the last one is absent
            if the table has no volumes.
        symbol: Index of the column of symbols; None if there is none.
    """

    names: tuple[str, ...]
    time: int
    clock: int | None
    values: tuple[int, ...]
    symbol: int | None

    @property
    def times(self) -> tuple[int, ...]:
        """The indices of the columns that make up a time: one, or a date and a time of day."""
        return (self.time,) if self.clock is None else (self.time, self.clock)


def find_columns(names: Sequence[str], where: str, column_names: Mapping[str, str]) -> ColumnLayout:
    """Find the columns by their names, ignoring the case of letters.

    Args:
        names: The header.
        where: Where the header is, for messages.
        column_names: The table's names of columns, by the names in `RENAMEABLE`; columns that are
            not in it have their usual names.

    Raises:
        DataError: A column is missing, or appears more than once.
    """
    header = [name.strip() for name in names]
    known = [name.lower() for name in header]

    def find(*candidates: str) -> int:
        found = [name for name in candidates if name in known]
        if not found:
            either = " or ".join(map(repr, candidates[:2]))
            raise DataError(
                f"{where}: no column {either}; the header is {shorten(header, length=240)}; "
                f"{OTHER_FORMATS}"
            )
        if known.count(found[0]) > 1:
            raise DataError(f"{where}: column {found[0]!r} appears more than once")
        return known.index(found[0])

    names_of = {ours: (theirs.strip().lower(),) for ours, theirs in column_names.items()}
    symbol = names_of.get("symbol", _SYMBOL_NAMES)
    # Optional, unless the caller named the column: then its absence is an error.
    has_symbol = "symbol" in names_of or not set(symbol).isdisjoint(known)
    has_volume = "volume" in names_of or "volume" in known
    # An index without a name stands first.
    unnamed = ("",) if known[:1] == [""] else ()
    time = find(*names_of.get("time", (*_TIME_NAMES, *unnamed)))
    has_clock = "time" not in names_of and known[time] == "date" and "time" in known
    return ColumnLayout(
        names=tuple(header),
        time=time,
        clock=find("time") if has_clock else None,
        values=tuple(
            find(*names_of.get(name, (name,))) for name in (COLUMNS if has_volume else COLUMNS[:-1])
        ),
        symbol=find(*symbol) if has_symbol else None,
    )


def shorten(value: object, length: int = 60) -> str:
    """Return the repr of a value for a message, cut to so many characters."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}..."
