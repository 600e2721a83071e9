"""A report as one HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from glowback_trio.reports.blocks import (
    Block,
    Calendar,
    Chart,
    Figure,
    Figures,
    Grid,
    Page,
    Prose,
    Section,
    Table,
)
from glowback_trio.reports.checks import PLACE, checks_text
from glowback_trio.reports.html.drawing import chart_svg
from glowback_trio.reports.html.elements import Html, element, safe
from glowback_trio.reports.html.shading import calendar_table, grid_table
from glowback_trio.reports.numbers import is_number, written

__all__ = ["content_policy", "html_text"]


@cache
def _style() -> Html:
    return Html((files("glowback_trio.reports.html") / "style.css").read_text("utf-8"))


@cache
def content_policy() -> str:
    """Return the policy that a report is shown under: no script, no network, its own style only."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def html_text(page: Page) -> str:
    """Write a report as HTML: the same report gives the same bytes."""
    head = element(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{content_policy()}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="generator" content="glowback-trio">'),
        element("title", page.title),
        element("style", _style()),
    )
    held = element("script", Html(checks_text(page.checks)), type="application/json", id=PLACE)
    body = element(
        "body",
        element("header", element("h1", page.title), element("p", page.subtitle, class_="sub")),
        element("main", *map(_section, page.sections)),
        _footer(),
        held,
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}{body}</html>\n'


def _footer() -> Html:
    command = element("code", "glowback-trio verify REPORT.html --data DIRECTORY")
    return element(
        "footer",
        element(
            "p",
            "Written by glowback-trio. This file holds the request, and the digests of the prices "
            "and of the result: ",
            command,
            " computes it again on the same prices, and says whether all that it shows is so.",
        ),
    )


def _section(section: Section) -> Html:
    return element(
        "section", element("h2", section.title), *map(_block, section.blocks), id=section.name
    )


def _block(block: Block) -> Html:
    match block:
        case Figures():
            return _figures(block)
        case Table():
            return _table(block)
        case Chart():
            note = [element("p", block.note, class_="note")] if block.note else []
            return element("figure", element("figcaption", block.title), chart_svg(block), *note)
        case Calendar():
            return calendar_table(block)
        case Grid():
            return grid_table(block)
        case Prose():
            return _prose(block)


def _figures(block: Figures) -> Html:
    write = _large if block.large else _small
    return element("dl", *map(write, block.figures), class_="large" if block.large else "figures")


def _large(figure: Figure) -> Html:
    value = element("dd", written(figure.value, figure.unit), *_meaning(figure))
    return element("div", element("dt", figure.label), value)


def _small(figure: Figure) -> Html:
    term = element("dt", figure.label, *_meaning(figure))
    return element("div", term, element("dd", written(figure.value, figure.unit)))


def _meaning(figure: Figure) -> Sequence[Html]:
    return [element("small", figure.meaning)] if figure.meaning else []


def _table(block: Table) -> Html:
    head = element(
        "tr",
        *(
            element("th", column.title, scope="col", class_="n" if is_number(column.unit) else None)
            for column in block.columns
        ),
    )
    rows = [_row(block, row) for row in range(len(block.rows))]
    table = element("table", element("thead", head), element("tbody", *rows))
    title = [element("h3", block.title)] if block.title else []
    return Html("".join([*title, element("div", table, class_="scroll"), *_rest(block)]))


def _row(block: Table, row: int) -> Html:
    best = block.best.get(str(block.rows[row][0]))
    cells = []
    for column, value in enumerate(block.rows[row]):
        number = is_number(block.columns[column].unit)
        is_loss = number and isinstance(value, int | float) and value < 0
        classes = [*(["n"] if number else []), *(["neg"] if is_loss else [])]
        if column == best:
            classes.append("best")
        cells.append(element("td", block.text(row, column), class_=" ".join(classes) or None))
    return element("tr", *cells)


def _rest(block: Table) -> Sequence[Html]:
    if block.total is None or block.total <= len(block.rows):
        return []
    sentence = f"{len(block.rows):,} of {block.total:,} are shown."
    return [element("p", sentence, class_="note")]


def _prose(block: Prose) -> Html:
    if block.listed:
        inside: Iterable[Html] = [element("ul", *(element("li", each) for each in block.sentences))]
    else:
        inside = [element("p", each) for each in block.sentences]
    if block.tone == "warning":
        return element("div", *inside, class_="warning", role="note")
    return Html("".join(map(safe, inside)))
