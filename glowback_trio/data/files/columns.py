"""Which column of a table holds what, by the names in its header."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import frozen

from glowback_trio.data.rows import COLUMNS
from glowback_trio.errors import DataError

__all__ = ["RENAMEABLE", "ColumnLayout", "find_columns", "shorten"]

#: What a table is searched for.
RENAMEABLE = ("time", *COLUMNS, "symbol")

_TIME_NAMES = ("timestamp", "date", "datetime", "time")
_SYMBOL_NAMES = ("symbol", "ticker")


@frozen
class ColumnLayout:
    """Where the columns stand, counting from 0.

    Attributes:
        names: The header as written, for messages.
        time: The column of times.
        values: The columns of numbers, in the order of `COLUMNS`.
        symbol: The column of symbols, where there is one.
    """

    names: tuple[str, ...]
    time: int
    values: tuple[int, ...]
    symbol: int | None


def find_columns(names: Sequence[str], where: str, column_names: Mapping[str, str]) -> ColumnLayout:
    """Find the columns by their names, whatever the case of letters.

    Args:
        names: The header.
        where: What people call its place.
        column_names: The names that a table uses instead of ours, by ours, which are `RENAMEABLE`.

    Raises:
        DataError: A column is missing, or there more than once.
    """
    header = [name.strip() for name in names]
    known = [name.lower() for name in header]

    def find(*wanted: str) -> int:
        found = [name for name in wanted if name in known]
        if not found:
            either = " or ".join(map(repr, wanted[:2]))
            raise DataError(
                f"{where}: no column {either}; the header is {shorten(header, most=240)}"
            )
        if known.count(found[0]) > 1:
            raise DataError(f"{where}: column {found[0]!r} appears more than once")
        return known.index(found[0])

    names_of = {ours: (theirs.strip().lower(),) for ours, theirs in column_names.items()}
    symbol = names_of.get("symbol", _SYMBOL_NAMES)
    return ColumnLayout(
        names=tuple(header),
        time=find(*names_of.get("time", _TIME_NAMES)),
        values=tuple(find(*names_of.get(name, (name,))) for name in COLUMNS),
        symbol=find(*symbol)
        if "symbol" in column_names or not set(symbol).isdisjoint(known)
        else None,
    )


def shorten(value: object, most: int = 60) -> str:
    """An offending value as a message repeats it: with so many characters at most."""
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."
