"""Subscriptions: cursors into a run's log, woken by one bell.

A subscriber has no queue. Being slow costs nothing and loses nothing: the log is there anyway, and
a reader that comes back late takes more at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import trio
from attrs import define, field

from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.errors import CursorAheadError, GatewayClosedError
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.short_repr import describe
from glowback_trio.store import EventLog

__all__ = ["GOES_ON", "Bell", "Broadcaster", "Streamed", "Subscription"]

# Enough to amortize a turn of the event loop, and a fraction of a millisecond to hand over.
_READ_AT_ONCE = 256
# Readers that go on in the same turn of the event loop: each takes some 50 us.
_WOKEN_AT_ONCE = 100

#: Why a log has stopped without an end.
GOES_ON = "The gateway was closed; the run goes on in the next one that opens its store"


@define(eq=False)
class Bell:
    """A bell that a log rings when there is more to read.

    Apart from the broadcaster, so that the log does not hold who reads it: a log of a million
    events is freed with its last reader, not by the garbage collector.
    """

    _waiting: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot, init=False)
    _watchers: dict[object, Callable[[], object]] = field(factory=dict, init=False)

    def ring(self) -> None:
        """Wake the readers that wait; those that are busy look at the log before they wait."""
        if self._waiting:
            # Who waits from now on waits for the next ring, in a place of its own: otherwise those
            # that have woken and wait again would wake each other without end.
            woken, self._waiting = self._waiting, trio.lowlevel.ParkingLot()
            # Each that has woken wakes one more of those that are left, so that thousands do not
            # hold the event loop.
            woken.unpark(count=_WOKEN_AT_ONCE)
        # Functions in addition to parked tasks: one task of the server's hub serves thousands of
        # readers.
        for watcher in self._watchers.values():
            watcher()

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """Call a function at every ring, and return what ends that. It must not block."""
        key = object()
        self._watchers[key] = watcher

        def unwatch() -> None:
            self._watchers.pop(key, None)

        return unwatch

    async def wait(self) -> None:
        """Wait for the next ring."""
        waiting = self._waiting
        await waiting.park()
        waiting.unpark()


@define(eq=False, repr=False)
class Broadcaster:
    """A log as its readers see it: what there is, whether more will come, and a bell.

    Args:
        log: The log.
        bell: What it rings.
    """

    _log: EventLog
    _bell: Bell
    #: Where its readers may wait.
    loop: EventLoop = field(factory=EventLoop, init=False)
    #: Id of the terminal event, once there is one.
    _end: int | None = field(default=None, init=False)
    _broken_off: bool = field(default=False, init=False)
    _subscribers: int = field(default=0, init=False)

    def __repr__(self) -> str:
        ended, newest = self._end is not None, self._log.watermark
        return describe(self, newest=newest, ended=ended, subscribers=self._subscribers)

    @property
    def log(self) -> EventLog:
        """The log."""
        return self._log

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open."""
        return self._subscribers

    @property
    def broken_off(self) -> bool:
        """True if the gateway has closed, and the next one goes on with the log."""
        return self._broken_off

    def break_off(self) -> None:
        """Let the readers know that this gateway adds nothing more."""
        self._broken_off = True
        self._bell.ring()

    def announce_end(self, event_id: int) -> None:
        """Note the id of the terminal event, and wake the readers that have passed it."""
        self._end = event_id
        self._bell.ring()

    def revoke_end(self) -> None:
        """Take back an end that has not become durable, and never will."""
        self._end = None

    def ring(self) -> None:
        """Wake the readers, and tell watchers that something has changed that no log says."""
        self._bell.ring()

    def join(self) -> None:
        """Count one more subscription."""
        self._subscribers += 1

    def leave(self) -> None:
        """Count one subscription less."""
        self._subscribers -= 1

    def watch(self, watcher: Callable[[], object]) -> Callable[[], None]:
        """Call a function at every ring, and return what ends that. It must not block."""
        return self._bell.watch(watcher)

    def ended(self, cursor: int) -> bool:
        """Return whether there is nothing after this cursor, now or later."""
        return self._end is not None and cursor >= self._end

    def scan(
        self, cursor: int, limit: int, types: Collection[AnyEventType] | None
    ) -> tuple[Sequence[Event], int]:
        """Take up to `limit` events after a cursor, as far as they are in memory.

        Returns:
            Those of these types, and always the end; and the cursor after all that were looked at,
            which has not moved where there was nothing to look at.
        """
        if types is None:
            return _with_cursor(self._log.read_nowait(cursor, limit), cursor)
        found, after = self._log.select_nowait(cursor, limit, types)
        if not self._misses_end(found, cursor, after):
            return found, after
        end = self._log.read_nowait(after - 1, 1)
        # Where the end has left memory, `load` gives it; `found` has less than `limit` events.
        return ([*found, *end], after) if end else (found, after - 1)

    async def load(
        self, cursor: int, limit: int, types: Collection[AnyEventType] | None
    ) -> tuple[Sequence[Event], int]:
        """Do what `scan` does, after waiting for events that have left memory."""
        if types is None:
            return _with_cursor(await self._log.read(cursor, limit), cursor)
        found, after = await self._log.select(cursor, limit, types)
        if not self._misses_end(found, cursor, after):
            return found, after
        return [*found, *await self._log.read(after - 1, 1)], after

    def _misses_end(self, found: Sequence[Event], cursor: int, after: int) -> bool:
        """Return whether a filter has hidden the end, which it must not.

        A reader could not distinguish that from a run that is quiet.
        """
        return cursor < after == self._end and not (found and found[-1].event_id == after)

    async def wait_ring(self) -> None:
        """Wait for the next ring."""
        await self._bell.wait()


def _with_cursor(events: Sequence[Event], cursor: int) -> tuple[Sequence[Event], int]:
    return events, events[-1].event_id if events else cursor


@define(eq=False, repr=False)
class Subscription:
    """One reader's place in a run's log. Made by `Run.subscribe`; use it in a `with` block.

    Iterating gives every event after the cursor, stored ones first, then live ones with no seam,
    and stops after the terminal event. Cancelling a read loses nothing: the cursor only moves when
    events are handed over.
    """

    _broadcaster: Broadcaster
    _types: Collection[AnyEventType] | None
    #: Every event up to this id has been handed over or filtered out.
    cursor: int

    def __attrs_post_init__(self) -> None:
        newest = self._broadcaster.log.watermark
        # A cursor from another log, or from one that was lost: going on would skip events silently.
        if self.cursor > newest:
            raise CursorAheadError(self.cursor, newest)

    def __repr__(self) -> str:
        types = {} if self._types is None else {"types": sorted(self._types)}
        newest = self._broadcaster.log.watermark
        return describe(self, cursor=self.cursor, newest=newest, ended=self.ended, **types)

    @property
    def ended(self) -> bool:
        """True if nothing is left to read, now or later."""
        return self._broadcaster.ended(self.cursor)

    @property
    def behind(self) -> bool:
        """True if there are events after the cursor already, of whatever type."""
        return self.cursor < self._broadcaster.log.watermark

    def read_nowait(self, limit: int = _READ_AT_ONCE) -> Sequence[Event]:
        """Take what is in memory: at most `limit` events, perhaps none."""
        before = -1
        while not (wanted := self._scan(limit)) and before < self.cursor:
            before = self.cursor
        return wanted

    async def read_stored(self, limit: int = _READ_AT_ONCE) -> Sequence[Event]:
        """Take what has happened so far: at most `limit` events, perhaps none."""
        self._broadcaster.loop.check("subscription.read_stored")
        await trio.lowlevel.checkpoint()
        while not (wanted := self._scan(limit)) and self.behind:
            if wanted := await self._load(limit):
                break
        return wanted

    async def read(self, limit: int = _READ_AT_ONCE) -> Sequence[Event]:
        """Wait until there is something, then take it; empty only at the end of the log.

        Raises:
            GatewayClosedError: The gateway has closed; the next one on the store goes on.
        """
        self._broadcaster.loop.check("subscription.read")
        await trio.lowlevel.checkpoint()
        while not (wanted := self._scan(limit)) and not self.ended:
            if not self.behind:
                if self._broadcaster.broken_off:
                    raise GatewayClosedError(GOES_ON)
                await self._broadcaster.wait_ring()
            elif wanted := await self._load(limit):
                break
        return wanted

    def _scan(self, limit: int) -> Sequence[Event]:
        """Take the next `limit` wanted events that are in memory, and move over the others."""
        events, self.cursor = self._broadcaster.scan(self.cursor, limit, self._types)
        return events

    async def _load(self, limit: int) -> Sequence[Event]:
        """Take the next `limit` wanted events, wherever they are, and move over the others."""
        # Finding little may take several queries: other tasks get their turn.
        await trio.lowlevel.checkpoint()
        events, self.cursor = await self._broadcaster.load(self.cursor, limit, self._types)
        return events

    def __enter__(self) -> Self:
        self._broadcaster.join()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self._broadcaster.leave()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        events = await self.read(limit=1)
        if not events:
            raise StopAsyncIteration
        return events[0]


class Streamed(Protocol):
    """A run, or an attempt of an optimization: readers follow its log."""

    @property
    def broadcaster(self) -> Broadcaster:
        """The log as its readers see it, for readers that keep their own cursors."""

    @property
    def survives(self) -> bool:
        """True if the next gateway on the store goes on with it."""

    @property
    def needs_task(self) -> bool:
        """True if it has not ended."""

    def subscribe(self, after: int = 0, types: Collection[Any] | None = None) -> Subscription:
        """Subscribe to the log from a cursor on.

        Args:
            after: Id of the last event already known; 0 for none.
            types: Only events of these types, and the terminal one; None: all.
        """
