"""All limits of a server, each with its default and its meaning."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge, gt, optional

__all__ = ["Limits"]

KIB = 1024
MIB = 1024 * KIB


@frozen(kw_only=True)
class Limits:
    """Limits on what clients may do to one server. Times are seconds, sizes are bytes.

    Attributes:
        connections: Open connections; one more is answered 503 and closed.
        refusals: Connections beyond those that are answered at once; more are closed without an
            answer.
        backlog: Connections that the kernel holds until they are accepted.
        tls_handshake_timeout: For the TLS handshake, then the connection is closed.
        header_bytes: A request's head, complete or not; more is answered 431.
        head_timeout: For a whole request head, from its first byte, or from the accept where none
            comes; then 408.
        body_bytes: A request's body, declared or chunked; more is answered 413. None leaves the
            size to the application.
        body_timeout: For a whole request body, from the end of its head; then 408.
        keep_alive: An idle connection between two requests. Longer than the 60 s after which
            common proxies drop an idle upstream, so that the proxy closes first and never meets
            a connection that this side is closing at the same moment.
        send_timeout: Without a single byte moving while a write waits; then the connection is cut.
        websocket_message_bytes: One inbound message, counted before it is kept; more closes 1009.
        websocket_messages_per_s: Inbound frames within a second; more closes 1008.
        websocket_bytes_per_s: Inbound payload within a second; more closes 1008.
        websocket_queue: Inbound messages that the application has not taken yet.
        queue_timeout: For the application to make room in a full queue; then the WebSocket is
            closed 1008.
        compression: Whether permessage-deflate is negotiated, without context takeover.
        ping_interval: Between a WebSocket's pings.
        pong_timeout: For the pong that answers a ping; then the connection is cut, whatever else
            the client sends.
        close_timeout: For a client to answer a close frame, or to read a response to the end.
        linger_bytes: Read and dropped after a response that came before the request's end.
        exit_timeout: For an application task to return after its connection has ended; then it
            is cancelled.
        drain: For `on_drain`, from `stop` to the beginning of the grace period.
        grace: The grace period; what is still open at its end is closed by force.
    """

    connections: int = field(default=10_000, validator=ge(1))
    refusals: int = field(default=256, validator=ge(1))
    backlog: int = field(default=4096, validator=ge(1))
    tls_handshake_timeout: float = field(default=10.0, validator=gt(0))
    header_bytes: int = field(default=16 * KIB, validator=ge(256))
    head_timeout: float = field(default=10.0, validator=gt(0))
    body_bytes: int | None = field(default=None, validator=optional(ge(0)))
    body_timeout: float = field(default=60.0, validator=gt(0))
    keep_alive: float = field(default=75.0, validator=gt(0))
    send_timeout: float = field(default=30.0, validator=gt(0))
    websocket_message_bytes: int = field(default=16 * KIB, validator=ge(1))
    websocket_messages_per_s: int = field(default=100, validator=ge(1))
    websocket_bytes_per_s: int = field(default=64 * KIB, validator=ge(1))
    websocket_queue: int = field(default=128, validator=ge(1))
    queue_timeout: float = field(default=5.0, validator=gt(0))
    compression: bool = False
    ping_interval: float = field(default=20.0, validator=gt(0))
    pong_timeout: float = field(default=20.0, validator=gt(0))
    close_timeout: float = field(default=5.0, validator=gt(0))
    linger_bytes: int = field(default=16 * MIB, validator=ge(0))
    exit_timeout: float = field(default=1.0, validator=gt(0))
    drain: float = field(default=0.0, validator=ge(0))
    grace: float = field(default=5.0, validator=ge(0))
