"""A chain of connections that together receive one run's log, whole and in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

import orjson
import trio
from attrs import define, field, frozen

from glowback_trio.cli.websocket import Broken, Closed, Rejected, WebSocket, open_websocket
from glowback_trio.model.laws import Digest
from glowback_trio.model.lifecycle import TERMINAL, State

__all__ = ["Ended", "Follower", "Refused"]

_CLOSE_S = 2.0
_FIRST_DELAY_S, _LONGEST_DELAY_S = 0.25, 5.0

# Answers after which another attempt would end the same.
_FINAL_STATUSES = {400, 401, 403, 404, 405, 410}
_FINAL_CODES = {1008, 4400}


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
    """Another attempt would not do better."""

    why: str


Outcome = Ended | Lost | Refused


@define(eq=False)
class Follower:
    """Reads one run's events over as many connections as it takes, and checks that none is missing.

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
                    return Refused(f"{why}; there was no event for {retry_for:g} s")
                case Lost(why):
                    delay = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2**attempt)
                    delay *= 0.5 + jitter() / 2
                    say(f"{why}; resuming after event {self.cursor} in {delay:.1f} s")
                    await trio.sleep(delay)
                    attempt += 1
                case never:
                    assert_never(never)

    async def _connect(self) -> Outcome:
        url = f"{self.url}?last_event_id={self.cursor}"
        async with open_websocket(url, self.headers) as socket:
            if isinstance(socket, Broken):
                return Lost(socket.why)
            outcome = await self._read(socket)
            if isinstance(outcome, Ended):
                # The server closes after the last event; to leave before would reset it.
                with trio.move_on_after(_CLOSE_S):
                    await socket.receive()
        return outcome

    async def _read(self, socket: WebSocket) -> Outcome:
        outcome: Outcome | None = None
        while outcome is None:
            match await socket.receive():
                case str(message):
                    outcome = self._receive(message.encode())
                case end:
                    outcome = _judge(end)
        return outcome

    def _receive(self, message: bytes) -> Ended | Refused | None:
        """Check and pass on one event; say so when it is the last or not the next."""
        try:
            event = orjson.loads(message)
            event_id, payload = event["event_id"], event["payload"]
            end = _end_told(event["type"], payload)
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return Refused("the server sent something that is not an event")
        if event_id != self.cursor + 1:
            return Refused(f"event {event_id} came after event {self.cursor}")
        if end is not None and self._digest is not None and payload["digest"] != str(self._digest):
            return Refused(f"the events' digest is {self._digest}, not {payload['digest']}")
        if self._digest is not None:
            self._digest.add(message)
        self.cursor = event_id
        self.take(message)
        return end


def _end_told(kind: str, payload: dict[str, Any]) -> Ended | None:
    if kind != "state" or payload["state"] not in TERMINAL:
        return None
    return Ended(State(payload["state"]), payload["error"])


def _judge(end: Closed | Rejected | Broken) -> Outcome:
    match end:
        case Closed(1000):
            return Ended(None)
        case Closed(code, reason):
            why = f"the server closed the stream: {reason or 'no reason given'} ({code})"
            return Refused(why) if code in _FINAL_CODES else Lost(why)
        case Rejected(status, body):
            why = f"the server answered {status}{_detail(body)}"
            return Refused(why) if status in _FINAL_STATUSES else Lost(why)
        case Broken(why):
            return Lost(why)
        case never:
            assert_never(never)


def _detail(body: bytes) -> str:
    """The sentence in an error's body, where there is one."""
    try:
        return f": {orjson.loads(body)['detail']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return ""
