"""Look at the first rows of a file of prices from elsewhere, and at which column is what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path

from attrs import evolve, frozen

from glowback_trio.data.files.parquet_file import column_names_in, first_cells_in
from glowback_trio.data.reading.limits import FileLimits
from glowback_trio.data.reading.reader_errors import errors_named
from glowback_trio.data.rows import COLUMNS
from glowback_trio.data.tools.formats.foreign_table import ImportOptions
from glowback_trio.data.tools.formats.layout import layout_of
from glowback_trio.data.tools.formats.roles import roles_of
from glowback_trio.data.tools.formats.text_files import is_parquet, text_files
from glowback_trio.data.tools.formats.text_records import Record, delimiter_of, records_of
from glowback_trio.data.tools.importing import read_prices
from glowback_trio.errors import DataError

__all__ = ["Preview", "preview", "unlike_guessed"]

_ROWS = 20
_SAMPLE = 200  # records, from which the layout is found
_LONGEST = 80  # characters of a cell
_ROLES = ("time", *COLUMNS)


@frozen
class Preview:
    """A look at a file of prices: its columns, its first rows, and its problems.

    Attributes:
        columns: The names of its columns; numbers from 1 if it has no header.
        rows: The first rows, as texts.
        mapping: The name of the column for each role; None if none is known.
        format: The name of the format that it is read as; None if it cannot be read.
        problems: What is wrong with it, as sentences.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    mapping: Mapping[str, str | None]
    format: str | None = None
    problems: tuple[str, ...] = ()


def preview(path: Path, options: ImportOptions) -> Preview:
    """Return what a file seems to hold, and all that is wrong with it.

    Raises:
        DataError: It is no table at all.
    """
    with errors_named(path.name):
        seen = _seen(path, options.limits)
    try:
        found = list(read_prices(path, options))
    except DataError as error:
        return evolve(seen, problems=(str(error),))
    findings = [(*one.quality.critical, *one.quality.warnings) for one in found]
    return evolve(seen, format=found[0].format, problems=tuple(sum(findings, ())))


def unlike_guessed(path: Path, given: Mapping[str, str], limits: FileLimits) -> dict[str, str]:
    """Return those of the given names of columns, by role, that would not be found without them.

    A name that is given stands for the whole time, while a format may have a date beside it.

    Raises:
        DataError: The file is no table at all.
    """
    if not given:
        return {}
    with errors_named(path.name):
        guessed = _seen(path, limits).mapping
    return {role: name for role, name in given.items() if guessed[role] != name}


def _seen(path: Path, limits: FileLimits) -> Preview:
    return _parquet(path, limits) if is_parquet(path) else _text(path, limits)


def _parquet(path: Path, limits: FileLimits) -> Preview:
    names = [name.strip() for name in column_names_in(path, limits)]
    rows = [_shown(row, len(names)) for row in first_cells_in(path, _ROWS, limits)]
    return Preview(names, rows, _mapping(names, roles_of(names)))


def _text(path: Path, limits: FileLimits) -> Preview:
    file = next(iter(text_files(path, limits)))
    sample = list(islice(records_of(file, delimiter_of(file, limits), limits), _SAMPLE))
    try:
        layout = layout_of(file.name, sample, None, {})
    except DataError:
        # Which of its columns is what, people can say.
        return _with_header(sample)
    names, rows = layout.names, sample[layout.skip :]
    mapping = _mapping(names, layout.parts[0].columns)
    return Preview(names, _rows(rows, len(names)), mapping)


def _with_header(sample: Sequence[Record]) -> Preview:
    names = [name.strip() for name in sample[0].cells]
    return Preview(names, _rows(sample[1:], len(names)), _mapping(names, roles_of(names)))


def _rows(records: Sequence[Record], width: int) -> list[list[str]]:
    return [_shown(record.cells, width) for record in records[:_ROWS]]


def _shown(cells: Sequence[str], width: int) -> list[str]:
    """Return cells as short texts, as many as there are columns."""
    texts = [cell if len(cell) <= _LONGEST else f"{cell[:_LONGEST]}…" for cell in cells[:width]]
    return texts + [""] * (width - len(texts))


def _mapping(names: Sequence[str], roles: Mapping[str, Sequence[int]]) -> dict[str, str | None]:
    return {role: names[roles[role][0]] if role in roles else None for role in _ROLES}
