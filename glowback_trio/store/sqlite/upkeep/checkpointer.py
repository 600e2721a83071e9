"""The checkpointer: copies what was committed from the write-ahead log into the file.

SQLite by itself does so within a commit, which then takes as long as the disk needs for megabytes.
Here a task with a connection of its own does it, next to the commits.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

import apsw
import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.durable.statement import CallInThread
from glowback_trio.store.sqlite.database import failures_of

__all__ = ["Checkpointer"]

_log = logging.getLogger(__name__)

# Pages of 4 KB in the log: 32 MB. The first commit of a log that begins anew waits for the disk, so
# that should be rare.
_PAGES = 8192
# Shortening the log waits no longer for readers: commits wait for it.
_BUSY_MS = 50


@define(eq=False)
class Checkpointer:
    """Copies, whenever the log beside the file has become long.

    Args:
        path: The database's file.
        connection: A connection to it that nothing else uses.
        call: Carries out what blocks.
    """

    path: Path
    connection: apsw.Connection
    call: CallInThread
    _bell: trio.Event = field(factory=trio.Event, init=False)
    _shorten: bool = field(default=False, init=False)

    def note(self, pages: int) -> None:
        """Note how many pages the log has after a commit."""
        if pages >= _PAGES:
            self._bell.set()

    def shorten_soon(self) -> None:
        """Copy however little was committed, and make the file and the log as short as they can be.

        While somebody reads or writes, the log stays as it is; it begins anew at some later copy.
        """
        self._shorten = True
        self._bell.set()

    async def copy_for_ever(self) -> None:
        """Be the checkpointer's task."""
        while True:
            await self._bell.wait()
            try:
                await self.call(self._copy)
            except StoreError as error:
                # Nothing is lost: the log beside the file has it, and the next time may succeed.
                _log.warning("The log beside the file grows: %s", error)
            # A commit may have rung meanwhile, of which all or a part is copied already.
            self._bell = trio.Event()

    def _copy(self) -> None:
        with failures_of(self.path):
            self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            if self._shorten:
                self._shorten = False
                self.connection.set_busy_timeout(_BUSY_MS)
                # Commits wait meanwhile, but little is left to copy.
                with suppress(apsw.BusyError):
                    self.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
