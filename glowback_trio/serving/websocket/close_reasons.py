"""The reasons with which this server closes a WebSocket, in one place for owners that count them.

They are on the wire, and a client may act on them: a reason is added, never reworded.
"""

from __future__ import annotations

__all__ = [
    "APPLICATION_ENDED",
    "CLOSED_BY_FORCE",
    "CLOSE_REASONS",
    "MESSAGES_NOT_READ",
    "PING_NOT_ANSWERED",
    "SHUTTING_DOWN",
    "TOO_MUCH_SENT",
]

APPLICATION_ENDED = "the application has ended"
CLOSED_BY_FORCE = "closed by force"
MESSAGES_NOT_READ = "messages are not being read"
PING_NOT_ANSWERED = "a ping was not answered"
SHUTTING_DOWN = "the server is shutting down"
TOO_MUCH_SENT = "too much was sent within a second"

CLOSE_REASONS = frozenset(
    {
        APPLICATION_ENDED,
        CLOSED_BY_FORCE,
        MESSAGES_NOT_READ,
        PING_NOT_ANSWERED,
        SHUTTING_DOWN,
        TOO_MUCH_SENT,
    }
)
