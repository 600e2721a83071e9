"""Read a file from elsewhere: find its format, then its rows, symbol by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np
from attrs import evolve, frozen
from numpy.typing import NDArray

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.files.csv_records import bad_cell
from glowback_trio.data.files.directory import symbol_in_name
from glowback_trio.data.rows import COLUMNS, Rows
from glowback_trio.data.tools.formats.foreign_table import (
    NO_VOLUME,
    QUOTED,
    Actions,
    ForeignPrices,
    ImportOptions,
)
from glowback_trio.data.tools.formats.layout import Layout, Part, layout_of, stem_of
from glowback_trio.data.tools.formats.numbers import (
    BadCellError,
    decimal_mark,
)
from glowback_trio.data.tools.formats.text_cells import NUMERIC, PartColumns, TextCells
from glowback_trio.data.tools.formats.text_files import TextFile, text_files
from glowback_trio.data.tools.formats.text_records import Record, delimiter_of, records_of
from glowback_trio.data.tools.formats.times import read_times, zone_beside
from glowback_trio.data.tools.formats.vendor import Vendor
from glowback_trio.data.tools.formats.vendors import VENDORS, vendor_by_name
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats
from glowback_trio.model.bounds import did_you_mean

__all__ = ["read_text_prices", "symbol_of_file", "vendor_named"]

_SAMPLE = 2_000  # records, from which the format and the decimal mark are found
_CHUNK = 20_000
_ROW_BYTES = 250  # of a row: its time as text, its numbers


def vendor_named(options: ImportOptions) -> Vendor | None:
    """Return the format that the user names; None if they name none.

    Raises:
        DataError: There is no such format.
    """
    if options.format is None:
        return None
    if (vendor := vendor_by_name(options.format)) is None:
        near = did_you_mean(options.format, [each.name for each in VENDORS])
        raise DataError(f"no format is called {options.format!r}; {near}")
    return vendor


def read_text_prices(path: Path, options: ImportOptions) -> Iterator[ForeignPrices]:
    """Read a file of text, or an archive of them.

    Raises:
        DataError: It cannot be read, its format is not recognised, or a cell is bad.
    """
    vendor = vendor_named(options)
    for file in text_files(path, options.limits):
        yield from _read(file, vendor, options)


def _read(file: TextFile, given: Vendor | None, options: ImportOptions) -> Iterator[ForeignPrices]:
    delimiter = delimiter_of(file, options.limits)
    records = records_of(file, delimiter, options.limits)
    sample = list(islice(records, _SAMPLE))
    layout = layout_of(file.name, sample, given, options.column_names)
    rows = sample[layout.skip :]
    if not rows:
        raise DataError(f"{file.name} has a header but no rows")
    mark = decimal_mark(_numeric_cells(layout, rows), delimiter)
    cells = TextCells(file.name, layout, mark)
    count = 0
    for chunk in _chunks(chain(rows, records)):
        count += len(chunk)
        options.limits.check(file.name, "max_file_bytes", count * _ROW_BYTES, at_least=True)
        cells.add(chunk)
    for index, part in enumerate(layout.parts):
        for prices in _Assembly(cells, part, cells.columns[index], options).prices():
            yield evolve(prices, notes=(*prices.notes, *_left_out(file)))


def _left_out(file: TextFile) -> Iterator[str]:
    if file.beside:
        yield f"other files of the archive are left out: {', '.join(file.beside)}"


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    while chunk := list(islice(records, _CHUNK)):
        yield chunk


def _numeric_cells(layout: Layout, rows: Sequence[Record]) -> Iterator[str]:
    for part in layout.parts:
        places = [part.columns[role][0] for role in NUMERIC if role in part.columns]
        for record in rows:
            yield from (record.cells[place] for place in places if place < len(record.cells))


@frozen(eq=False)
class _Assembly:
    """Rows made of the columns of one part of a file."""

    cells: TextCells
    part: Part
    columns: PartColumns
    options: ImportOptions

    def prices(self) -> Iterator[ForeignPrices]:
        """Yield the rows of each symbol, in alphabetical order."""
        values, notes = self._values()
        has_prices = ~np.isnan(values[:4]).all(axis=0)
        kept = np.flatnonzero(has_prices)
        if not len(kept):
            raise DataError(f"{self.cells.source} has no row with prices")
        self._check_prices(values, kept)
        if missing := values.shape[1] - len(kept):
            notes.append(f"{missing} row{'s' * (missing > 1)} without prices left out")
        times = [self.columns.times[row] for row in kept.tolist()]
        day_first = self.options.day_first
        vendor = self.cells.layout.vendor
        if (zone := zone_beside(times)) is not None:
            vendor = evolve(vendor, zone=zone)
            times = [text.strip().removesuffix(f" {zone}") for text in times]
        day_first = vendor.day_first if day_first is None else day_first
        try:
            stamps = read_times(times, day_first=day_first)
        except BadCellError as bad:
            raise self._bad_time(int(kept[bad.index]), bad.expected) from None
        except DataError as error:
            raise DataError(f"{self.cells.source}: {error}") from None
        whole = Rows("", self.cells.source, stamps, values[:, kept], self.cells.place, kept)
        prices = ForeignPrices(whole, vendor, self._actions(kept), tuple(notes))
        yield from self._by_symbol(prices, kept)

    def _values(self) -> tuple[Floats, list[str]]:
        """Return (5, R) numbers and notes about them."""
        notes = []
        columns = {role: self._number(role) for role in NUMERIC}
        rows = len(self.columns.times)
        if (above := self.cells.layout.above) is not None:
            notes.append(f"the text above the rows is left out: {shorten(above)}")
        volume = columns["volume"]
        if volume is None:
            notes.append(NO_VOLUME)
            volume = np.full(rows, np.nan)
        values = np.array([volume if c == "volume" else columns[c] for c in COLUMNS], dtype=float)
        adjusted = columns["adjusted close"]
        if self.options.adjusted:
            if adjusted is None:
                raise DataError(
                    f"{self.cells.source}: --adjusted needs a column of adjusted closes; "
                    f"the header is {shorten(list(self.cells.layout.names), length=240)}"
                )
            values[:4] *= adjusted / values[3]
            # Exactly as written, where the product would be rounded.
            values[3] = adjusted
        elif adjusted is not None:
            notes.append(QUOTED)
        return values, notes

    def _number(self, role: str) -> Floats | None:
        """Return a column; of two for the volume the second, where the first is zero throughout."""
        places = self.part.columns.get(role, [])[:2]
        if not places:
            return None
        first, *others = (self.columns.column(place) for place in places)
        if role == "volume" and others and not first.any() and others[0].any():
            return others[0]
        return first

    def _check_prices(self, values: Floats, kept: NDArray[np.int64]) -> None:
        bad = np.isnan(values[:4, kept])
        if bad.any():
            row, column = np.argwhere(bad.T)[0].tolist()
            where = f"{self.cells.source}, {self.cells.place(int(kept[row]))}"
            name = self.cells.layout.names[self.part.columns[COLUMNS[column]][0]]
            raise DataError(f"{where}, column {name!r}: expected a price, as the row has others")

    def _bad_time(self, row: int, expected: str) -> DataError:
        where = f"{self.cells.source}, {self.cells.place(row)}"
        name = self.cells.layout.names[self.part.columns["time"][0]]
        return bad_cell(where, name, expected, self.columns.times[row])

    def _actions(self, kept: NDArray[np.int64]) -> Actions | None:
        dividend, split = self._number("dividend"), self._number("split")
        if self.options.adjusted or (dividend is None and split is None):
            return None
        none = np.zeros(len(self.columns.times))
        both = [none if column is None else np.nan_to_num(column) for column in (dividend, split)]
        return Actions(both[0], both[1], self.cells.layout.vendor.adjusted).take(kept)

    def _by_symbol(self, prices: ForeignPrices, kept: NDArray[np.int64]) -> Iterator[ForeignPrices]:
        if self.part.symbol is not None or not self.columns.symbols:
            yield _named(prices, self._symbol_of_file())
            return
        names = np.array([self.columns.symbols[row] for row in kept.tolist()])
        known, which = np.unique(names, return_inverse=True)
        if self.options.symbol is not None:
            if len(known) > 1:
                raise DataError(
                    f"{self.cells.source} holds {len(known)} symbols, {shorten(known.tolist())}; "
                    "--symbol names one"
                )
            yield _named(prices, self.options.symbol)
            return
        # Stable, because of rows with the same time the last one in the file counts.
        order = np.argsort(which, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(which[order])) + 1):
            actions = prices.actions and prices.actions.take(part)
            one = evolve(prices, rows=prices.rows.take(part), actions=actions)
            yield _named(one, str(names[part[0]]))

    def _symbol_of_file(self) -> str:
        source, layout = self.cells.source, self.cells.layout
        if self.options.symbol is not None:
            if len(layout.parts) > 1:
                raise DataError(f"{source} holds {len(layout.parts)} symbols; --symbol names one")
            return self.options.symbol
        return self.part.symbol or symbol_of_file(source, layout.vendor)


def symbol_of_file(source: str, vendor: Vendor) -> str:
    """Return the symbol that the name of a file says.

    Raises:
        DataError: It says none.
    """
    stem = stem_of(source)
    symbol = vendor.symbol_of(stem)
    if symbol == "":
        raise DataError(f"{source}: the name does not say the symbol; give --symbol")
    return symbol or symbol_in_name(f"{stem}.csv") or stem


def _named(prices: ForeignPrices, symbol: str) -> ForeignPrices:
    return evolve(prices, rows=evolve(prices.rows, symbol=symbol))
