"""A report as Markdown: its figures and tables, and its charts in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from glowback_trio.model.bars import Floats
from glowback_trio.reports.blocks import (
    Block,
    Calendar,
    Chart,
    Figures,
    Grid,
    Page,
    Prose,
    Section,
    Table,
)
from glowback_trio.reports.checks import PLACE, checks_text
from glowback_trio.reports.numbers import NOTHING, is_number, signed, written
from glowback_trio.reports.words import value_in_words

__all__ = ["markdown_text"]

# What has a meaning in Markdown, or begins an element of HTML.
_SPECIAL = re.compile(r"([\\`*_{}\[\]|~$])")
_NUMBERED = re.compile(r"(\d+)[.)]")
_SPACES = re.compile(r"\s+")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def markdown_text(page: Page) -> str:
    """Write a report as Markdown, with tables as GitHub has them."""
    parts = [f"# {_text(page.title)}", _paragraph(page.subtitle)]
    for section in page.sections:
        parts += _section(section)
    parts.append(f"```json {PLACE}\n{checks_text(page.checks)}\n```")
    return "\n\n".join(part for part in parts if part) + "\n"


def _text(value: object) -> str:
    """Return a text as Markdown that shows it as it is, on one line."""
    line = _SPACES.sub(" ", str(value)).strip()
    safe = _SPECIAL.sub(r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;"))
    return safe.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _paragraph(value: object) -> str:
    """Return a text as `_text` does, for the beginning of a line: no heading, no list."""
    text = _text(value)
    if (number := _NUMBERED.match(text)) is not None:
        return f"{number[1]}\\{text[number.end(1) :]}"
    return f"\\{text}" if text[:1] in tuple("#+=>-") else text


def _section(section: Section) -> Iterator[str]:
    yield f"## {_text(section.title)}"
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    match block:
        case Figures():
            rows: list[tuple[str, ...]] = [
                (each.label, written(each.value, each.unit)) for each in block.figures
            ]
            yield _table(("Figure", "Value"), rows, (False, True))
        case Table():
            yield from _given_table(block)
        case Chart():
            yield f"**{_text(block.title)}**"
            rows = [(line.label, *_ends(line.values, block)) for line in block.lines]
            heads = ("Line", "First", "Lowest", "Highest", "Last")
            yield _table(heads, rows, (False, True, True, True, True))
        case Calendar():
            rows = [
                (year, *map(_percent, months), _percent(total))
                for year, months, total in block.rows
            ]
            yield _table(("Year", *_MONTHS, "Year"), rows, (False, *(True,) * 13))
        case Grid():
            yield from _grid(block)
        case Prose():
            mark = "- " if block.listed else "> " if block.tone == "warning" else ""
            joint = "\n" if block.listed else "\n\n"
            yield joint.join(mark + _paragraph(each) for each in block.sentences)


def _given_table(block: Table) -> Iterator[str]:
    if block.title:
        yield f"**{_text(block.title)}**"
    rows = [
        [block.text(row, column) for column in range(len(block.columns))]
        for row in range(len(block.rows))
    ]
    heads = [column.title for column in block.columns]
    yield _table(heads, rows, [is_number(column.unit) for column in block.columns])
    if block.total is not None and block.total > len(block.rows):
        yield f"{len(block.rows):,} of {block.total:,} are shown."


def _grid(block: Grid) -> Iterator[str]:
    (across, columns), (down, values) = block.across, block.down
    yield f"**{_text(block.title)}**"
    rows = [
        [value_in_words(value), *(written(each, block.unit) for each in cells)]
        for value, cells in zip(values, block.cells, strict=True)
    ]
    heads = [f"{down} \\ {across}", *map(value_in_words, columns)]
    yield _table(heads, rows, [False, *(True for _ in columns)])


def _ends(values: Floats, chart: Chart) -> list[str]:
    known = values[np.isfinite(values)]
    if not len(known):
        return [NOTHING] * 4
    found = (known[0], known.min(), known.max(), known[-1])
    return [written(float(each), chart.unit) for each in found]


def _percent(value: float | None) -> str:
    return "" if value is None else signed(f"{value:.1f}")


def _table(heads: Iterable[object], rows: Iterable[Iterable[object]], right: Sequence[bool]) -> str:
    lines = [_line(heads), _raw(["---:" if each else "---" for each in right])]
    return "\n".join([*lines, *map(_line, rows)])


def _line(cells: Iterable[object]) -> str:
    return _raw(map(_text, cells))


def _raw(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
