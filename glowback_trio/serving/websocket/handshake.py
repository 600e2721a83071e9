"""The server's side of a WebSocket handshake (RFC 6455, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from attrs import define, field
from hypercorn.utils import UnexpectedMessageError, build_and_validate_headers, suppress_body
from wsproto.connection import Connection, ConnectionType
from wsproto.extensions import Extension
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import generate_accept_token, split_comma_header

from glowback_trio.serving.app_runner import Message
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.ports import ResponseHead, ResponsePort
from glowback_trio.serving.websocket.compression import Deflate

__all__ = ["Handshake"]


class _Stage(Enum):
    """How far the response has come."""

    PENDING = "a handshake without a response"
    #: The application has given the head of a response that is not an accept.
    STARTED = "a handshake whose rejection has a head"
    RESPONDING = "a handshake whose rejection has begun"
    REJECTED = "a rejected handshake"
    ACCEPTED = "an accepted handshake"


@define(eq=False)
class Handshake:
    """One client's handshake, and the response to it: an accept, or any other (ASGI extension).

    The request has been checked before: it is a valid handshake of version 13, and each list header
    stands on one line.

    Attributes:
        status: The status of the response; None before it is known.
    """

    _limits: Limits
    _headers: dict[bytes, bytes] = field(converter=dict)
    _response: ResponsePort
    status: int | None = field(default=None, init=False)
    _stage: _Stage = field(default=_Stage.PENDING, init=False)
    #: Of a response that is not an accept.
    _response_headers: list[tuple[bytes, bytes]] = field(factory=list, init=False)

    @property
    def unanswered(self) -> bool:
        """True while nothing of a response has been sent."""
        return self._stage in {_Stage.PENDING, _Stage.STARTED}

    @property
    def rejected(self) -> bool:
        """True once a response that is not an accept is complete."""
        return self._stage is _Stage.REJECTED

    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client offers, in its order."""
        return self._offers(b"sec-websocket-protocol")

    def _offers(self, name: bytes) -> list[str]:
        value = self._headers.get(name)
        return [] if value is None else split_comma_header(value)

    def accept(self, message: Message) -> tuple[ResponseHead, Connection]:
        """Accept the WebSocket.

        Args:
            message: The application's `websocket.accept`.

        Returns:
            The head to send, and the connection that reads and writes frames after it.

        Raises:
            UnexpectedMessageError: The handshake has been answered.
            ValueError: The client did not offer the subprotocol, or a header is not the
                application's to send.
        """
        if self._stage is not _Stage.PENDING:
            raise UnexpectedMessageError(self._stage, message["type"])
        headers = self._accept_headers(message.get("subprotocol"), message.get("headers", []))
        compression = self._negotiate()
        if compression is not None:
            headers.append((b"sec-websocket-extensions", compression[1]))
        self._stage, self.status = _Stage.ACCEPTED, 101
        extensions: list[Extension] = [compression[0]] if compression else []
        return self._response.head(101, headers), Connection(ConnectionType.SERVER, extensions)

    def _accept_headers(
        self, subprotocol: str | None, others: Iterable[tuple[bytes, bytes]]
    ) -> list[tuple[bytes, bytes]]:
        token = generate_accept_token(self._headers[b"sec-websocket-key"])
        headers = [(b"sec-websocket-accept", token)]
        headers += [(b"upgrade", b"WebSocket"), (b"connection", b"Upgrade")]
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}")
            headers.append((b"sec-websocket-protocol", subprotocol.encode()))
        for name, value in build_and_validate_headers(others):
            if name == b"sec-websocket-protocol":
                raise ValueError("the subprotocol goes into the accept message, not into a header")
            headers.append((name, value))
        return headers

    def _negotiate(self) -> tuple[Deflate, bytes] | None:
        """Return compression and the answer to the client's offer; None without either."""
        # wsproto's own extension is not used: it keeps a window of about 100 kB for each client,
        # and does not bound what a message inflates to.
        if not self._limits.compression:
            return None
        deflate = Deflate(self._limits.websocket_message_bytes)
        answer = server_extensions_handshake(self._offers(b"sec-websocket-extensions"), [deflate])
        return (deflate, answer) if answer else None

    async def take(self, message: Message) -> None:
        """Take a message with which the application does not accept.

        Raises:
            UnexpectedMessageError: It does not belong here.
        """
        match message["type"], self._stage:
            case "websocket.close", _Stage.PENDING:
                await self.reject(403)
            case "websocket.http.response.start", _Stage.PENDING:
                self._stage, self.status = _Stage.STARTED, int(message["status"])
                self._response_headers = build_and_validate_headers(message.get("headers", []))
            case "websocket.http.response.body", _Stage.STARTED | _Stage.RESPONDING:
                body = bytes(message.get("body", b""))
                await self._respond(body, more=message.get("more_body", False))
            case kind, stage:
                raise UnexpectedMessageError(stage, kind)

    async def _respond(self, body: bytes, *, more: bool) -> None:
        """Send a part of a response that is not an accept."""
        assert self.status is not None
        head = None
        if self._stage is _Stage.STARTED:
            head = self._response.head(self.status, self._response_headers, last=True)
        pieces = [] if suppress_body("GET", self.status) else [body]
        self._stage = _Stage.RESPONDING if more else _Stage.REJECTED
        await self._response.send(head, pieces, end=not more)

    async def reject(self, status: int) -> None:
        """Respond for an application that has not accepted."""
        self._stage, self.status = _Stage.REJECTED, status
        await self._response.reject(status, "the application did not accept the WebSocket")
