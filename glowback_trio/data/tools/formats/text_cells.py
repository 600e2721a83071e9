"""The cells of a file of text, as columns: numbers read, times and symbols as they are written."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen

from glowback_trio.data.files.csv_records import bad_cell
from glowback_trio.data.rows import COLUMNS
from glowback_trio.data.tools.formats.layout import Layout, Part
from glowback_trio.data.tools.formats.numbers import BadCellError, DecimalMark, read_numbers
from glowback_trio.data.tools.formats.text_records import Record
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Floats

__all__ = ["NUMERIC", "PartColumns", "TextCells"]

#: The roles of columns of numbers.
NUMERIC = (*COLUMNS, "adjusted close", "dividend", "split")


@frozen(eq=False)
class PartColumns:
    """The columns of one symbol.

    Attributes:
        times: (R,) times, a date and a time of day joined by a space.
        symbols: (R,); empty if there is no column of them.
        numbers: Chunks of each column of numbers, by its index.
    """

    times: list[str] = field(factory=list)
    symbols: list[str] = field(factory=list)
    numbers: dict[int, list[Floats]] = field(factory=dict)

    def column(self, place: int) -> Floats:
        """Return a column of numbers, (R,); NaN where a cell holds nothing."""
        return np.concatenate(self.numbers[place])


@frozen(eq=False)
class TextCells:
    """The columns of a file that are needed, as its records are read.

    Attributes:
        source: The file's name.
        layout: Where its columns are.
        mark: What separates decimals in it.
        lines: (R,) the line of each row.
        columns: The columns of each part of the layout.
    """

    source: str
    layout: Layout
    mark: DecimalMark
    lines: list[int] = field(factory=list)
    columns: list[PartColumns] = field(init=False)

    @columns.default
    def _none_yet(self) -> list[PartColumns]:
        return [PartColumns() for _ in self.layout.parts]

    def add(self, records: list[Record]) -> None:
        """Read the cells of more records.

        Raises:
            DataError: A record has another width, or a cell is not a number.
        """
        # Below the rows some vendors write a line of text, which has one cell.
        if len(records[-1].cells) == 1 < len(self.layout.names):
            records = records[:-1]
        if not records:
            return
        for record in records:
            self._check_width(record)
        lines = [record.line for record in records]
        for part, columns in zip(self.layout.parts, self.columns, strict=True):
            self._add_part(part, columns, records, lines)
        self.lines.extend(lines)

    def place(self, row: int) -> str:
        """Return where a row is, by its number from 0."""
        return f"line {self.lines[row]}"

    def _add_part(
        self, part: Part, columns: PartColumns, records: list[Record], lines: list[int]
    ) -> None:
        time, *clock = part.columns["time"][0], *part.columns.get("time of day", [])[:1]
        for record in records:
            text = record.cells[time].strip()
            columns.times.append(f"{text} {record.cells[clock[0]].strip()}" if clock else text)
        if "symbol" in part.columns:
            place = part.columns["symbol"][0]
            columns.symbols.extend(record.cells[place].strip() for record in records)
        for role in NUMERIC:
            for place in part.columns.get(role, [])[:2]:
                cells = [record.cells[place] for record in records]
                try:
                    numbers = read_numbers(cells, self.mark)
                except BadCellError as bad:
                    where = f"{self.source}, line {lines[bad.index]}"
                    name = self.layout.names[place]
                    raise bad_cell(where, name, bad.expected, cells[bad.index]) from None
                columns.numbers.setdefault(place, []).append(numbers)

    def _check_width(self, record: Record) -> None:
        width, cells = len(self.layout.names), record.cells
        while len(cells) > width and not cells[-1].strip():
            cells.pop()  # a delimiter at the end of each line
        if len(cells) != width:
            raise DataError(
                f"{self.source}, line {record.line}: expected {width} cells, got {len(cells)}"
            )
