"""The size of a JSON document, checked before its fields are."""

from __future__ import annotations

from typing import Any

from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["check_size"]

# Twice the values of the largest valid request, which has a thousand symbols and weights.
_MOST_VALUES = 4000


def check_size(document: Any) -> None:
    """Refuse a document with more values than any valid request has.

    The problems of all fields are reported together. A body of one megabyte has room for half a
    million of them, and collecting those would block the event loop for seconds.

    Raises:
        InvalidRequestError: The document has too many values.
    """
    # A loop, because a document may be nested deeper than Python calls may.
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
