"""How much one document may hold, looked at before anything reads it field by field."""

from __future__ import annotations

from typing import Any

from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["check_size"]

# Twice what the largest request has: a thousand symbols and a weight for each.
_MOST_VALUES = 4000


def check_size(document: Any) -> None:
    """Refuse a document that holds more values than any request needs.

    Every mistake in a document is told, each by itself. A body of a megabyte has room for half a
    million of them, and finding them would hold up everybody else for seconds.

    Raises:
        InvalidRequestError: It holds too many.
    """
    # By hand, because a document may be nested deeper than calls may.
    count = 0
    waiting: list[Any] = [[document]]
    while waiting:
        value = waiting.pop()
        count += len(value)
        if count > _MOST_VALUES:
            message = f"Input should hold at most {_MOST_VALUES} values in total"
            raise InvalidRequestError([Problem("too_long", (), message, document)])
        members = value.values() if isinstance(value, dict) else value
        waiting += [inner for inner in members if isinstance(inner, dict | list)]
