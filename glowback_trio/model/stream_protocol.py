"""The terms of a run's event stream, which server, client and pages agree on.

A stream over WebSocket ends with a close code and a reason (RFC 6455, 7.4). Codes from 4000 on are
ours; those from 4400 to 4499 mirror the 4xx statuses of HTTP: the same attempt would fail again.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import frozen

__all__ = [
    "CLOSES",
    "CURSOR_AHEAD",
    "ENDED",
    "FAULT",
    "RUN_NOT_FOUND",
    "SHUTTING_DOWN",
    "SUBPROTOCOL",
    "TICKET_PREFIX",
    "TOO_MANY_STREAMS",
    "EndStateName",
    "StateName",
    "StreamClose",
    "is_final",
]

#: The one subprotocol a server selects.
SUBPROTOCOL = "glowback.v1"
#: Before the value of a ticket, where a page offers one as a subprotocol.
TICKET_PREFIX = "ticket."

# Annotations cannot be derived from an enum; a test holds these to `lifecycle.State`.
StateName: TypeAlias = Literal["queued", "running", "completed", "failed", "cancelled"]
EndStateName: TypeAlias = Literal["completed", "failed", "cancelled"]


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
FAULT = StreamClose(1011, "internal error")
SHUTTING_DOWN = StreamClose(1012, "the server is shutting down")
TOO_MANY_STREAMS = StreamClose(1013, "too many streams are open")
CURSOR_AHEAD = StreamClose(4400, "last_event_id is ahead of the log")

CLOSES = (ENDED, RUN_NOT_FOUND, FAULT, SHUTTING_DOWN, TOO_MANY_STREAMS, CURSOR_AHEAD)


def is_final(code: int) -> bool:
    """Return whether reconnecting after this close code would be in vain."""
    return code in (ENDED.code, RUN_NOT_FOUND.code) or 4400 <= code < 4500
