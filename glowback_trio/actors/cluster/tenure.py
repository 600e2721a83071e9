"""Tenure: whether this gateway holds a run or an optimization, or another one does."""

from __future__ import annotations

from enum import Enum, auto

import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.store.cluster import Cluster, FencedError, HeldElsewhereError, Lease, Named

__all__ = ["Tenure"]

# Seconds after which a store that cannot be reached is asked again.
_RETRY_S = 1.0


class _Where(Enum):
    #: Held here, but another gateway may take it out of the queue.
    QUEUED = auto()
    HERE = auto()
    ELSEWHERE = auto()
    #: This gateway is about to go on with it.
    TAKING = auto()


@define(eq=False)
class Tenure:
    """Who holds one run or optimization: alone its holder appends to its log.

    In a store that is one gateway's alone, that gateway holds everything.

    Args:
        named: The run or optimization.
        cluster: The gateways on the store; None: it is one gateway's alone.
    """

    named: Named
    _cluster: Cluster | None = None
    #: On whose account it is, as far as is known.
    owner: str = ""
    #: Who else holds it, as far as is known: for messages.
    holder: Lease | None = field(default=None, init=False)
    _where: _Where = field(default=_Where.QUEUED, init=False)
    #: Cancelled when this gateway is to hold it.
    _following: trio.CancelScope | None = field(default=None, init=False)
    _claiming: trio.Lock = field(factory=trio.Lock, init=False)
    #: Held by who reads on in the log, or reads it again.
    reading: trio.Lock = field(factory=trio.Lock, init=False)
    #: Of what is being taken: whether others may still take it, and whether it was paused.
    _queued: bool = field(default=False, init=False)
    paused: bool = field(default=False, init=False)
    _settled: trio.Event = field(factory=trio.Event, init=False)
    #: True once the bars that it needs were compared with those that are here.
    compared: bool = field(default=False, init=False)

    @property
    def shared(self) -> bool:
        """True if several gateways have the store."""
        return self._cluster is not None

    @property
    def here(self) -> bool:
        """True if this gateway alone may append to its log."""
        cluster = self._cluster
        return cluster is None or (self._where is _Where.HERE and not cluster.fenced)

    @property
    def elsewhere(self) -> bool:
        """True if others go on with it, or may do so any moment."""
        cluster = self._cluster
        return cluster is not None and (self._where is _Where.ELSEWHERE or cluster.fenced)

    @property
    def ours(self) -> bool:
        """True if this gateway goes on with it, unless another one takes it out of the queue."""
        return not (self.elsewhere or self.taking)

    @property
    def queued(self) -> bool:
        """True if another gateway may have taken it out of the queue."""
        return self._where is _Where.QUEUED and self.shared and not self.elsewhere

    def has(self, *, queued: bool) -> bool:
        """Return whether there is nothing to `take`: this gateway goes on with it already.

        Args:
            queued: True if it was taken out of the queue.
        """
        return self.here or self.taking or (queued and self.queued)

    async def claim(self) -> bool:
        """Hold it for good if nobody else does; wait for a store that cannot be reached.

        Returns:
            True if this gateway holds it.
        """
        async with self._claiming:
            while not (self.here or self.elsewhere):
                if self._where is _Where.TAKING:
                    await self._settled.wait()
                    continue
                assert self._cluster is not None, "what is neither has a cluster"
                epoch = self._cluster.epoch
                try:
                    held = await self._cluster.claim(self.named)
                except FencedError:
                    break  # the keeper of the lease lets everything go
                except StoreError:
                    await trio.sleep(_RETRY_S)
                    continue
                if self._where is _Where.QUEUED and self._cluster.epoch == epoch:
                    self._where = _Where.HERE if held else _Where.ELSEWHERE
        return self.here

    async def claim_left(self, *, paused: bool) -> None:
        """Hold what nobody holds, such as a run that is paused in the queue; see `take`.

        Raises:
            StoreError: The store cannot be reached.
        """
        if self._cluster is None or self._where is not _Where.ELSEWHERE:
            return
        epoch = self._cluster.epoch
        self.paused = paused  # an answer may be lost: see `Following.follow`
        held = await self._cluster.claim(self.named)
        if held and self.elsewhere and self._cluster.epoch == epoch:
            self.take(self.owner, paused=paused)

    def check(self, command: str) -> None:
        """Check that this gateway may change it.

        Args:
            command: What is to be done, as a participle, such as `cancelled`.

        Raises:
            HeldElsewhereError: Another gateway holds it.
        """
        if not (self.elsewhere or self.taking):
            return
        kind, name = self.named
        other = "another gateway" if self.holder is None else f"gateway {self.holder.name}"
        at = None if self.holder is None else self.holder.address
        where = "" if at is None else f" at {at}"
        raise HeldElsewhereError(
            f"The {kind} {name} cannot be {command} here: {other} computes it; ask that one{where}",
            at,
        )

    @property
    def taking(self) -> bool:
        """True if this gateway holds it and is about to go on with it."""
        return self._where is _Where.TAKING and not self.elsewhere

    def lose(self) -> None:
        """Note that others hold it from now on."""
        if self._cluster is not None:
            self._where = _Where.ELSEWHERE
            self._settled.set()

    def take(
        self, owner: str, *, queued: bool = False, paused: bool = False, compared: bool = False
    ) -> None:
        """Note that this gateway holds it from now on; who follows it goes on with it then.

        Args:
            owner: On whose account it is.
            queued: True if another one may still take it out of the queue.
            paused: True if it is paused.
            compared: True if the bars are here that it needs, or it goes on with others.
        """
        self.compared = compared
        if self._where is not _Where.TAKING:  # otherwise somebody may wait already
            self._where, self._settled = _Where.TAKING, trio.Event()
        self.owner, self.holder = owner, None
        self._queued, self.paused = queued, paused
        self.stop_following()

    def settle(self) -> None:
        """Note that this gateway goes on with it now."""
        self._where = _Where.QUEUED if self._queued else _Where.HERE
        self._settled.set()

    def following(self) -> trio.CancelScope:
        """Return a scope for following its log, which is cancelled by `take`."""
        self._following = scope = trio.CancelScope()
        if not self.elsewhere:
            scope.cancel()
        return scope

    def stop_following(self) -> None:
        """Cancel that scope."""
        if self._following is not None:
            self._following.cancel()
