"""How much one document may hold, looked at before anything reads it field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["check_members"]

# As many as a request may have symbols, which is the longest list there is.
_MOST = 1000

_Path: TypeAlias = "tuple[()] | tuple[_Path, str | int]"


def check_members(document: Any) -> None:
    """Refuse lists and objects that are longer than any request needs.

    Every mistake in a document is told, each by itself. A body of a megabyte has room for half a
    million of them, and finding them would hold up everybody else for seconds.

    Raises:
        InvalidRequestError: With every list and object that is too long.
    """
    if isinstance(document, dict | list) and (problems := list(_too_long(document))):
        raise InvalidRequestError(problems)


def _too_long(document: Any) -> Iterator[Problem]:
    # By hand, because a document may be nested deeper than calls may; and with paths that share
    # their beginnings, because it may be deep and wide at once.
    waiting: list[tuple[_Path, Any]] = [((), document)]
    while waiting:
        path, value = waiting.pop()
        if len(value) > _MOST:
            message = f"Input should have at most {_MOST} items"
            yield Problem("too_long", _steps(path), message, value)
            continue
        members = value.items() if isinstance(value, dict) else enumerate(value)
        waiting += [
            ((path, step), inner) for step, inner in members if isinstance(inner, dict | list)
        ]


def _steps(path: _Path) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    while path:
        path, step = path
        steps.append(step)
    return tuple(reversed(steps))
