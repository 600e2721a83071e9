"""A report as JSON: the raw values of its blocks, by the names of section and block."""

from __future__ import annotations

from typing import Any

from glowback_trio.reports.blocks import (
    Block,
    Calendar,
    Chart,
    Figures,
    Grid,
    Page,
    Prose,
    Table,
)
from glowback_trio.wire.json_text import dumps, iso_times

__all__ = ["json_text", "page_document"]


def json_text(page: Page) -> str:
    """Write a report as compact JSON; undefined values are null."""
    return dumps(page_document(page)).decode() + "\n"


def page_document(page: Page) -> dict[str, Any]:
    """Return a report as plain JSON values."""
    return {
        "title": page.title,
        "subtitle": page.subtitle,
        "sections": {
            section.name: {block.name: _value(block) for block in section.blocks}
            for section in page.sections
        },
        "checks": page.checks,
    }


def _value(block: Block) -> Any:
    match block:
        case Figures(figures=figures):
            return {each.name: each.value for each in figures}
        case Table(columns=columns, rows=rows):
            names = [column.name for column in columns]
            return [dict(zip(names, row, strict=True)) for row in rows]
        case Chart(time=time, lines=lines):
            values = {line.name: line.values for line in lines}
            return {"timestamp": list(iso_times(time)), **values}
        case Calendar(rows=rows):
            return [
                {"year": year, "months": list(each), "total": total} for year, each, total in rows
            ]
        case Grid(across=across, down=down, cells=cells):
            return {
                "across": {"name": across[0], "values": list(across[1])},
                "down": {"name": down[0], "values": list(down[1])},
                "cells": [list(row) for row in cells],
            }
        case Prose(sentences=sentences):
            return list(sentences)
