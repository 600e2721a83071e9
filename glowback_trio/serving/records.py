"""Records for the log of a server's owner: one per request, WebSocket and fault, all frozen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from attrs import define, frozen

__all__ = [
    "Address",
    "FaultRecord",
    "Load",
    "Log",
    "Record",
    "RequestFacts",
    "RequestRecord",
    "WebSocketRecord",
    "discard",
]

#: Host and port of one end of a connection; None for a transport without them.
Address: TypeAlias = tuple[str, int] | None


@frozen
class RequestFacts:
    """The request or handshake that a record is about.

    The query string is left out, because clients may send keys in it.

    Attributes:
        method: The request's method; None when its head could not be read.
        path: The path without the query; None when the head could not be read.
        client: Address of the peer.
        state: The request's own copy of the lifespan state (`scope["state"]`). An application that
            wants something of its own in its records, such as a request id, puts it there.
    """

    method: str | None = None
    path: str | None = None
    client: Address = None
    state: Mapping[str, Any] = {}

    @classmethod
    def of(cls, scope: Mapping[str, Any]) -> RequestFacts:
        """Read the facts from an ASGI scope; a WebSocket's has no method, its handshake is a GET.

        Args:
            scope: Of type `http` or `websocket`.
        """
        method = scope.get("method", "GET")
        return cls(method, scope.get("path"), scope.get("client"), scope.get("state", {}))


@frozen(kw_only=True)
class RequestRecord:
    """One finished request.

    Attributes:
        facts: The request.
        status: The status of the response; None where none was begun.
        complete: Whether the response was written to its end.
        duration: Seconds from the request's head to the end of its response; None for a request
            that was rejected before it could be described to the application.
        sent_bytes: Bytes of the response, head included; None where `duration` is.
    """

    facts: RequestFacts
    status: int | None
    complete: bool
    duration: float | None = None
    sent_bytes: int | None = None


@frozen(kw_only=True)
class WebSocketRecord:
    """One finished WebSocket, or a handshake that became none.

    Attributes:
        facts: Its handshake.
        status: The status of the handshake's response: 101 where it was accepted.
        close_code: The code it ended with (RFC 6455, section 7.4).
        close_reason: The text that came with the code.
        duration: Seconds from the handshake's head to the end.
        sent_bytes: Bytes sent, frames and handshake together.
    """

    facts: RequestFacts
    status: int | None
    close_code: int
    close_reason: str
    duration: float
    sent_bytes: int


@frozen(kw_only=True)
class FaultRecord:
    """One unexpected error.

    Attributes:
        where: What it ended: `application` (one request), `connection`, `lifespan`, `accept` (none
            yet: a `ResourceError`), or the hook that raised it (`on_drain`, `on_stop`).
        error: The error, never a group.
        facts: The request that it ended; without method and path where there was none.
    """

    where: str
    error: BaseException
    facts: RequestFacts = RequestFacts()


Record: TypeAlias = RequestRecord | WebSocketRecord | FaultRecord
Log: TypeAlias = Callable[[Record], None]


@define(eq=False)
class Load:
    """What a server is busy with, kept up to date for its owner.

    Attributes:
        connections: Open connections, those over the limit included.
        messages: Messages that the hub has written to WebSockets so far.
    """

    connections: int = 0
    messages: int = 0


def discard(_: Record) -> None:
    """Keep no record, the default of `serve`."""
