"""Read numbers as vendors and spreadsheets write them: `$1,234.50`, `1.234,50`, `2.3M`, `N/A`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np

from glowback_trio.data.files.csv_records import MISSING, read_number
from glowback_trio.model.bars import Floats

__all__ = ["BadCellError", "DecimalMark", "decimal_mark", "read_numbers"]

DecimalMark = Literal[".", ","]

_SIGNS = re.compile(r"[$€£¥\s\u00a0\u202f'\u2019]")
_SCALES = {"k": "e3", "m": "e6", "b": "e9", "t": "e12"}
_GROUP = 3  # digits
# With a comma also as in India: 12,34,567.
_GROUPED = {
    ".": re.compile(r"[+-]?\d{1,3}(\.\d{3})+", re.ASCII),
    ",": re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d{1,2}(,\d{2})*,\d{3})", re.ASCII),
}
_PLAIN = np.zeros(256, dtype=bool)
_PLAIN[[0, *b"0123456789.+-eE"]] = True


class BadCellError(ValueError):
    """A cell that cannot be read.

    Attributes:
        index: The number of the cell in its column, from 0.
        expected: What was expected, for a message.
    """

    def __init__(self, index: int, expected: str) -> None:
        super().__init__(f"cell {index}: expected {expected}")
        self.index = index
        self.expected = expected


def decimal_mark(cells: Iterable[str], delimiter: str) -> DecimalMark:
    """Find which mark separates decimals, from numbers of one file.

    A mark that comes twice separates groups, one that is not followed by three digits separates
    decimals. `1,234` alone says nothing: between semicolons and tabs it is taken as 1.234, between
    commas as 1234.
    """
    is_unclear = False
    for cell in cells:
        text = _SIGNS.sub("", cell).rstrip("kKmMbBtT%")
        marks = [mark for mark in ".," if mark in text]
        if len(marks) > 1:
            return "." if text.rindex(".") > text.rindex(",") else ","
        if marks:
            mark: DecimalMark = "." if marks == ["."] else ","
            if text.count(mark) > 1:
                return "," if mark == "." else "."
            if len(text) - text.index(mark) != _GROUP + 1:
                return mark
            is_unclear |= mark == ","
    return "," if is_unclear and delimiter != "," else "."


def read_numbers(cells: Sequence[str], mark: DecimalMark) -> Floats:
    """Read a column, (T,) float64; NaN where a cell holds nothing.

    Raises:
        BadCellError: A cell is not a number.
    """
    # A NUL would end a text for numpy.
    if mark == "." and not any("\0" in cell for cell in cells):
        texts = np.array(cells, dtype=str)
        codes = texts.view(np.uint32)
        if (codes < 256).all() and _PLAIN[codes].all() and all(cells):
            try:
                fast: Floats = texts.astype(np.float64)
            except ValueError:
                pass
            else:
                if np.isfinite(fast).all():
                    return fast
    return np.array([_number(index, cell, mark) for index, cell in enumerate(cells)], dtype=float)


def _number(index: int, cell: str, mark: DecimalMark) -> float:
    text = cell.strip()
    if text.lower() in MISSING:
        return math.nan
    text = _SIGNS.sub("", text)
    scale = _SCALES.get(text[-1:].lower(), "")
    digits = text[:-1] if scale else text
    group = "." if mark == "," else ","
    whole, _, decimals = digits.partition(mark)
    if group in whole and not _GROUPED[group].fullmatch(whole):
        raise BadCellError(index, "a number")
    digits = whole.replace(group, "") + (f".{decimals}" if decimals else "")
    try:
        return read_number(digits + scale)
    except ValueError:
        raise BadCellError(index, "a number") from None
