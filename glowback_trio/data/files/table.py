"""A table of prices as read from a file, of one symbol or of several."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import ColumnLayout, shorten
from glowback_trio.data.rows import COLUMNS, Rows
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.sessions.stamps import Stamps

__all__ = ["PriceTable", "with_volume"]


def with_volume(values: Floats) -> Floats:
    """Add volumes that are not known to columns of prices alone, (4, R); (5, R) stays as it is."""
    if len(values) == len(COLUMNS):
        return values
    return np.vstack([values, np.full(values.shape[1], np.nan)])


@frozen(eq=False)
class PriceTable:
    """The rows of a file, in its order.

    Attributes:
        source: The file's name, for messages.
        columns: The indices of its columns.
        stamps: The times, (R,).
        values: (5, R) float64: open, high, low, close, volume.
        symbols: (R,) texts; None if the file has no column of symbols.
        locate: Returns where a row is in the file, by its number from 0, as in `line 7`.
    """

    source: str
    columns: ColumnLayout
    stamps: Stamps = field(repr=False)
    values: Floats = field(repr=False)
    symbols: NDArray[Any] | None = field(repr=False)
    locate: Callable[[int], str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.stamps)

    @property
    def time(self) -> Times:
        """The times as `Stamps.time` has them, (R,)."""
        return self.stamps.time

    def rows(self, symbol: str) -> Rows:
        """Return all rows as rows of one symbol.

        Raises:
            DataError: The column of symbols has another symbol in it.
        """
        if self.symbols is not None and (others := self.symbols != symbol).any():
            row = int(np.argmax(others))
            assert self.columns.symbol is not None, "a table with symbols has a column of them"
            raise DataError(
                f"{self.source}, {self.locate(row)}, column "
                f"{self.columns.names[self.columns.symbol]!r}: expected {symbol!r}, "
                f"got {shorten(str(self.symbols[row]))}"
            )
        return Rows(symbol, self.source, self.stamps, self.values, self.locate)

    def split(self) -> Iterator[Rows]:
        """Yield the rows of each symbol, in alphabetical order; needs a column of symbols."""
        assert self.symbols is not None, "only a table with symbols can be split by them"
        names, which = np.unique(self.symbols, return_inverse=True)
        # Stable, because of rows with the same time the last one in the file counts.
        order = np.argsort(which, kind="stable")
        parts = np.split(order, np.flatnonzero(np.diff(which[order])) + 1)
        for name, part in zip(names, parts, strict=True):
            stamps, values = self.stamps.take(part), self.values[:, part]
            yield Rows(str(name), self.source, stamps, values, self.locate, number=part)
