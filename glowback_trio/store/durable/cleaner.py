"""The cleaner: removes the rows of forgotten runs, and has their space given back to the disk.

It takes small steps, each with a commit of its own, so that events of other runs never wait long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from weakref import finalize

import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.durable.ports import Asks, RunQueries, RunStatements
from glowback_trio.store.durable.statement import RowNumber
from glowback_trio.store.durable.writer import Writer

__all__ = ["Cleaner"]

# A step removes so many batches of events, some megabytes.
_BATCHES = 64


@define(eq=False)
class Cleaner:
    """Removes what was forgotten, once nobody holds its log.

    Args:
        writer: Changes the database.
        reader: Asks it.
        statements: Remove rows.
        queries: Find what may be removed.
        give_back: Gives the space of what was removed back to the disk.
    """

    writer: Writer
    reader: Asks
    statements: RunStatements
    queries: RunQueries
    give_back: Callable[[], Awaitable[None]] | None = None
    #: Numbers of forgotten runs whose logs somebody holds.
    _held: set[RowNumber] = field(factory=set, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)

    def wake(self) -> None:
        """Note that there is something to remove."""
        self._bell.set()

    def wake_after(self, log: DurableLog) -> None:
        """Note that there is something to remove as soon as nobody holds this log any more."""
        self._held.add(log.row)
        token = trio.lowlevel.current_trio_token()
        finalize(log, self._release, log.row, token).atexit = False

    def _release(self, row: RowNumber, token: trio.lowlevel.TrioToken) -> None:
        """Note that nobody holds a log any more. Any thread may call this."""
        self._held.discard(row)
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(self.wake, idempotent=True)

    async def clean_for_ever(self) -> None:
        """Be the cleaner's task."""
        while True:
            await self._bell.wait()
            self._bell = trio.Event()
            # What fails is logged where it fails. The rows stay forgotten, and the next deletion or
            # start tries again.
            with suppress(StoreError):
                await self._remove_rows()
                if self.give_back is not None:
                    await self.give_back()

    async def _remove_rows(self) -> None:
        await self.writer.flush()
        room = _BATCHES
        for seq, batches in await self.reader.ask(self.queries.forgotten):
            if seq in {row.value for row in self._held}:
                continue
            left = batches
            while left > 0:
                some = min(left, room)
                self.writer.add(self.statements.remove_batches(seq, some))
                left, room = left - some, await self._next_room(room - some)
            self.writer.add(*self.statements.remove_rest(seq))
            room = await self._next_room(room - 1)
        await self.writer.flush()

    async def _next_room(self, room: int) -> int:
        """Return the room of a step, after the commit of the last one if it is full."""
        if room > 0:
            return room
        await self.writer.flush()
        return _BATCHES
