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

    Whole numbers with groups of three digits say nothing by themselves; between semicolons and tabs
    a comma separates decimals, between commas it separates thousands.
    """
    is_unclear = False
    for cell in cells:
        text = _SIGNS.sub("", cell).rstrip("kKmMbBtT%")
        if "," not in text:
            continue
        if "." in text:
            return "." if text.rindex(".") > text.rindex(",") else ","
        if text.count(",") == 1 and len(text) - text.index(",") != 4:
            return ","
        is_unclear = True
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
    if group in whole and not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(group)}\d{{2,3}})+", whole):
        raise BadCellError(index, "a number")
    digits = whole.replace(group, "") + (f".{decimals}" if decimals else "")
    try:
        return read_number(digits + scale)
    except ValueError:
        raise BadCellError(index, "a number") from None
