"""The changes of a server's runs and optimizations, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Self

import httpx2
import trio
from attrs import define, field

from glowback_trio.client.backoff import Backoff
from glowback_trio.client.http_api import without_password
from glowback_trio.client.stream import Retry, StreamOpener, failure_of, is_worth_a_retry
from glowback_trio.client.websocket import Broken, Closed, Rejected, WebSocket, open_websocket
from glowback_trio.errors import InvalidRequestError, UnexpectedAnswerError
from glowback_trio.model.short_repr import describe
from glowback_trio.wire.changes import Change, ChangeType, parse_change

__all__ = ["ChangeStream", "open_changes"]


@define(eq=False, repr=False)
class ChangeStream:
    """An async iterator over changes, without end. Made by `Client.changes`, which closes it.

    It begins with a `reset`, unless it goes on after a cursor, and gives another one where the
    server cannot tell what has changed meanwhile: then the lists have to be read again. Nothing
    runs in the background, and a slow caller gets the newest state of what has changed.
    """

    _http: httpx2.AsyncClient
    _url: str
    #: What each connection asks for besides its cursor.
    _query: Mapping[str, str]
    _backoff: Backoff
    _sleep: Callable[[float], Awaitable[object]]
    _on_retry: Callable[[Retry], object] | None
    #: The id of the last change; with `epoch`, another stream may go on after it.
    cursor: int | None = None
    #: The epoch that the last `reset` named.
    epoch: str | None = None
    _socket: WebSocket | None = field(default=None, init=False)
    _opened_at: float = field(default=0.0, init=False)

    def __repr__(self) -> str:
        return describe(self, cursor=self.cursor, url=without_password(self._url))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_raised: object) -> None:
        await self.aclose()

    def __aiter__(self) -> ChangeStream:
        return self

    async def __anext__(self) -> Change:
        """Wait for the next change.

        Raises:
            ServerRefusedError: The server refuses to stream.
            UnreachableError: The server could not be reached again in time.
            UnexpectedAnswerError: A message is no change.
        """
        while True:
            received = await self._receive()
            if not isinstance(received, bytes):
                await self._recover(received)
            elif (change := _read(received)) is not None:
                self._note(change)
                return change

    def _note(self, change: Change) -> None:
        self.cursor = change.event_id
        if change.type == "reset":
            self.epoch = str(change.payload.get("epoch"))
        self._backoff.reset()

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
        if self.cursor is None or self.epoch is None:
            return {**self._query}
        return {"last_event_id": str(self.cursor), "epoch": self.epoch, **self._query}

    async def _recover(self, end: Closed | Rejected | Broken) -> None:
        """Wait until it is time to reconnect, or raise if a new attempt would fail as well."""
        if self._socket is not None:
            self._backoff.connection_lasted(self._socket.heard_at - self._opened_at)
        await self.aclose()
        failure = failure_of(end, None)
        delay = self._backoff.delay(trio.current_time()) if is_worth_a_retry(end) else None
        if delay is None:
            raise failure
        if self._on_retry is not None:
            self._on_retry(Retry(str(failure), self.cursor or 0, delay))
        await self._sleep(delay)


def open_changes(
    streams: StreamOpener,
    place: tuple[int | None, str | None],
    types: Sequence[ChangeType] | None,
    retry_for: float,
    on_retry: Callable[[Retry], object] | None,
) -> ChangeStream:
    """Return a stream of changes; see `Client.changes`. It connects when it is first read."""
    api = streams.api
    return ChangeStream(
        api.http,
        f"{api.root}/changes/stream",
        {} if types is None else {"types": ",".join(types)},
        Backoff(retry_for, streams.jitter),
        streams.sleep,
        on_retry,
        *place,
    )


def _read(data: bytes) -> Change | None:
    try:
        return parse_change(data)
    except InvalidRequestError as error:
        raise UnexpectedAnswerError(f"a message should be a change: {error}") from None
