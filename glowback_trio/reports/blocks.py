"""The contents of a report, apart from its form: sections of figures, tables and charts.

All values are raw, in the units of the wire; each form writes them in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from attrs import Factory, field, frozen

from glowback_trio.model.bars import Floats, Indices, Times
from glowback_trio.reports.numbers import Unit, written

__all__ = [
    "Block",
    "Calendar",
    "Chart",
    "Column",
    "Figure",
    "Figures",
    "Grid",
    "Line",
    "Page",
    "Prose",
    "Section",
    "Table",
]

Tone = Literal["plain", "warning"]


@frozen
class Figure:
    """A value with its name.

    Attributes:
        name: As it is called in documents.
        label: As people call it.
        value: The value; None: undefined.
        unit: What it means.
        meaning: What it says, in a few words.
    """

    name: str
    label: str
    value: object
    unit: Unit = "text"
    meaning: str = ""


@frozen
class Figures:
    """Some figures: `large` ones head a report, others stand in a list.

    Attributes:
        name: As it is called in documents.
        figures: The figures.
        large: Whether they are the ones to see first.
    """

    name: str
    figures: Sequence[Figure]
    large: bool = False


@frozen
class Column:
    """A column of a table.

    Attributes:
        name: As it is called in documents.
        title: Its heading.
        unit: What its values mean.
    """

    name: str
    title: str
    unit: Unit = "text"


@frozen
class Table:
    """A table.

    Attributes:
        name: As it is called in documents.
        title: Its heading; empty if the section's is enough.
        columns: Its columns.
        rows: Its rows of raw values.
        total: How many rows there are, of which the first are shown; None: all are.
        best: By the name of a row's first cell: which column has the best value.
        units: What the values of each row mean, where that differs from row to row; then it holds
            for all columns but the first.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[object]]
    total: int | None = None
    best: Mapping[str, int] = field(factory=dict)
    units: Sequence[Unit] = ()

    def unit(self, row: int, column: int) -> Unit:
        """Return what the value of a cell means."""
        return self.units[row] if self.units and column else self.columns[column].unit

    def text(self, row: int, column: int) -> str:
        """Write the value of a cell."""
        return written(self.rows[row][column], self.unit(row, column))


@frozen(eq=False)
class Line:
    """A line of a chart.

    Attributes:
        name: As it is called in documents.
        label: As people call it.
        values: (n,); NaN where there is none.
        kind: How it is drawn: `main`, `other`, `loss`, which is filled up to zero, or `s0` to `s9`,
            the lines of a comparison.
    """

    name: str
    label: str
    values: Floats
    kind: str = "main"


@frozen(eq=False)
class Chart:
    """Lines over time.

    Attributes:
        name: As it is called in documents.
        title: Its heading.
        time: (n,), ascending, datetime64 UTC.
        lines: The lines.
        unit: What their values mean.
        place: (n,), ascending: where each point lies from left to right, such as its bar, so that
            nights take no room; left out, its time.
        low: Whether it is drawn lower than others.
        note: A sentence below it.
    """

    name: str
    title: str
    time: Times
    lines: Sequence[Line]
    unit: Unit
    place: Floats | Indices = field(
        default=Factory(lambda chart: chart.time.astype("M8[ns]").astype(float), takes_self=True),
        kw_only=True,
    )
    low: bool = field(default=False, kw_only=True)
    note: str = field(default="", kw_only=True)


@frozen
class Calendar:
    """Returns of months: a row for each year.

    Attributes:
        name: As it is called in documents.
        rows: Year, twelve returns in percent, and that of the year; None: no bar, or undefined.
    """

    name: str
    rows: Sequence[tuple[str, Sequence[float | None], float | None]]


@frozen
class Grid:
    """Values of two parameters as a heat map.

    Attributes:
        name: As it is called in documents.
        title: Its heading.
        across: Name of the parameter of the columns, and its values.
        down: Name of the parameter of the rows, and its values.
        cells: A row for each value of `down`; None: not tried, or undefined.
        unit: What the cells mean.
    """

    name: str
    title: str
    across: tuple[str, Sequence[object]]
    down: tuple[str, Sequence[object]]
    cells: Sequence[Sequence[float | None]]
    unit: Unit = "ratio"


@frozen
class Prose:
    """Sentences, each a paragraph.

    Attributes:
        name: As it is called in documents.
        sentences: The sentences.
        tone: A warning stands out.
        listed: Whether they are items of a list.
    """

    name: str
    sentences: Sequence[str]
    tone: Tone = "plain"
    listed: bool = False


Block = Figures | Table | Chart | Calendar | Grid | Prose


@frozen
class Section:
    """A part of a report under one heading.

    Attributes:
        name: As it is called in documents.
        title: The heading.
        blocks: What it consists of.
    """

    name: str
    title: str
    blocks: Sequence[Block]


@frozen
class Page:
    """A whole report.

    Attributes:
        title: The heading of all.
        subtitle: What it is about, in a line.
        sections: Its sections; empty ones have been left out.
        checks: What a verification needs, as plain JSON values.
    """

    title: str
    subtitle: str
    sections: Sequence[Section]
    checks: Mapping[str, Any]
