"""How a cluster asks its database, and what only a gateway may ask whose lease is not fenced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import trio
from attrs import define, field

from glowback_trio.store.cluster import FencedError
from glowback_trio.store.postgres.cluster.leases import fenced_error

__all__ = ["Asking", "AsksAsMember"]


class Asking(Protocol):
    """Has a function called in a thread, with a connection in autocommit mode before its arguments.

    What the database reports is raised as `StoreError`.
    """

    async def __call__(self, function: Callable[..., Any], /, *args: Any) -> Any:
        """Return what the function returns."""


@define(eq=False)
class AsksAsMember:
    """Asks a database, as a gateway that has a lease.

    Attributes:
        ask: Asks what anybody may.
        epoch: The epoch of the lease; 0 before the first one.
        fence: Set once the gateway knows that its lease was fenced.
    """

    ask: Asking
    epoch: int = field(default=0, init=False)
    fence: trio.Event = field(factory=trio.Event, init=False)

    def begin(self, epoch: int) -> None:
        """Begin with a new lease."""
        self.epoch, self.fence = epoch, trio.Event()

    def note_fenced(self, epoch: int) -> None:
        """Note that a lease was fenced; an earlier one than that of now says nothing."""
        if epoch == self.epoch:
            self.fence.set()

    async def ask_as_member(self, function: Callable[..., Any], *args: Any) -> Any:
        """Ask with the epoch before the arguments.

        Raises:
            FencedError: The lease is fenced.
        """
        epoch = self.epoch
        if self.fence.is_set():
            raise fenced_error(epoch)
        try:
            return await self.ask(function, epoch, *args)
        except FencedError:
            self.note_fenced(epoch)
            raise
