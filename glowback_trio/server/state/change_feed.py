"""The changes of the gateway as messages, shared by all streams of the same form."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from weakref import WeakValueDictionary

from attrs import define, field

from glowback_trio.actors import ChangeLog
from glowback_trio.server.state.feeds import heartbeat, messages
from glowback_trio.wire.changes import ChangeType

__all__ = ["ChangeFeed", "ChangeFeeds"]

# Some 150 kB.
_READ_AT_ONCE = 256


@define(eq=False)
class ChangeFeed:
    """The changes of a gateway, filtered and batched in one way, for every stream of that form.

    Attributes:
        log: The changes.
        types: Only changes of these types, and a `reset`; None: all.
        batch: Most changes in one message, which is an array then; None: single changes.
        quiet: Seconds without a change after which a heartbeat is sent; inf: never.
        max_message_bytes: Most bytes in one array, unless a single change takes more.
    """

    log: ChangeLog
    types: Collection[ChangeType] | None = None
    batch: int | None = None
    quiet: float = math.inf
    max_message_bytes: float = math.inf

    def read(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Return messages of the changes after a cursor, and the cursor after them."""
        changes, after = self.log.read(cursor, _READ_AT_ONCE, self.types)
        return messages(changes, self.batch, self.max_message_bytes), after

    def needs_load(self, _cursor: int) -> bool:
        """Return False: all changes are in memory."""
        return False

    async def load(self, cursor: int) -> tuple[Sequence[bytes], int]:
        """Return what `read` does."""
        return self.read(cursor)

    def ended(self, _cursor: int) -> bool:
        """Return False: changes have no end."""
        return False

    def heartbeat(self, cursor: int) -> bytes:
        """Return the heartbeat message for a cursor."""
        return heartbeat(max(cursor, 0))

    def watch(self, ring: Callable[[], None]) -> Callable[[], None]:
        """Call `ring` whenever something has changed, until the returned function is called."""
        return self.log.bell.watch(ring)


@define(eq=False)
class ChangeFeeds:
    """The feeds of changes in use; a feed is dropped with its last stream.

    Attributes:
        log: The changes.
        max_message_bytes: Most bytes in one array of changes.
    """

    log: ChangeLog
    max_message_bytes: float
    #: The gateway ends without an end of its changes: streams of them are closed by the server.
    survives: bool = field(default=True, init=False)
    _shared: WeakValueDictionary[tuple[object, ...], ChangeFeed] = field(
        factory=WeakValueDictionary, init=False
    )

    def of(
        self, types: Collection[ChangeType] | None, batch: int | None, quiet: float = math.inf
    ) -> ChangeFeed:
        """Return the feed of one form."""
        wanted = None if types is None else frozenset(types)
        key = (wanted, batch, quiet)
        feed = self._shared.get(key)
        if feed is None:
            feed = ChangeFeed(self.log, wanted, batch, quiet, self.max_message_bytes)
            self._shared[key] = feed
        return feed
