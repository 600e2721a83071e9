"""The cleaner: removes the rows of forgotten runs and gives their space back to the disk.

It takes small steps, each with a commit of its own, so that events of other runs never wait long.
"""

from __future__ import annotations

from contextlib import suppress
from weakref import finalize

import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.sqlite import queries, statements
from glowback_trio.store.sqlite.log import SqliteLog
from glowback_trio.store.sqlite.reader import Reader
from glowback_trio.store.sqlite.upkeep.checkpointer import Checkpointer
from glowback_trio.store.sqlite.writer import Writer

__all__ = ["Cleaner"]

# A step removes so many batches of events, some megabytes, or gives so many pages back, 1 MiB.
_BATCHES = 64
_PAGES = 128


@define(eq=False)
class Cleaner:
    """Removes what was forgotten, once nobody holds its log.

    Args:
        writer: Changes the database.
        reader: Asks it.
        checkpointer: Only once it has copied what was committed does the file become smaller.
    """

    writer: Writer
    reader: Reader
    checkpointer: Checkpointer
    #: Numbers of forgotten runs whose logs somebody holds.
    _held: set[int] = field(factory=set, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)

    def wake(self) -> None:
        """Note that there is something to remove."""
        self._bell.set()

    def wake_after(self, log: SqliteLog) -> None:
        """Note that there is something to remove as soon as nobody holds this log any more."""
        self._held.add(log.seq)
        token = trio.lowlevel.current_trio_token()
        finalize(log, self._release, log.seq, token).atexit = False

    def _release(self, seq: int, token: trio.lowlevel.TrioToken) -> None:
        """Note that nobody holds a log any more. Any thread may call this."""
        self._held.discard(seq)
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
                await self._give_back()

    async def _remove_rows(self) -> None:
        await self.writer.flush()
        room = _BATCHES
        for seq, batches in await self.reader.ask(queries.forgotten):
            if seq in self._held:
                continue
            left = batches
            while left > 0:
                some = min(left, room)
                self.writer.add(statements.remove_batches(seq, some))
                left, room = left - some, await self._next_room(room - some)
            self.writer.add(*statements.remove_rest(seq))
            room = await self._next_room(room - 1)
        await self.writer.flush()

    async def _next_room(self, room: int) -> int:
        """Return the room of a step, after the commit of the last one if it is full."""
        if room > 0:
            return room
        await self.writer.flush()
        return _BATCHES

    async def _give_back(self) -> None:
        """Make the file smaller. A file that was made without `auto_vacuum` keeps its size."""
        free = await self.reader.ask(queries.free_pages)
        if not free:
            return
        while free > 0:
            self.writer.add(statements.give_back(_PAGES))
            await self.writer.flush()
            # What runs have written meanwhile may have used some.
            free = min(free - _PAGES, await self.reader.ask(queries.free_pages))
        self.checkpointer.shorten_soon()
