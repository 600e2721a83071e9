"""Numbers and times as people read them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

__all__ = ["NOTHING", "Unit", "is_number", "short", "signed", "written"]

#: What a value means, which decides how it is written.
Unit = Literal[
    "text",
    "day",
    "count",
    "days",
    "money",
    "price",
    "percent",
    "change",
    "share",
    "signed_share",
    "ratio",
    "probability",
    "number",
]

#: Stands for a value that is undefined.
NOTHING = "n/a"

_LONG = 1e9  # beyond it, an exponent is easier to read


def _plain(digits: int) -> Callable[[float], str]:
    def write(value: float) -> str:
        return f"{value:.2e}" if abs(value) >= _LONG else f"{value:,.{digits}f}"

    return write


def _money(value: float) -> str:
    return f"{value:,.2f}" if abs(value) < 1e15 else f"{value:.2e}"


def _percent(value: float) -> str:
    return f"{_plain(2)(value)} %"


def _change(value: float) -> str:
    return f"{'+' if value > 0 else ''}{_percent(value)}"


def _share(value: float) -> str:
    return f"{value * 100:.1f} %"


def _signed_share(value: float) -> str:
    return f"{value * 100:.2f} %"


def _probability(value: float) -> str:
    return f"{value:.3f}"


def _number(value: float) -> str:
    whole = isinstance(value, int) or (value.is_integer() and abs(value) < _LONG)
    return f"{value:,.0f}" if whole else f"{value:,.6g}"


_WRITERS: Mapping[str, Callable[[float], str]] = {
    "count": _plain(0),
    "days": _plain(0),
    "money": _money,
    "price": _plain(4),
    "percent": _percent,
    "change": _change,
    "share": _share,
    "signed_share": _signed_share,
    "ratio": _plain(2),
    "probability": _probability,
    "number": _number,
}


def is_number(unit: Unit) -> bool:
    """Return True for what stands right-aligned in a column."""
    return unit in _WRITERS


def written(value: object, unit: Unit) -> str:
    """Write a value; `n/a` stands for None and for what is not finite."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if unit == "day":
        return str(value).partition("T")[0]
    if isinstance(value, int | float) and unit != "text":
        return signed(_WRITERS[unit](value)) if math.isfinite(value) else NOTHING
    return str(value)


def signed(text: str) -> str:
    """Return a written number with the sign of a minus; a zero has none."""
    if not any(digit in text for digit in "123456789"):
        return text.lstrip("+-")
    return text.replace("-", "\N{MINUS SIGN}")


_SUFFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def short(value: float, unit: Unit) -> str:
    """Write a value for an axis: few characters, and the unit only where it is percent."""
    end = " %" if unit in ("percent", "change") else ""
    for size, suffix in _SUFFIXES:
        if abs(value) >= size:
            return signed(f"{value / size:.4g}{suffix}{end}")
    return signed(f"{value:.4g}{end}")
