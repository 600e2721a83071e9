"""A run's events over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import assert_never

import httpx2
import trio
from attrs import define, field, frozen

from glowback_trio.client.backoff import Backoff
from glowback_trio.client.log_verifier import LogVerifier
from glowback_trio.client.responses import is_passing, refusal
from glowback_trio.client.websocket import Broken, Closed, Rejected, WebSocket, open_websocket
from glowback_trio.errors import (
    GlowbackError,
    ServerRefusedError,
    UnknownRunError,
    UnreachableError,
)
from glowback_trio.model.events import Event, EventType
from glowback_trio.model.stream_protocol import CURSOR_AHEAD, ENDED, RUN_NOT_FOUND, is_final

__all__ = ["EventStream", "Retry"]

# The `reason` of ServerRefusedError by close code.
_REASONS = {RUN_NOT_FOUND.code: "forbidden", CURSOR_AHEAD.code: "cursor_ahead"}
# The server closes after the terminal event; to leave before would look like a cut to it.
_FAREWELL_S = 2.0


@frozen
class Retry:
    """A lost connection that will be made again.

    Attributes:
        why: What became of the old one.
        cursor: Id of the last event received, after which the stream goes on.
        delay: Seconds until the attempt.
    """

    why: str
    cursor: int
    delay: float

    def __str__(self) -> str:
        return f"{self.why}; resuming after event {self.cursor} in {self.delay:.1f} s"


@define(eq=False)
class EventStream:
    """An async iterator over a run's events. Made by `Client.stream`, which ends it.

    Nothing runs between two events: a caller that takes its time holds the server back, and what a
    cut costs is had from the server again. Waiting for an event may be cancelled and taken up
    again; no event is lost by it. Events that came together are given without a checkpoint between.
    """

    _http: httpx2.AsyncClient
    _url: str
    _types: Sequence[EventType] | None
    _chain: LogVerifier
    _patience: Backoff
    _sleep: Callable[[float], Awaitable[object]]
    _on_retry: Callable[[Retry], object] | None
    _socket: WebSocket | None = field(default=None, init=False)
    _opened_at: float = field(default=0.0, init=False)

    @property
    def cursor(self) -> int:
        """Id of the last event received; a later stream may begin after it."""
        return self._chain.cursor

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            UnknownRunError: The server has no such run, or not any more.
            ServerRefusedError: It will not stream it.
            UnreachableError: It could not be reached again in time.
            UnexpectedAnswerError: It sent something that is no event.
            LogError: An event is missing, doubled or changed: this is not the run's log.
        """
        while not self._chain.ended:
            match await self._receive():
                case bytes(data):
                    event = self._chain.receive(data)
                    self._patience.reset()
                    return event
                case Closed(ENDED.code):
                    await self.aclose()
                    self._chain.close()
                case Closed() | Rejected() | Broken() as end:
                    await self._recover(end)
                case never:
                    assert_never(never)
        await self._see_off()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Leave the server. Idempotent."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()

    async def _receive(self) -> bytes | Closed | Rejected | Broken:
        if self._socket is None:
            opened = await open_websocket(self._http, self._url, self._parameters())
            if not isinstance(opened, WebSocket):
                return opened
            self._socket, self._opened_at = opened, trio.current_time()
        return await self._socket.receive()

    def _parameters(self) -> dict[str, str]:
        types = {} if self._types is None else {"types": ",".join(self._types)}
        return {"last_event_id": str(self._chain.cursor), **types}

    async def _recover(self, end: Closed | Rejected | Broken) -> None:
        """Wait until it is time to connect again, or raise what another attempt would not mend."""
        if self._socket is not None:
            self._patience.stood(self._socket.heard_at - self._opened_at)
        await self.aclose()
        failure = _failure(end, self._chain.run_id)
        delay = self._patience.delay(trio.current_time()) if _may_pass(end) else None
        if delay is None:
            raise failure
        if self._on_retry is not None:
            self._on_retry(Retry(str(failure), self._chain.cursor, delay))
        await self._sleep(delay)

    async def _see_off(self) -> None:
        """Let the server close after the terminal event, within reason."""
        if self._socket is not None:
            with trio.move_on_after(_FAREWELL_S):
                await self._socket.receive()
        await self.aclose()


def _may_pass(end: Closed | Rejected | Broken) -> bool:
    match end:
        case Broken():
            return True
        case Rejected(response):
            return is_passing(response)
        case Closed(code):
            return not is_final(code)
        case never:
            assert_never(never)


def _failure(end: Closed | Rejected | Broken, run_id: str) -> GlowbackError:
    match end:
        case Broken(why):
            return UnreachableError(why)
        case Rejected(response):
            return refusal(response, run_id)
        case Closed(RUN_NOT_FOUND.code, RUN_NOT_FOUND.reason):
            return UnknownRunError(run_id)
        case Closed(code, reason):
            word = _REASONS.get(code, "unavailable")
            return ServerRefusedError(code, reason or "no reason given", reason=word)
        case never:
            assert_never(never)
