"""Read the pages of the documentation: their code blocks and their tables."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["ROOT", "blocks", "page", "rows_under"]

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def rows_under(text: str, heading: str) -> list[tuple[str, ...]]:
    """Return the rows of the tables below a heading, up to the next heading, without headers."""
    (section,) = re.findall(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.MULTILINE | re.DOTALL
    )
    lines = re.sub(r"^\|.*\n\| ---.*\n", "", section, flags=re.MULTILINE).splitlines()
    rows = [line.strip("|").replace("\\|", "/") for line in lines if line.startswith("| ")]
    return [tuple(cell.strip() for cell in row.split("|")) for row in rows]
