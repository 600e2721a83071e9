"""A chain of WebSocket connections that together receive one run's log, whole and in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

import orjson
import trio
from attrs import define, field, frozen
from trio_websocket import (
    CloseReason,
    ConnectionClosed,
    ConnectionRejected,
    HandshakeError,
    WebSocketConnection,
    open_websocket_url,
)

from glowback_trio.errors import LogError
from glowback_trio.model.laws import Digest
from glowback_trio.model.lifecycle import TERMINAL, State

__all__ = ["Ended", "Follower", "Refused"]

_CONNECT_S = 10.0
_CLOSE_S = 2.0
# A server that vanished without a word is found out by a ping after this much silence.
_SILENCE_S = 30.0
_PONG_S = 10.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 5.0

_BUSY = {408, 429, 500, 502, 503, 504}
_REFUSING_CLOSES = {1008, 4400}


@frozen
class Ended:
    """The run has ended. `state` is None when its end came before the cursor and was not told."""

    state: State | None
    error: str | None = None


@frozen
class Lost:
    """The connection is gone, or none could be made; another attempt may do better."""

    why: str


@frozen
class Refused:
    """The server will not have it; another attempt would end the same."""

    why: str


@define(eq=False)
class Follower:
    """Reads one run's events over as many connections as it takes.

    Attributes:
        url: The run's stream, `ws://` or `wss://`, without a query.
        headers: Sent with every handshake.
        cursor: Id of the last event received.
        take: Given the bytes of every event, each once and in order.
    """

    url: str
    headers: list[tuple[bytes, bytes]]
    cursor: int
    take: Callable[[bytes], None]
    #: Over all events before the next one; None when the first ones were never received here.
    _digest: Digest | None = field(init=False)
    _end: Ended | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._digest = Digest() if self.cursor == 0 else None

    async def follow(
        self, *, retry_for: float, jitter: Callable[[], float], say: Callable[[str], None]
    ) -> Ended | Refused:
        """Receive the log to its end, resuming where each lost connection left off.

        Args:
            retry_for: Seconds without a new event after which a lost connection is final.
            jitter: Gives numbers from 0 to 1, so that many followers do not come back at once.
            say: Told about every connection lost.

        Raises:
            LogError: What was received is not the log: an event is missing, repeated or altered.
        """
        attempt, latest = 0, trio.current_time()
        while True:
            before = self.cursor
            outcome = await self._connect()
            if self.cursor > before:
                attempt, latest = 0, trio.current_time()
            match outcome:
                case Ended() | Refused():
                    return outcome
                case Lost(why) if trio.current_time() - latest >= retry_for:
                    return Refused(f"{why}; no event for {retry_for:g} s, so this is the end")
                case Lost(why):
                    delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2**attempt)
                    delay *= 0.5 + jitter() / 2
                    say(f"{why}; resuming after event {self.cursor} in {delay:.1f} s")
                    await trio.sleep(delay)
                    attempt += 1
                case never:
                    assert_never(never)

    async def _connect(self) -> Ended | Lost | Refused:
        try:
            async with open_websocket_url(
                f"{self.url}?last_event_id={self.cursor}",
                extra_headers=self.headers,
                message_queue_size=64,
                connect_timeout=_CONNECT_S,
                disconnect_timeout=_CLOSE_S,
            ) as socket:
                return await self._read(socket)
        except ConnectionRejected as rejection:
            why = f"the server answered {rejection.status_code}{_detail(rejection.body)}"
            return Lost(why) if rejection.status_code in _BUSY else Refused(why)
        except HandshakeError as error:
            # Also raised when a peer does not answer the close; then the end may be known already.
            return self._end or Lost(f"no connection: {error.__cause__ or repr(error)}")

    async def _read(self, socket: WebSocketConnection) -> Ended | Lost | Refused:
        try:
            while self._end is None:
                self._receive(await _next_message(socket))
        except ConnectionClosed as closed:
            return _judge(closed.reason)
        except trio.TooSlowError:
            return Lost(f"the server has been silent for {_SILENCE_S + _PONG_S:g} s")
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return Refused("the server sent something that is not an event")
        return self._end

    def _receive(self, message: bytes) -> None:
        event = orjson.loads(message)
        if event["event_id"] != self.cursor + 1:
            raise LogError(f"Event {event['event_id']} came after event {self.cursor}")
        payload = event["payload"]
        end = _end_told(event["type"], payload)
        if end is not None and self._digest is not None and payload["digest"] != str(self._digest):
            raise LogError(f"The events' digest is {self._digest}, not {payload['digest']}")
        if self._digest is not None:
            self._digest.add(message)
        self.cursor += 1
        self.take(message)
        self._end = end


def _end_told(kind: str, payload: dict[str, Any]) -> Ended | None:
    if kind != "state" or payload["state"] not in TERMINAL:
        return None
    return Ended(State(payload["state"]), payload["error"])


async def _next_message(socket: WebSocketConnection) -> bytes:
    """Wait for a message for as long as the server answers pings."""
    while True:
        with trio.move_on_after(_SILENCE_S):
            message = await socket.get_message()
            return message.encode() if isinstance(message, str) else message
        with trio.fail_after(_PONG_S):
            await socket.ping()


def _judge(reason: CloseReason | None) -> Ended | Lost | Refused:
    if reason is None:
        return Lost("the connection broke")
    if reason.code == 1000:
        return Ended(None)
    why = f"the server closed the stream: {reason.reason or reason.name} ({reason.code})"
    return Refused(why) if reason.code in _REFUSING_CLOSES else Lost(why)


def _detail(body: bytes | None) -> str:
    """The sentence in an error's body, where there is one."""
    try:
        return f": {orjson.loads(body or b'')['detail']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
