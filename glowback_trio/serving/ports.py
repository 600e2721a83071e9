"""Protocols by which the parts of one connection call the parts around them.

A connection owns its protocol, a protocol its stream, and a stream what the hub writes to. Each of
them must reach its owner as well: to write, to wake the reader, to end. A part knows its owner only
by a protocol of this module, so that imports go one way (server, connection, http, websocket, hub),
and all calls to an owner are listed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from attrs import frozen

from glowback_trio.serving.records import Address, Record

__all__ = [
    "ConnectionPort",
    "ExchangePort",
    "FollowerPort",
    "Piece",
    "ResponseHead",
    "ResponsePort",
    "WireProtocol",
]

#: Bytes of a body.
Piece: TypeAlias = bytes | memoryview


class WireProtocol(Protocol):
    """A protocol as its connection sees it: HTTP/1.1 first, then perhaps WebSocket.

    The connection's reader is the only caller.
    """

    async def receive(self, data: bytes) -> None:
        """Take bytes from the client; never empty."""

    def deadline(self) -> float:
        """Return when `expire` is due, on trio's clock."""

    async def expire(self) -> None:
        """Do what is due at the deadline."""

    async def resume(self) -> None:
        """Go on after the reader was woken: with bytes kept back, or with the shutdown."""

    async def end(self) -> None:
        """End what is in flight, because the connection has ended."""

    def finish(self) -> None:
        """Leave the record of what was cut off before it could end. Idempotent."""

    @property
    def saturated(self) -> bool:
        """True while nothing more may be read, because enough is kept back already."""

    @property
    def unread(self) -> bool:
        """True if the client may still be sending something that will not be read."""


class ConnectionPort(Protocol):
    """A connection as its protocol, its streams and the hub see it."""

    @property
    def client(self) -> Address:
        """Address of the peer."""

    @property
    def server(self) -> Address:
        """Address of this side."""

    @property
    def sent_bytes(self) -> int:
        """Bytes given to the transport so far."""

    @property
    def sends(self) -> int:
        """Number of writes so far."""

    @property
    def sending(self) -> bool:
        """True while a write waits for the peer."""

    @property
    def moved_at(self) -> float:
        """When the peer last took bytes of a write that had to wait, on trio's clock."""

    @property
    def leaving(self) -> bool:
        """True once the server shuts down, and this connection with it as soon as it is idle."""

    @property
    def ending(self) -> bool:
        """True once nothing more is read or answered."""

    async def write(self, data: bytes) -> None:
        """Write all, waiting for the peer; always a checkpoint. The loss of the peer is silent."""

    def write_nowait(self, data: bytes) -> bool:
        """Write what the transport takes at once; True if that was all.

        The rest goes first with the next write.

        Raises:
            OSError: The peer is gone.
        """

    def write_soon(self, data: bytes) -> bool:
        """Write like `write_nowait`, but abort the connection where that raises."""

    def wake(self) -> None:
        """Let the reader look again at what there is to do."""

    def wait_until(self, deadline: float) -> None:
        """Let the reader wait until another deadline, without waking it."""

    def switch_to(self, protocol: WireProtocol) -> None:
        """Speak another protocol from here on."""

    def keep_reading(self) -> None:
        """Read on and drop it for a while before closing: the client may still be sending."""

    def end(self) -> None:
        """End after what has been written."""

    def abort(self) -> None:
        """End at once, without regard for what has been written."""

    def record(self, record: Record) -> None:
        """Hand a record to the server's owner."""

    def fault(self, error: BaseException, scope: dict[str, Any] | None = None) -> None:
        """Record an error that ended one request; without a scope, this connection."""


@frozen(eq=False)
class ResponseHead:
    """A head that is ready to be sent.

    Attributes:
        data: Its bytes.
        declared: The length of the body that it states; None where it states none.
        expected: Bytes of the body that must follow; None where its end marks itself.
        chunked: True if the body is sent in chunks.
        keeps_alive: True if another response may follow.
    """

    data: bytes
    declared: int | None = None
    expected: int | None = None
    chunked: bool = False
    keeps_alive: bool = True


class ResponsePort(Protocol):
    """The HTTP response as a WebSocket handshake sees it."""

    def head(
        self, status: int, headers: Iterable[tuple[bytes, bytes]], *, last: bool = False
    ) -> ResponseHead:
        """Return the head of a response; the last on a connection carries `Connection: close`."""

    async def send(
        self, head: ResponseHead | None, body: Sequence[Piece] = (), *, end: bool = False
    ) -> None:
        """Send parts of the response in one write; its end with them, or later."""

    async def reject(self, status: int, reason: str) -> None:
        """Send a whole response that this server makes by itself."""


class ExchangePort(Protocol):
    """HTTP/1.1 as a request in flight sees it, apart from the response."""

    @property
    def unread(self) -> bool:
        """True if bytes of the client wait to be read."""

    async def end_exchange(self) -> None:
        """Turn to the next request, or end the connection where there can be none."""


class FollowerPort(Protocol):
    """A handed-over WebSocket as the hub sees it."""

    def write_nowait(self, data: bytes) -> bool:
        """Write what goes at once; True if that was all. The rest goes first with the next write.

        Raises:
            OSError: The peer is gone.
        """

    async def write(self, data: bytes) -> bool:
        """Write all, waiting for the peer; True if the connection is still good."""

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame, after what has been written."""

    def close_nowait(self, code: int, reason: str) -> bool:
        """Do the same without waiting; True if all has gone. The rest goes with the next write."""

    def abort(self, error: BaseException | None = None) -> None:
        """End at once; an error is the feed's, and is recorded."""
