"""Giving the space of removed rows back to the disk, in small steps."""

from __future__ import annotations

from attrs import frozen

from glowback_trio.store.durable.writer import Writer
from glowback_trio.store.sqlite import queries, statements
from glowback_trio.store.sqlite.reader import Reader
from glowback_trio.store.sqlite.upkeep.checkpointer import Checkpointer

__all__ = ["FreeSpace"]

# A step gives so many pages back: 1 MiB.
_PAGES = 128


@frozen
class FreeSpace:
    """The pages of a file that hold nothing.

    Args:
        writer: Changes the database.
        reader: Asks it.
        checkpointer: Only once it has copied what was committed does the file become smaller.
    """

    writer: Writer
    reader: Reader
    checkpointer: Checkpointer

    async def give_back(self) -> None:
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
