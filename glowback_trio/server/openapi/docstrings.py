"""Docstrings as documentation: the description of a class and of each attribute."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["attribute_docs", "description", "first_line"]

_SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):$", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)


def description(thing: Any) -> str:
    """Return the docstring up to its first section, each paragraph on one line."""
    text = _SECTION.split(inspect.getdoc(thing) or "", maxsplit=1)[0].strip()
    return "\n\n".join(_in_json(part) for part in text.split("\n\n"))


def first_line(thing: Any) -> str:
    """Return the first paragraph of a docstring."""
    return description(thing).partition("\n")[0]


def attribute_docs(cls: type[Any]) -> Mapping[str, str]:
    """Return the entries of the `Attributes:` section of a class, by name."""
    _, *sections = _SECTION.split(inspect.getdoc(cls) or "")
    texts = [
        text
        for name, text in zip(sections[::2], sections[1::2], strict=True)
        if name == "Attributes"
    ]
    return {match[1]: _in_json(match[2]) for text in texts for match in _ENTRY.finditer(text)}


def _in_json(text: str) -> str:
    """Put text on one line, with `None` as JSON writes it."""
    return re.sub(r"\bNone\b", "null", " ".join(text.split()))
