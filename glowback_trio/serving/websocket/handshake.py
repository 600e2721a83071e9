"""The server's side of a WebSocket handshake (RFC 6455, section 4.2)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import define, field
from hypercorn.utils import build_and_validate_headers
from wsproto.connection import Connection, ConnectionType
from wsproto.handshake import server_extensions_handshake
from wsproto.utilities import generate_accept_token, split_comma_header

from glowback_trio.serving.limits import Limits
from glowback_trio.serving.websocket.compression import Deflate

__all__ = ["Handshake"]


@define(eq=False)
class Handshake:
    """What one client offers, and the head of the response that accepts it.

    The request has been checked before: it is a valid handshake of version 13, and each list header
    stands on one line.
    """

    _limits: Limits
    _headers: dict[bytes, bytes] = field(converter=dict)

    @property
    def subprotocols(self) -> list[str]:
        """The subprotocols that the client offers, in its order."""
        return self._offers(b"sec-websocket-protocol")

    def _offers(self, name: bytes) -> list[str]:
        value = self._headers.get(name)
        return [] if value is None else split_comma_header(value)

    def accept(
        self, subprotocol: str | None, headers: Iterable[tuple[bytes, bytes]]
    ) -> tuple[list[tuple[bytes, bytes]], Connection]:
        """Return the headers of the 101 response, and the connection that reads frames after it.

        Args:
            subprotocol: One of the client's, or None.
            headers: The application's headers.

        Raises:
            ValueError: The client did not offer the subprotocol, or a header is not the
                application's to send.
        """
        lines = []
        if subprotocol is not None:
            if subprotocol not in self.subprotocols:
                raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}")
            lines.append((b"sec-websocket-protocol", subprotocol.encode()))
        token = generate_accept_token(self._headers[b"sec-websocket-key"])
        lines += [(b"sec-websocket-accept", token)]
        lines += [(b"upgrade", b"WebSocket"), (b"connection", b"Upgrade")]
        for name, value in build_and_validate_headers(headers):
            if name == b"sec-websocket-protocol":
                raise ValueError("the subprotocol goes into the accept message, not into a header")
            lines.append((name, value))
        compression = self._negotiate()
        if compression is None:
            return lines, Connection(ConnectionType.SERVER)
        extension, answer = compression
        lines.append((b"sec-websocket-extensions", answer))
        return lines, Connection(ConnectionType.SERVER, [extension])

    def _negotiate(self) -> tuple[Deflate, bytes] | None:
        """Return compression and the answer to the client's offer; None without either."""
        # wsproto's own extension is not used: it keeps a window of about 100 kB for each client,
        # and does not bound what a message inflates to.
        if not self._limits.compression:
            return None
        deflate = Deflate(self._limits.websocket_message_bytes)
        answer = server_extensions_handshake(self._offers(b"sec-websocket-extensions"), [deflate])
        return (deflate, answer) if answer else None
