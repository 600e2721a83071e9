"""The events of a log in order, over as many connections as it takes.

`EventStream` connects, reads, and decides after a lost connection whether to reconnect. What it
received is checked by `LogVerifier`; how long it waits is up to `Backoff`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from typing import assert_never

import httpx2
import trio
from attrs import define, field, frozen

from glowback_trio.client.backoff import Backoff
from glowback_trio.client.http_api import HttpApi, without_password
from glowback_trio.client.log_verifier import LogVerifier
from glowback_trio.client.responses import error_of, is_transient
from glowback_trio.client.subjects import Subject
from glowback_trio.client.websocket import Broken, Closed, Rejected, WebSocket, open_websocket
from glowback_trio.errors import (
    GlowbackError,
    ServerRefusedError,
    UnreachableError,
)
from glowback_trio.model.events import Event
from glowback_trio.model.short_repr import describe
from glowback_trio.model.stream_protocol import (
    ATTEMPT_NOT_FOUND,
    CURSOR_AHEAD,
    ENDED,
    OPTIMIZATION_NOT_FOUND,
    RUN_NOT_FOUND,
    is_final,
)

__all__ = [
    "EventStream",
    "LogPart",
    "Retry",
    "StreamOpener",
    "failure_of",
    "is_worth_a_retry",
]

# The `reason` of ServerRefusedError by close code.
_REASONS = {RUN_NOT_FOUND.code: "forbidden", CURSOR_AHEAD.code: "cursor_ahead"}
_NOT_FOUND = {close.reason for close in (RUN_NOT_FOUND, OPTIMIZATION_NOT_FOUND, ATTEMPT_NOT_FOUND)}
# After the terminal event the server closes. A client that closes first looks to it like a lost
# connection, and would be counted as one.
_CLOSE_WAIT_S = 2.0


@frozen(repr=False)
class Retry:
    """A lost connection that the stream will reconnect.

    Attributes:
        why: Why the connection was lost.
        cursor: Id of the last event received; the stream resumes after it.
        delay: Seconds until the attempt.
    """

    why: str
    cursor: int
    delay: float

    def __repr__(self) -> str:
        return describe(self, cursor=self.cursor, delay=self.delay, why=self.why)

    def __str__(self) -> str:
        return f"{self.why}; resuming after event {self.cursor} in {self.delay:.1f} s"


@define(eq=False, repr=False)
class EventStream:
    """An async iterator over the events of a log. Made by `Client.stream`, which closes it.

    Nothing runs in the background: a slow caller slows the server down by backpressure, and events
    lost with a connection are fetched again. Waiting for an event may be cancelled and repeated
    without losing an event. Events that arrived together are returned without a checkpoint between.
    """

    _http: httpx2.AsyncClient
    _subject: Subject
    _url: str
    #: What each connection asks for besides its cursor.
    _query: Mapping[str, str]
    _verifier: LogVerifier
    _backoff: Backoff
    _sleep: Callable[[float], Awaitable[object]]
    _on_retry: Callable[[Retry], object] | None
    _socket: WebSocket | None = field(default=None, init=False)
    _opened_at: float = field(default=0.0, init=False)

    def __repr__(self) -> str:
        url, ended = without_password(self._url), self._verifier.ended
        return describe(self, cursor=self.cursor, ended=ended, url=url)

    @property
    def cursor(self) -> int:
        """Id of the last event received; another stream may resume after it."""
        return self._verifier.cursor

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        """Wait for the next event.

        Raises:
            UnknownRunError: The server has no such run, or no longer has it.
            ServerRefusedError: The server refuses to stream the run.
            UnreachableError: The server could not be reached again in time.
            UnexpectedAnswerError: A message is not an event.
            LogError: An event is missing, doubled or changed, so this is not the log.
        """
        while not self._verifier.ended:
            match await self._receive():
                case bytes(data):
                    event = self._verifier.receive(data)
                    # Any event ends an outage, because it shows that the server serves this run
                    # again.
                    self._backoff.reset()
                    return event
                # A regular close without the terminal event is an error, which `close` raises.
                case Closed(ENDED.code):
                    await self.aclose()
                    self._verifier.close()
                case Closed() | Rejected() | Broken() as end:
                    await self._recover(end)
                case never:
                    assert_never(never)
        await self._await_close()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Close the connection. Idempotent."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()

    async def _receive(self) -> bytes | Closed | Rejected | Broken:
        if self._socket is None:
            opened = await open_websocket(self._http, self._url, self._parameters())
            if not isinstance(opened, WebSocket):
                return opened
            # No checkpoint between opening and storing, so that a cancellation never leaks the
            # socket.
            self._socket, self._opened_at = opened, trio.current_time()
        return await self._socket.receive()

    def _parameters(self) -> dict[str, str]:
        return {"last_event_id": str(self._verifier.cursor), **self._query}

    async def _recover(self, end: Closed | Rejected | Broken) -> None:
        """Wait until it is time to reconnect, or raise if a new attempt would fail as well."""
        if self._socket is not None:
            # Up to the last byte and not to the loss, which a dead connection reports late.
            self._backoff.connection_lasted(self._socket.heard_at - self._opened_at)
        await self.aclose()
        failure = failure_of(end, self._subject)
        delay = self._backoff.delay(trio.current_time()) if is_worth_a_retry(end) else None
        if delay is None:
            raise failure
        if self._on_retry is not None:
            self._on_retry(Retry(str(failure), self._verifier.cursor, delay))
        await self._sleep(delay)

    async def _await_close(self) -> None:
        """Give the server a little time to close after the terminal event, then close."""
        if self._socket is not None:
            with trio.move_on_after(_CLOSE_WAIT_S):
                await self._socket.receive()
        await self.aclose()


@frozen(kw_only=True)
class LogPart:
    """Which part of a log a stream gives.

    Attributes:
        subject: What the log is of.
        after: Only events with higher ids.
        types: Only events of these types, and the terminal one; None: all.
        known_types: The types that events of this log have.
        query: What tells the log apart from others of its subject.
    """

    subject: Subject
    after: int
    types: Collection[str] | None
    known_types: Collection[str]
    query: Mapping[str, str] = {}


@frozen(eq=False)
class StreamOpener:
    """Opens the streams of one server.

    Attributes:
        api: The API of the server.
        jitter: Returns numbers from 0 to 1, by which streams vary their delays.
        sleep: Waits between two attempts to reconnect.
    """

    api: HttpApi
    jitter: Callable[[], float]
    sleep: Callable[[float], Awaitable[object]]

    @asynccontextmanager
    async def opened(
        self, part: LogPart, retry_for: float, on_retry: Callable[[Retry], object] | None
    ) -> AsyncIterator[EventStream]:
        """Stream a part of a log for the length of an `async with` block.

        Args:
            part: The part.
            retry_for: Seconds to try to reconnect before giving up.
            on_retry: Called before each attempt to reconnect.
        """
        filtered = part.types is not None
        types = {} if part.types is None else {"types": ",".join(part.types)}
        events = EventStream(
            http=self.api.http,
            subject=part.subject,
            url=self.api.url(part.subject, "/stream"),
            query={**types, **part.query},
            verifier=LogVerifier(part.subject.identity, part.after, filtered, part.known_types),
            backoff=Backoff(retry_for, self.jitter),
            sleep=self.sleep,
            on_retry=on_retry,
        )
        try:
            yield events
        finally:
            await events.aclose()


def is_worth_a_retry(end: Closed | Rejected | Broken) -> bool:
    """Return whether another attempt may succeed after this end of a connection."""
    match end:
        case Broken():
            return True
        case Rejected(response):
            return is_transient(response)
        case Closed(code):
            return not is_final(code)
        case never:
            assert_never(never)


def failure_of(end: Closed | Rejected | Broken, subject: Subject | None) -> GlowbackError:
    """Return the error that an end of a connection stands for.

    Args:
        end: The end.
        subject: What the stream was of; None: of everything.
    """
    match end:
        case Broken(why):
            return UnreachableError(why)
        case Rejected(response):
            return error_of(response, subject)
        case Closed(RUN_NOT_FOUND.code, reason) if subject is not None and reason in _NOT_FOUND:
            return subject.unknown(reason)
        case Closed(code, reason):
            word = _REASONS.get(code, "unavailable")
            return ServerRefusedError(code, reason or "no reason given", reason=word)
        case never:
            assert_never(never)
