"""A gateway's part in a cluster: its lease, what it holds, and what it hears of the others."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from attrs import define, field

from glowback_trio.store.cluster import NOTHING, Held, Lease, LeftOut, Named
from glowback_trio.store.durable.statement import Statement
from glowback_trio.store.postgres.cluster import claims, leases
from glowback_trio.store.postgres.cluster.asking import Asking, AsksAsMember
from glowback_trio.store.postgres.cluster.kinds import KINDS
from glowback_trio.store.postgres.cluster.news import CallInThread, Connect, News
from glowback_trio.store.postgres.cluster.shared import PostgresShared
from glowback_trio.store.postgres.cutting import Watch
from glowback_trio.version import VERSION

__all__ = ["Hooks", "PostgresCluster"]


class Hooks(Protocol):
    """What a cluster needs of the store that it belongs to."""

    def add(self, *statements: Statement) -> None:
        """Hand statements over, for the next commit."""

    async def flush(self) -> None:
        """Wait until what was handed over is written."""

    async def drop_pending(self) -> None:
        """Forget what was handed over and is not written; no commit is under way afterwards."""

    def begin_holding(self, named: Named, event_count: int) -> None:
        """Let the log of something that is held now take events after so many."""


@define(eq=False)
class PostgresCluster:
    """The cluster of the gateways over one database, as one of them sees it.

    Args:
        ask: Asks the database.
        hooks: What it needs of the store.
        connect: Opens a connection of its own, for hints. It blocks.
        call: Carries out what blocks.
        watch: Ends waits for hints.
    """

    _ask: Asking = field(alias="ask")
    _hooks: Hooks
    _connect: Connect
    _call: CallInThread
    _watch: Watch
    #: Hints to the others and from them; its tasks are the store's.
    news: News = field(init=False)
    #: What the gateways share besides runs.
    shared: PostgresShared = field(init=False)
    _asking: AsksAsMember = field(init=False)
    _address: str | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        asking = self._asking = AsksAsMember(self._ask)
        self.news = News(self._connect, self._call, self._watch, lambda: asking.epoch)
        self.shared = PostgresShared(asking)

    @property
    def epoch(self) -> int:
        """The number of this gateway's lease; 0 before the first one."""
        return self._asking.epoch

    @property
    def fenced(self) -> bool:
        """True from the moment that this gateway learns that its lease was fenced, to `rejoin`."""
        return self._asking.fence.is_set()

    async def wait_fenced(self) -> None:
        """Wait until `fenced` is true."""
        await self._asking.fence.wait()

    def note_fenced(self, epoch: int) -> None:
        """Note that the database has refused something because a lease was fenced."""
        self._asking.note_fenced(epoch)

    def advertise(self, address: str | None) -> None:
        """Let the others know, with the next renewal, where this gateway is reached."""
        self._address = address

    def note_origin(self, named: Named, owner: str, fingerprint: str | None) -> None:
        """Keep of something that was opened just now whose it is and which bars it needs."""
        kind, identity = KINDS[named[0]], named[1]
        sql = f"UPDATE {kind.table} SET owner = %s, fingerprint = %s WHERE {kind.id} = %s"
        self._hooks.add(Statement(sql, (owner, fingerprint, identity)))

    async def join(self) -> int:
        """Begin a lease, and return its epoch.

        Raises:
            StoreError: The database cannot be reached.
        """
        name = f"process {os.getpid()} on {socket.gethostname()}"
        self._asking.begin(await self._ask(leases.join, name, self._address, VERSION))
        return self.epoch

    async def leave(self) -> None:
        """End the lease, so that others take over at once what this gateway holds.

        Raises:
            StoreError: The database cannot be reached; they find an expired lease then.
        """
        await self._ask(leases.leave, self.epoch)

    async def renew(self) -> bool:
        """Renew the lease; False if it was fenced.

        Raises:
            StoreError: The database cannot be reached.
        """
        epoch = self.epoch
        renewed: bool = await self._ask(leases.renew, epoch, self._address)
        if not renewed:
            self.note_fenced(epoch)
        return renewed

    async def rejoin(self) -> int:
        """Join with a new lease after a fence; return its epoch.

        Raises:
            StoreError: The database cannot be reached.
        """
        self._asking.fence.set()  # whoever is fenced finds it so until there is a new lease
        await self._hooks.drop_pending()
        return await self.join()

    async def leases(self) -> Sequence[Lease]:
        """Return the leases that are not fenced, oldest first, this gateway's included."""
        found: Sequence[Lease] = await self._ask(leases.find_leases)
        self.news.listeners = len(found)
        return found

    async def fence(self, epochs: Collection[int]) -> Sequence[Held]:
        """Fence leases that have expired; return what they held and has not ended."""
        others = [epoch for epoch in epochs if epoch != self.epoch]
        held: Sequence[Held] = await self._asking.ask_as_member(leases.fence, others)
        self.news.tell([each.named for each in held])
        return held

    async def holders(self, named: Collection[Named]) -> Mapping[Named, Lease | None]:
        """Return who holds these; None: nobody. What has ended or is not there is left out."""
        found: Mapping[Named, Lease | None] = await self._ask(claims.find_holders, named)
        return found

    async def claim(self, named: Named) -> bool:
        """Hold something from now on; True if this gateway does, and it has not ended."""
        await self._hooks.flush()
        count: int | None = await self._asking.ask_as_member(claims.claim, named)
        if count is None:
            return False
        self._hooks.begin_holding(named, count)
        self.news.tell([named])
        return True

    async def claim_queued(self, most: int, left_out: LeftOut = NOTHING) -> Sequence[Held]:
        """Hold queued runs that nobody holds, or that others hold and have not begun."""
        held: Sequence[Held] = await self._asking.ask_as_member(claims.claim_queued, most, left_out)
        self.news.tell([each.named for each in held])
        return held

    async def queued(self, left_out: LeftOut) -> Sequence[Held]:
        """Return what `claim_queued` leaves out of the queue, whoever holds it, oldest first."""
        found: Sequence[Held] = await self._ask(claims.find_queued, left_out)
        return found

    async def origin(self, named: Named) -> Held | None:
        """Return what was kept of the origin of something; None if it is not there."""
        found: Held | None = await self._ask(claims.find_origin, named)
        return found

    async def release(self, named: Collection[Named]) -> None:
        """Hold these no longer, once what was handed over of them is written."""
        await self._hooks.flush()
        await self._asking.ask_as_member(claims.release, named)
        self.news.tell(named)

    async def free(self) -> Sequence[Held]:
        """Return what nobody holds and has not ended, oldest first; queued runs are left out."""
        found: Sequence[Held] = await self._ask(claims.find_free)
        return found

    async def positions(self, named: Collection[Named]) -> Mapping[Named, int]:
        """Return how many events the newest logs of these have."""
        found: Mapping[Named, int] = await self._ask(claims.find_positions, named)
        return found

    async def changed(self, since: datetime | None) -> tuple[Sequence[Named], datetime]:
        """Return what others have changed, and the time to ask since the next time."""
        found: tuple[Sequence[Named], datetime] = await self._ask(
            claims.find_changed, self.epoch, since
        )
        return found

    async def wait_news(self) -> Collection[Named]:
        """Wait for a hint that others have changed these. Hints may be lost, never made up."""
        return await self.news.wait()
