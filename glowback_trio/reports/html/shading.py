"""Tables whose cells are shaded by their values: months of years, and two parameters."""

from __future__ import annotations

from collections.abc import Sequence

from glowback_trio.reports.blocks import Calendar, Grid
from glowback_trio.reports.html.elements import Html, element
from glowback_trio.reports.numbers import NOTHING, signed, written
from glowback_trio.reports.words import value_in_words

__all__ = ["calendar_table", "grid_table"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: Percent from which a month has the next shade.
_SHADES = (0.5, 2.0, 4.0, 7.0, 11.0)
_LEVELS = 5


def calendar_table(block: Calendar) -> Html:
    """Write returns of months, a row for each year."""
    heads = (element("th", each, scope="col") for each in ("Year", *_MONTHS, "Year"))
    rows = [
        element(
            "tr",
            element("th", year, scope="row"),
            *(element("td", _percent(each), class_=_month_class(each)) for each in months),
            element(
                "td", _percent(total), class_=" ".join(["t", _month_class(total) or ""]).strip()
            ),
        )
        for year, months, total in block.rows
    ]
    table = element(
        "table",
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_="cal",
    )
    note = element("p", "Percent. The first month counts from the capital.", class_="note")
    return Html(element("div", table, class_="scroll") + note)


def _percent(value: float | None) -> str:
    if value is None:
        return ""
    return signed(f"{value:.1f}" if abs(value) < 1e5 else f"{value:.0e}")


def _month_class(value: float | None) -> str | None:
    if value is None:
        return None
    level = sum(abs(value) >= shade for shade in _SHADES)
    return f"{'p' if value > 0 else 'm'}{level}" if level else None


def grid_table(block: Grid) -> Html:
    """Write values of two parameters; the shades go from the lowest value to the highest."""
    (across, columns), (down, rows) = block.across, block.down
    corner = element("th", f"{down} \N{DOWNWARDS ARROW} {across} \N{RIGHTWARDS ARROW}", scope="col")
    heads = [corner, *(element("th", value_in_words(each), scope="col") for each in columns)]
    known = [each for row in block.cells for each in row if each is not None]
    body = [
        element(
            "tr",
            element("th", value_in_words(value), scope="row"),
            *(element("td", _cell(each, block), class_=_level(each, known)) for each in cells),
        )
        for value, cells in zip(rows, block.cells, strict=True)
    ]
    table = element(
        "table", element("thead", element("tr", *heads)), element("tbody", *body), class_="cal"
    )
    return Html(element("h3", block.title) + element("div", table, class_="scroll"))


def _cell(value: float | None, block: Grid) -> str:
    return NOTHING if value is None else written(value, block.unit)


def _level(value: float | None, known: Sequence[float]) -> str | None:
    low, high = min(known, default=0.0), max(known, default=0.0)
    if value is None or not high > low:
        return None
    return f"p{1 + min(_LEVELS - 1, int((value - low) / (high - low) * _LEVELS))}"
