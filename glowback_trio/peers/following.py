"""A log that a peer computes, as it tells it: over as many connections as a short outage takes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias, assert_never

import trio
from attrs import define, field

from glowback_trio.actors.cluster.peers import LogName, PeerError
from glowback_trio.client.backoff import Backoff
from glowback_trio.client.log_verifier import LogVerifier
from glowback_trio.client.websocket import Broken, Closed, Rejected, WebSocket
from glowback_trio.errors import LogError, UnexpectedAnswerError
from glowback_trio.model.events import EVENT_TYPES, OPTIMIZATION_EVENT_TYPES, Event
from glowback_trio.model.stream_protocol import ENDED
from glowback_trio.peers.batches import events_in
from glowback_trio.peers.reach import Reach

__all__ = ["HEARTBEAT_S", "FollowedStream", "verifier_of"]

#: Seconds without an event after which a peer says that it is there, and after which it is lost.
HEARTBEAT_S = 1.0
_SILENT_S = 5.0

_End: TypeAlias = Rejected | Closed | Broken


def verifier_of(log: LogName, after: int) -> LogVerifier:
    """Return what checks that events are those of a log, in order, from a cursor on."""
    kind, identity = log.named
    types = EVENT_TYPES if kind == "run" else OPTIMIZATION_EVENT_TYPES
    return LogVerifier(identity, after, filtered=False, types=types)


@define(eq=False)
class FollowedStream:
    """An async iterator over the batches of events of a log at a peer.

    A connection that breaks after it was good is made again, for as long as the backoff allows;
    whoever follows reads the store meanwhile only once this has given up.

    Args:
        address: Where the peer is.
        open: Connects, to stream from a cursor on.
        verifier: Checks what arrives, over all connections.
        backoff: Says when to connect again.
        reach: Told of what is reached and lost.
    """

    address: str
    open: Callable[[int], Awaitable[WebSocket | Rejected | Broken]]
    verifier: LogVerifier
    backoff: Backoff
    reach: Reach
    _socket: WebSocket | None = field(default=None, init=False)
    #: True once the peer has told something since the last connection that failed at once.
    _good: bool = field(default=False, init=False)

    def __aiter__(self) -> FollowedStream:
        return self

    async def __anext__(self) -> Sequence[Event]:
        """Wait for the next events.

        Raises:
            PeerError: See `Peers.follow`.
        """
        while not self.verifier.ended:
            match await self._receive():
                case bytes(message):
                    self._note_good()
                    if events := self._checked(message):
                        return events
                case Closed(ENDED.code):
                    self._check_whole()
                case Closed() | Rejected() | Broken() as end:
                    await self._recover(end)
                case never:
                    assert_never(never)
        raise StopAsyncIteration

    async def connect(self) -> None:
        """Connect for the first time.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        match await self.open(self.verifier.cursor):
            case WebSocket() as socket:
                # No checkpoint between opening and keeping: a cancellation leaks no socket.
                self._socket = socket
                self.reach.note(self.address)
            case Rejected() | Broken() as end:
                raise self._lost(end)
            case never:
                assert_never(never)

    async def aclose(self) -> None:
        """Close the connection. Idempotent."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()

    async def _receive(self) -> bytes | _End:
        if self._socket is None:
            await self.connect()
        assert self._socket is not None
        with trio.move_on_after(_SILENT_S):
            return await self._socket.receive()
        return Broken(f"silent for {_SILENT_S:g} s")

    def _note_good(self) -> None:
        self._good = True
        self.backoff.reset()

    def _checked(self, message: bytes) -> Sequence[Event]:
        try:
            return [self.verifier.receive(data) for data in events_in(message)]
        except (LogError, UnexpectedAnswerError) as error:
            raise PeerError(f"{self._named()} tells what is not the log: {error}") from error

    def _check_whole(self) -> None:
        try:
            self.verifier.close()
        except LogError as error:
            raise PeerError(f"{self._named()} tells what is not the log: {error}") from error

    async def _recover(self, end: _End) -> None:
        """Wait until it is time to connect again, or raise if that is no use."""
        await self.aclose()
        delay = self.backoff.delay(trio.current_time()) if isinstance(end, Broken) else None
        if delay is None or not self._good:
            raise self._lost(end)
        self._good = False
        await trio.sleep(delay)

    def _lost(self, end: _End) -> PeerError:
        match end:
            case Broken(why):
                self.reach.note(self.address, lost=why)
                return PeerError(f"{self._named()} is out of reach: {why}")
            case Rejected(response):
                why = f"it answers {response.status_code}: {response.text[:200]}"
                self.reach.note(self.address, lost=why)
                return PeerError(f"{self._named()} refuses: {why}")
            case Closed(code, reason):
                return PeerError(f"{self._named()} has closed the stream: {code} {reason}")
            case never:
                assert_never(never)

    def _named(self) -> str:
        return f"The gateway at {self.address}"
