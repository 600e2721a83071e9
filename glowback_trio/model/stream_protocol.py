"""The terms of event streams, which server, client and pages agree on.

A stream over WebSocket ends with a close code and a reason (RFC 6455, 7.4). Codes from 4000 on are
ours; those from 4400 to 4499 mirror the 4xx statuses of HTTP: the same attempt would fail again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias

from attrs import frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, Ge, MinLen
from glowback_trio.model.events import EventType, OptimizationEventType

__all__ = [
    "ATTEMPT_NOT_FOUND",
    "CLOSES",
    "CURSOR_AHEAD",
    "ENDED",
    "FAULT",
    "HELD_ELSEWHERE",
    "OPTIMIZATION_NOT_FOUND",
    "RUN_NOT_FOUND",
    "SHUTTING_DOWN",
    "SUBPROTOCOL",
    "TICKET_PREFIX",
    "TOO_MANY_STREAMS",
    "Cursor",
    "EndStateName",
    "EventTypes",
    "OptimizationEventTypes",
    "OptimizationStateName",
    "StateName",
    "StreamClose",
    "checked_types",
    "is_final",
]

#: The one subprotocol a server selects.
SUBPROTOCOL = "glowback.v1"
#: Before the value of a ticket, where a page offers one as a subprotocol.
TICKET_PREFIX = "ticket."

# Annotations cannot be derived from an enum; a test holds these to `lifecycle.State`, and to
# `optimization.lifecycle.OptimizationState`.
StateName: TypeAlias = Literal["queued", "running", "completed", "failed", "cancelled"]
OptimizationStateName: TypeAlias = Literal["pending", "running", "completed", "failed", "cancelled"]
EndStateName: TypeAlias = Literal["completed", "failed", "cancelled"]

#: The id of the last event that a reader knows; 0: none.
Cursor: TypeAlias = Annotated[int, Ge(0)]
EventTypes: TypeAlias = Annotated[tuple[EventType, ...], MinLen(1)]
OptimizationEventTypes: TypeAlias = Annotated[tuple[OptimizationEventType, ...], MinLen(1)]


@frozen
class StreamClose:
    """The end of a stream, as a WebSocket close frame states it.

    Attributes:
        code: The close code.
        reason: The close reason; empty where the code says everything.
    """

    code: int
    reason: str = ""


#: The terminal event was sent.
ENDED = StreamClose(1000)
RUN_NOT_FOUND = StreamClose(1008, "run not found")
OPTIMIZATION_NOT_FOUND = StreamClose(1008, "optimization not found")
ATTEMPT_NOT_FOUND = StreamClose(1008, "attempt not found")
FAULT = StreamClose(1011, "internal error")
SHUTTING_DOWN = StreamClose(1012, "the server is shutting down")
TOO_MANY_STREAMS = StreamClose(1013, "too many streams are open")
CURSOR_AHEAD = StreamClose(4400, "last_event_id is ahead of the log")
#: Said to peers only: clients are served whoever computes a run.
HELD_ELSEWHERE = StreamClose(4421, "another gateway computes this")

CLOSES = (
    ENDED,
    RUN_NOT_FOUND,
    OPTIMIZATION_NOT_FOUND,
    ATTEMPT_NOT_FOUND,
    FAULT,
    SHUTTING_DOWN,
    TOO_MANY_STREAMS,
    CURSOR_AHEAD,
    HELD_ELSEWHERE,
)


def is_final(code: int) -> bool:
    """Return whether reconnecting after this close code would be in vain."""
    return code in (ENDED.code, RUN_NOT_FOUND.code) or 4400 <= code < 4500


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
