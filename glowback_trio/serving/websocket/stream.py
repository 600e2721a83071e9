"""One WebSocket: its handshake, its frames, its limits and its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import trio
from attrs import define, field
from hypercorn.typing import ASGIReceiveEvent
from wsproto.connection import Connection, ConnectionState
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError

from glowback_trio.serving.app_runner import LATE_SEND_S, AppRunner, Inbox, Message
from glowback_trio.serving.hub import Feed, Hub
from glowback_trio.serving.limits import Limits
from glowback_trio.serving.ports import ConnectionPort, ResponsePort
from glowback_trio.serving.records import RequestFacts, WebSocketRecord
from glowback_trio.serving.websocket.close_reasons import (
    APPLICATION_ENDED,
    CLOSED_BY_FORCE,
    MESSAGES_NOT_READ,
    PING_NOT_ANSWERED,
    SHUTTING_DOWN,
    TOO_MUCH_SENT,
)
from glowback_trio.serving.websocket.handoff import HANDOFF, HandedOver
from glowback_trio.serving.websocket.handshake import Handshake
from glowback_trio.serving.websocket.messages import MessageBuffer, frame_of
from glowback_trio.serving.websocket.pings import Pings

__all__ = ["WebSocketStream"]


@define(eq=False)
class WebSocketStream:
    """A WebSocket over wsproto, bounded in everything that a client can do to it.

    It ends in one of three ways: the client closes or leaves, the application closes (`close`),
    or the client breaks a rule (`fail`). Each notifies the application and leaves one record.
    """

    #: An end that leaves frames unread says so itself (`fail`).
    unread: ClassVar[bool] = False
    #: What a client sends before the accept is bounded, and then ends the connection.
    saturated: ClassVar[bool] = False

    _scope: dict[str, Any]
    _connection: ConnectionPort
    _response: ResponsePort
    _runner: AppRunner
    _limits: Limits
    _hub: Hub
    _began: float = field(factory=trio.current_time, init=False)
    _sent_before: int = field(init=False)
    _handshake: Handshake = field(init=False)
    _messages: MessageBuffer = field(init=False)
    _pings: Pings = field(init=False)
    #: wsproto's connection; None before the accept.
    _frames: Connection | None = field(default=None, init=False)
    _inbox: Inbox | None = field(default=None, init=False)
    #: Bytes that came before the accept.
    _early: bytes = field(default=b"", init=False)
    #: When this side began to close, on trio's clock.
    _closing_at: float | None = field(default=None, init=False)
    #: Code and reason that this WebSocket ends with.
    _close: tuple[int, str] | None = field(default=None, init=False)
    _handed_over: HandedOver | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)
    _finished: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._sent_before = self._connection.sent_bytes
        self._handshake = Handshake(self._limits, self._scope["headers"], self._response)
        self._messages = MessageBuffer(self._limits)
        self._pings = Pings(self._limits)

    async def begin(self, early: bytes) -> None:
        """Start the application.

        Args:
            early: Bytes that came with the handshake.
        """
        self._early = early
        self._scope["subprotocols"] = self._handshake.subprotocols
        self._scope["extensions"][HANDOFF] = self._hand_over
        self._inbox = self._runner.start(self._scope, self._send_from_app)
        await self._inbox.put({"type": "websocket.connect"})

    async def receive(self, data: bytes) -> None:
        """Take bytes from the client."""
        self._early += data
        await self._take_early()

    async def resume(self) -> None:
        """Go on after the reader was woken: with the shutdown, or with bytes kept back."""
        if self._connection.leaving:
            await self._shut_down()
        await self._take_early()

    async def _take_early(self) -> None:
        if self._connection.ending or self._closed:
            return
        if self._frames is None:
            # A client must not send before the response (RFC 6455, section 4.1). A little waits
            # for the application to accept; more ends the connection.
            if len(self._early) > self._limits.websocket_message_bytes:
                self._connection.abort()
            return
        data, self._early = self._early, b""
        if data and self._frames.state is not ConnectionState.CLOSED:
            self._frames.receive_data(data)
            await self._take_frames(self._frames)

    async def _take_frames(self, frames: Connection) -> None:
        for event in frames.events():
            if isinstance(event, CloseConnection):
                await self._take_close(event, frames.state)
            elif self._closing_at is None:
                await self._take(event)
            if self._closed:
                return

    async def _take(self, event: Event) -> None:
        if not self._messages.keeps_rate(event):
            await self.fail(CloseReason.POLICY_VIOLATION, TOO_MUCH_SENT)
        elif isinstance(event, TextMessage | BytesMessage):
            await self._take_message(event)
        elif isinstance(event, Ping):
            await self._send_frame(event.response())
        elif isinstance(event, Pong):
            self._pings.take_pong(event.payload)

    async def _take_message(self, event: TextMessage | BytesMessage) -> None:
        if not self._messages.fits(event):
            limit = self._limits.websocket_message_bytes
            await self.fail(CloseReason.MESSAGE_TOO_BIG, f"a message has at most {limit} bytes")
        elif message := self._messages.add(event):
            with trio.move_on_after(self._limits.queue_timeout) as scope:
                await self._put(message)
            if scope.cancelled_caught:
                await self.fail(CloseReason.POLICY_VIOLATION, MESSAGES_NOT_READ)

    async def _take_close(self, event: CloseConnection, state: ConnectionState) -> None:
        if state is ConnectionState.CLOSED:  # the answer to this side's close
            await self._end()
        elif state is ConnectionState.REMOTE_CLOSING:
            self._note_close(event.code, event.reason)
            await self._send_frame(event.response())
            await self._end()
        else:  # no close frame at all, but wsproto's way to report frames that it cannot read
            await self.fail(event.code, event.reason or "")

    async def _send_from_app(self, message: Message | None) -> None:
        """Take a message from the application; one that comes too late goes nowhere.

        Always a checkpoint, so that an application that sends in a loop can be cancelled.
        """
        closing = self._closing_at is not None or self._handed_over is not None
        late = self._closed or closing
        if late and message is not None:
            await trio.sleep(LATE_SEND_S)
        elif not late:
            sends = self._connection.sends
            await (self._end_app() if message is None else self._take_from_app(message))
            if sends == self._connection.sends:
                await trio.lowlevel.checkpoint()

    async def _take_from_app(self, message: Message) -> None:
        match message["type"]:
            case "websocket.send" if self._connected:
                await self._send_frame(frame_of(message))
            case "websocket.close" if self._connected:
                await self.close(int(message.get("code", 1000)), message.get("reason") or "")
            case "websocket.accept":
                await self._accept(message)
            case _:
                await self._handshake.take(message)

    async def _accept(self, message: Message) -> None:
        head, self._frames = self._handshake.accept(message)
        self._pings.start()
        await self._response.send(head)
        self._resume_reading()

    async def _end_app(self) -> None:
        """Answer for an application that has returned, and end what it left open."""
        if self._connected:
            await self.close(CloseReason.INTERNAL_ERROR, APPLICATION_ENDED)
            return
        if self._handshake.unanswered:
            await self._handshake.reject(500)
        await self._end()

    @property
    def _connected(self) -> bool:
        """True from the accept until this side closes."""
        return self._frames is not None and self._closing_at is None and not self._closed

    def _hand_over(self, feed: Feed, cursor: int, done: Callable[[], None]) -> None:
        """Let the hub send this WebSocket a feed; see `Handoff`."""
        if self._handed_over is not None or not self._connected:
            done()
            return
        self._handed_over = HandedOver(
            self._hub, self._connection, self._scope, self.close, self.close_nowait, done
        )
        self._handed_over.begin(feed, cursor, self._runner)

    def deadline(self) -> float:
        """Return when `expire` is due, on trio's clock."""
        if self._closing_at is not None:
            return self._closing_at + self._limits.close_timeout
        return self._pings.deadline(self._connection.moved_at)

    async def expire(self) -> None:
        """Do what is due: send a ping, or cut a client that answered no ping, or no close."""
        if self._closing_at is not None:
            self._connection.abort()
        elif self._pings.unanswered:
            self._note_close(CloseReason.ABNORMAL_CLOSURE, PING_NOT_ANSWERED)
            self._connection.abort()
        elif self._connection.sending:
            self._pings.postpone()  # a write that waits has a deadline of its own
        else:
            await self._send_frame(Ping(self._pings.send()))

    async def close(self, code: int, reason: str) -> None:
        """Send a close frame; the end is the client's answer, or `close_timeout`."""
        self._begin_close(code, reason)
        await self._send_frame(CloseConnection(code=code, reason=reason))

    def close_nowait(self, code: int, reason: str) -> bool:
        """Do the same without waiting; False if the frame has not gone as a whole."""
        self._begin_close(code, reason)
        return self._connection.write_soon(self._framed(CloseConnection(code=code, reason=reason)))

    def _begin_close(self, code: int, reason: str) -> None:
        self._note_close(code, reason)
        self._closing_at = trio.current_time()
        self._resume_reading()
        self._leave_hub()  # before anything waits: the hub writes nothing after the close frame

    async def fail(self, code: int, reason: str) -> None:
        """Close at once on a client that breaks a rule, without reading what else it sends."""
        if self._closing_at is None:
            self._note_close(code, reason)
            await self._send_frame(CloseConnection(code=code, reason=reason))
        self._connection.keep_reading()
        await self._end()

    async def _shut_down(self) -> None:
        """End because the server ends: 1012, or 503 where the handshake is not over."""
        if self._handshake.unanswered:
            self._closing_at = trio.current_time()  # an accept comes too late from here on
            await self._handshake.reject(503)
            await self._end()
        elif self._connected:
            await self.close(CloseReason.SERVICE_RESTART, SHUTTING_DOWN)
            await self._notify_app()

    async def end(self) -> None:
        """End because the connection does, and notify the application. Idempotent."""
        if self._closed:
            return
        self._closed = True
        rejected = self._handshake.rejected
        code = CloseReason.NORMAL_CLOSURE if rejected else CloseReason.ABNORMAL_CLOSURE
        self._note_close(code, "")
        await self._notify_app()
        self.finish()

    async def _end(self) -> None:
        await self.end()
        self._connection.end()

    def finish(self) -> None:
        """Leave the record of this WebSocket, once."""
        if self._finished:
            return
        self._finished = True
        self._leave_hub()
        code, reason = self._note_close(CloseReason.ABNORMAL_CLOSURE, CLOSED_BY_FORCE)
        self._connection.record(
            WebSocketRecord(
                facts=RequestFacts.of(self._scope),
                status=self._handshake.status,
                close_code=code,
                close_reason=reason,
                duration=trio.current_time() - self._began,
                sent_bytes=self._connection.sent_bytes - self._sent_before,
            )
        )

    def _leave_hub(self) -> None:
        if self._handed_over is not None:
            self._handed_over.end()

    def _note_close(self, code: int, reason: str | None) -> tuple[int, str]:
        """Note why this WebSocket ends, unless that is known; return what is known."""
        if self._close is None:
            self._close = int(code), reason or ""
        return self._close

    async def _notify_app(self) -> None:
        if self._close is not None:
            code, reason = self._close
            # `reason` is of a later ASGI than Hypercorn's types are.
            event: Any = {"type": "websocket.disconnect", "code": code, "reason": reason}
            await self._put(event)

    async def _put(self, event: ASGIReceiveEvent) -> None:
        if self._inbox is not None:
            await self._inbox.put(event)

    async def _send_frame(self, event: Event) -> None:
        """Send a frame; one that the state of the WebSocket does not allow goes nowhere."""
        if data := self._framed(event):
            await self._connection.write(data)

    def _framed(self, event: Event) -> bytes:
        """Return a frame; nothing where the state of the WebSocket does not allow it."""
        if self._frames is None:
            return b""
        with suppress(LocalProtocolError):
            return self._frames.send(event)
        return b""

    def _resume_reading(self) -> None:
        """Have the reader take bytes that came early, or wait until the deadline of this state."""
        if self._early:
            self._connection.wake()
        else:
            self._connection.wait_until(self.deadline())
