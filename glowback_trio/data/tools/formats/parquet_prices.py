"""Read Parquet files from elsewhere, by the names that vendors and pandas give to columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.parquet_file import column_names_in, read_numbers, read_parquet
from glowback_trio.data.files.table import PriceTable
from glowback_trio.data.rows import COLUMNS, Rows
from glowback_trio.data.tools.formats.foreign_table import (
    NO_VOLUME,
    QUOTED,
    Actions,
    ForeignPrices,
    ImportOptions,
)
from glowback_trio.data.tools.formats.layout import columns_by_role, vendor_of_header
from glowback_trio.data.tools.formats.reading import symbol_of_file, vendor_named
from glowback_trio.data.tools.formats.vendor import Vendor
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats

__all__ = ["read_parquet_prices"]


def read_parquet_prices(path: Path, options: ImportOptions) -> Iterator[ForeignPrices]:
    """Read a Parquet file, symbol by symbol in alphabetical order.

    Raises:
        DataError: It cannot be read, lacks a column, or has a bad cell.
    """
    names = column_names_in(path, options.limits)
    roles = columns_by_role(path.name, names, options.column_names)
    vendor = vendor_named(options) or vendor_of_header(path.name, names)
    # With the time of day, `find_columns` finds the two columns by itself.
    wanted = () if "time of day" in roles else ("time",)
    given = {role: names[roles[role][0]] for role in (*wanted, *COLUMNS, "symbol") if role in roles}
    table = read_parquet(path, given, options.limits)
    columns = _Columns(path, names, roles, options, vendor)
    notes = () if "volume" in roles else (NO_VOLUME,)
    if options.adjusted:
        table = columns.adjusted(table)
    elif "adjusted close" in roles:
        notes = (*notes, QUOTED)
    actions = columns.actions(len(table))
    if options.symbol is None and table.symbols is not None:
        for rows in table.split():
            yield ForeignPrices(rows, vendor, actions and actions.take(_numbers(rows)), notes)
        return
    symbol = options.symbol or symbol_of_file(path.name, vendor)
    yield ForeignPrices(table.rows(symbol), vendor, actions, notes)


def _numbers(rows: Rows) -> NDArray[np.int64]:
    return np.arange(len(rows)) if rows.number is None else rows.number


@frozen(eq=False)
class _Columns:
    """The columns of a file that only imports read."""

    path: Path
    names: Sequence[str]
    roles: Mapping[str, Sequence[int]]
    options: ImportOptions
    vendor: Vendor

    def adjusted(self, table: PriceTable) -> PriceTable:
        """Scale prices to the adjusted closes.

        Raises:
            DataError: The file has none.
        """
        if (closes := self._column("adjusted close")) is None:
            raise DataError(
                f"{self.path.name}: --adjusted needs a column of adjusted closes; "
                f"the header is {shorten(list(self.names), length=240)}"
            )
        values = table.values.copy()
        values[:4] *= closes / values[3]
        values[3] = closes
        return evolve(table, values=values)

    def actions(self, rows: int) -> Actions | None:
        """Return splits and dividends; None if there are no columns of them."""
        dividend, split = self._column("dividend"), self._column("split")
        if self.options.adjusted or (dividend is None and split is None):
            return None
        none = np.zeros(rows)
        both = [none if column is None else np.nan_to_num(column) for column in (dividend, split)]
        return Actions(both[0], both[1], self.vendor.adjusted)

    def _column(self, role: str) -> Floats | None:
        if role not in self.roles:
            return None
        return read_numbers(self.path, self.names[self.roles[role][0]], self.options.limits)
