"""One WebSocket: its frames, its limits, its pings and its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import trio
from hypercorn.protocol.events import Body, Data, EndBody, Event, Request, Response, StreamClosed
from hypercorn.protocol.ws_stream import ASGIWebsocketState, WSStream
from wsproto.connection import ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason

from glowback_trio.serving.app_runner import LATE_SEND_S
from glowback_trio.serving.hub import Feed
from glowback_trio.serving.records import RequestFacts, WebSocketRecord
from glowback_trio.serving.websocket.compression import CompressingHandshake
from glowback_trio.serving.websocket.handoff import HANDOFF, HandedOver
from glowback_trio.serving.websocket.rate import Rate

if TYPE_CHECKING:
    from hypercorn.typing import ASGISendEvent, WebsocketAcceptEvent

    from glowback_trio.serving.http.http1 import Protocol

__all__ = ["WebSocketStream"]


class WebSocketStream(WSStream):
    """Hypercorn's WebSocket stream, bounded in everything a client can do to it.

    It ends in one of three ways: the client closes or leaves, the application closes (`close`),
    or the client breaks a rule (`fail`). Each tells the application and leaves one record.

    Attributes:
        status: The status of the handshake's answer; None so far.
        close_code: The code this WebSocket ends with; None so far.
        close_reason: The words that came with it.
    """

    def __init__(self, protocol: Protocol) -> None:
        super().__init__(*protocol.stream_arguments())
        self.protocol = protocol
        self.limits = protocol.limits
        self.status: int | None = None
        self.close_code: int | None = None
        self.close_reason = ""
        self._finished = False
        self._began = trio.current_time()
        self._sent_before = protocol.link.sent_bytes
        self._rate = Rate(self.limits.websocket_messages_per_s, self.limits.websocket_bytes_per_s)
        self._closing_at: float | None = None
        self._message_bytes = 0
        self._ping_at = float("inf")
        self._pinged_at: float | None = None
        self._pings = 0
        self._following: HandedOver | None = None

    @property
    def accepted(self) -> bool:
        """Whether the handshake is over and frames may be read."""
        return self.handshake.accepted

    async def handle(self, event: Event) -> None:
        """Take an event from the client's side."""
        if self.closed:
            return
        if isinstance(event, Request):
            await super().handle(event)
            self._choose_extensions(event)
            cast("dict[str, Any]", self.scope)["extensions"][HANDOFF] = self.follow
        elif isinstance(event, StreamClosed):
            await self._end()
        elif isinstance(event, Data) and self.connection.state is not ConnectionState.CLOSED:
            self.connection.receive_data(event.data)
            await self._handle_events()

    def _choose_extensions(self, event: Request) -> None:
        # Hypercorn would take every offer to compress, at 100 kB a client and with no bound on
        # what a message inflates to. The application has not run yet, so it is not too late.
        if self.limits.compression:
            limit = self.limits.websocket_message_bytes
            self.handshake = CompressingHandshake(event.headers, event.http_version, limit)
        else:
            self.handshake.extensions = None

    async def _handle_events(self) -> None:
        for event in self.connection.events():
            if isinstance(event, CloseConnection):
                await self._take_close(event)
            elif self._closing_at is None:
                await self._take(event)
            if self.closed:
                return

    async def _take(self, event: object) -> None:
        if not self._keeps_rate(event):
            await self.fail(CloseReason.POLICY_VIOLATION, "too much was sent within a second")
        elif isinstance(event, TextMessage | BytesMessage):
            await self._take_message(event)
        elif isinstance(event, Ping):
            await self._send_wsproto_event(event.response())
        elif isinstance(event, Pong) and event.payload == self._ping_payload():
            self._pinged_at = None
            self._ping_at = trio.current_time() + self.limits.ping_interval

    def _keeps_rate(self, event: object) -> bool:
        if isinstance(event, TextMessage | BytesMessage):
            return self._rate.allows(size_of(event), messages=int(event.frame_finished))
        return self._rate.allows(0)

    async def _take_message(self, event: TextMessage | BytesMessage) -> None:
        limit = self.limits.websocket_message_bytes
        if self._message_bytes + size_of(event) > limit:
            await self.fail(CloseReason.MESSAGE_TOO_BIG, f"a message has at most {limit} bytes")
            return
        self._message_bytes += size_of(event)
        self.buffer.extend(event)
        if event.message_finished:
            await self._put(self.buffer.to_message())
            self.buffer.clear()
            self._message_bytes = 0

    async def _put(self, message: dict[str, Any]) -> None:
        assert self.app_put is not None
        with trio.move_on_after(self.limits.queue_timeout) as scope:
            await self.app_put(message)
        if scope.cancelled_caught:
            await self.fail(CloseReason.POLICY_VIOLATION, "messages are not being read")

    async def _take_close(self, event: CloseConnection) -> None:
        if self.connection.state is ConnectionState.CLOSED:  # the answer to this side's close
            await self.send(StreamClosed(self.stream_id))
        elif self.connection.state is ConnectionState.REMOTE_CLOSING:
            self._note_close(event.code, event.reason)
            await self._send_wsproto_event(event.response())
            await self.send(StreamClosed(self.stream_id))
        else:  # no close frame at all, but wsproto's word for frames it cannot read
            await self.fail(event.code, event.reason or "")

    async def app_send(self, message: ASGISendEvent | None) -> None:
        """Take a message from the application; one that comes too late goes nowhere.

        Always a checkpoint, so that an application that sends in a loop can be cancelled.
        """
        late = self.closed or self._closing_at is not None or self._following is not None
        if late and message is not None:
            await trio.sleep(LATE_SEND_S)
        elif not late:
            sends = self.protocol.link.sends
            await self._send_from_app(message)
            if sends == self.protocol.link.sends:
                await trio.lowlevel.checkpoint()

    async def _send_from_app(self, message: ASGISendEvent | None) -> None:
        connected = self.state is ASGIWebsocketState.CONNECTED
        if message is None and connected:
            await self.close(CloseReason.INTERNAL_ERROR, "the application has ended")
        elif message is not None and message["type"] == "websocket.close" and connected:
            await self.close(int(message.get("code", 1000)), message.get("reason") or "")
        else:
            if message is not None and message["type"] == "websocket.http.response.start":
                self.status = int(message["status"])
            await super().app_send(message)

    async def _accept(self, message: WebsocketAcceptEvent) -> None:
        await super()._accept(message)
        self.status = 101
        self._ping_at = trio.current_time() + self.limits.ping_interval
        self.protocol.go_on()

    def follow(self, feed: Feed, cursor: int, done: Callable[[], None]) -> None:
        """Let the hub send this WebSocket a feed; see `Handoff`."""
        connected = self.state is ASGIWebsocketState.CONNECTED and not self.closed
        if self._following is not None or not connected:
            done()
            return
        self._following = HandedOver(self, done)
        self._following.begin(feed, cursor)

    async def close(self, code: int, reason: str) -> None:
        """Say that this side closes; the end is the client's answer, or `close_timeout`."""
        self._note_close(code, reason)
        self.state = ASGIWebsocketState.CLOSED
        self._closing_at = trio.current_time()
        self.protocol.go_on()
        self._let_go()  # before anything waits: the hub writes nothing after the close frame
        await self._send_wsproto_event(CloseConnection(code=code, reason=reason))

    def _let_go(self) -> None:
        """End what the hub does for this WebSocket."""
        if self._following is not None:
            self._following.end()

    async def fail(self, code: int, reason: str) -> None:
        """Close at once on a client that breaks a rule, without reading what else it sends."""
        if self._closing_at is None:
            self._note_close(code, reason)
            await self._send_wsproto_event(CloseConnection(code=code, reason=reason))
        self.protocol.link.linger = True
        await self.send(StreamClosed(self.stream_id))

    async def leave(self) -> None:
        """End because the server ends: 1012, or 503 where the handshake is not over."""
        if self.state is ASGIWebsocketState.HANDSHAKE:
            self._closing_at = trio.current_time()  # an accept comes too late from here on
            await self._send_error_response(503)
            await self.send(StreamClosed(self.stream_id))
        elif self.state is ASGIWebsocketState.CONNECTED:
            await self.close(CloseReason.SERVICE_RESTART, "the server is shutting down")
            await self._tell_app()

    def deadline(self) -> float:
        """Return when `expire` is due, on trio's clock."""
        if self._closing_at is not None:
            return self._closing_at + self.limits.close_timeout
        if self._pinged_at is not None:
            # A slow reader gets to a ping only when it has read what was sent before.
            alive_at = max(self._pinged_at, self.protocol.link.moved_at)
            return alive_at + self.limits.pong_timeout
        return self._ping_at

    async def expire(self) -> None:
        """Do what is due: send a ping, or cut a client that answered none, or no close."""
        if self._closing_at is not None:
            self.protocol.link.abort()
        elif self._pinged_at is not None:
            self._note_close(CloseReason.ABNORMAL_CLOSURE, "a ping was not answered")
            self.protocol.link.abort()
        else:
            await self._ping()

    async def _ping(self) -> None:
        now = trio.current_time()
        self._ping_at = now + self.limits.ping_interval
        if self.protocol.link.sending:
            return  # a write that waits has its own deadline, and says more than a ping
        self._pings += 1
        self._pinged_at = now
        await self._send_wsproto_event(Ping(self._ping_payload()))

    def _ping_payload(self) -> bytes:
        return b"%d" % self._pings

    async def _send_error_response(self, status_code: int) -> None:
        self.status = status_code
        self.state = ASGIWebsocketState.HTTPCLOSED
        reason = "the application did not accept the WebSocket"
        answer = self.protocol.answer(status_code, reason)
        await self.send(Response(self.stream_id, [*answer.headers], status_code))
        await self.send(Body(self.stream_id, answer.body))
        await self.send(EndBody(self.stream_id))

    def _note_close(self, code: int, reason: str | None) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = int(code), reason or ""

    async def _end(self) -> None:
        self.closed = True
        refused = self.state is ASGIWebsocketState.HTTPCLOSED
        self._note_close(
            CloseReason.NORMAL_CLOSURE if refused else CloseReason.ABNORMAL_CLOSURE, ""
        )
        await self._tell_app()
        self.finish()

    async def _tell_app(self) -> None:
        if self.app_put is not None:
            code, reason = self.close_code, self.close_reason
            await self.app_put({"type": "websocket.disconnect", "code": code, "reason": reason})

    def finish(self) -> None:
        """Leave the record of this WebSocket, once."""
        if self._finished:
            return
        self._finished = True
        self._let_go()
        self._note_close(CloseReason.ABNORMAL_CLOSURE, "closed by force")
        link = self.protocol.link
        link.record(
            WebSocketRecord(
                facts=RequestFacts.of(self.scope),
                status=self.status,
                close_code=self.close_code or CloseReason.ABNORMAL_CLOSURE,
                close_reason=self.close_reason,
                duration=trio.current_time() - self._began,
                sent_bytes=link.sent_bytes - self._sent_before,
            )
        )


def size_of(event: TextMessage | BytesMessage) -> int:
    """Return the bytes of a message's payload, text as UTF-8."""
    if isinstance(event, TextMessage) and not event.data.isascii():
        return len(event.data.encode())
    return len(event.data)
