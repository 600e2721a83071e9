"""Which events of a log a reader wants, checked alike in Python and over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, TypeAlias

from attrs import frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, MinLen
from glowback_trio.model.events import EventType

__all__ = ["Cursor", "EventTypes", "checked_types"]

#: The id of the last event that a reader knows; 0: none.
Cursor: TypeAlias = Annotated[int, Ge(0)]
EventTypes: TypeAlias = Annotated[tuple[EventType, ...], MinLen(1)]


@frozen(kw_only=True)
class _Selection(Checked):
    after: Cursor
    types: EventTypes | None


def checked_types(after: int, types: Iterable[EventType] | None) -> tuple[EventType, ...] | None:
    """Check a cursor and a filter that a program gives, and return the filter.

    Raises:
        InvalidRequestError: The cursor is negative, the filter empty or a type unknown.
    """
    # Most readers want all events, and thousands may come at once: they skip the full check.
    if types is None and type(after) is int and after >= 0:
        return None
    if isinstance(types, str):
        # Text is iterable, too, but its letters are no types.
        message = "Input should be a list of event types, not text"
        raise InvalidRequestError([Problem("tuple_type", ("types",), message, types)])
    return _Selection(after=after, types=None if types is None else tuple(types)).types
