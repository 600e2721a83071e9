"""A reader of changes: a cursor into them, woken by a bell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from types import TracebackType
from typing import Self

import trio
from attrs import define

from glowback_trio.actors.changes.change_log import ChangeLog
from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.errors import GatewayClosedError
from glowback_trio.model.short_repr import describe
from glowback_trio.wire.changes import Change, ChangeType

__all__ = ["ChangeSubscription"]

_READ_AT_ONCE = 256


@define(eq=False, repr=False)
class ChangeSubscription:
    """One reader's place in the changes of a gateway. Made by `Gateway.changes`.

    Iterating gives a `reset` first, unless the reader knows where it goes on, and then whatever
    changes, without end. After a `reset` a reader asks for the lists. Of what has changed several
    times since the last read it gives the newest state. It raises `GatewayClosedError` once the
    gateway closes.
    """

    _log: ChangeLog
    _loop: EventLoop
    _types: Collection[ChangeType] | None
    #: The revision up to which everything has been handed over; -1: a `reset` comes first.
    cursor: int

    def __repr__(self) -> str:
        return describe(self, f"after {self.cursor}")

    @property
    def epoch(self) -> str:
        """The epoch of the gateway, which a reader gives back together with its cursor."""
        return self._log.epoch

    def read_nowait(self, limit: int = _READ_AT_ONCE) -> Sequence[Change]:
        """Take what has changed: at most `limit` changes, perhaps none."""
        found, self.cursor = self._log.read(self.cursor, limit, self._types)
        return found

    async def read(self, limit: int = _READ_AT_ONCE) -> Sequence[Change]:
        """Wait until something has changed, then take it.

        Raises:
            GatewayClosedError: The gateway has closed.
        """
        self._loop.check("changes.read")
        await trio.lowlevel.checkpoint()
        while not (found := self.read_nowait(limit)):
            if self._log.closed:
                raise GatewayClosedError("The gateway was closed: nothing changes any more")
            await self._log.bell.wait()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Do nothing: a reader holds nothing."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        return (await self.read(limit=1))[0]
