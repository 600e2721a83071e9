"""Membership: all that a gateway does in a cluster beside its own work."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Protocol

import trio
from attrs import define, field

from glowback_trio.actors.cluster.bars import Bars
from glowback_trio.actors.cluster.following import FollowedEnd, Following
from glowback_trio.actors.cluster.lease import LeaseKeeper
from glowback_trio.actors.cluster.lookout import Lookout
from glowback_trio.actors.cluster.peers import Peers
from glowback_trio.actors.cluster.taking_over import Claimer, Finder, Slots, Taker
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.border import Border, log_fault, restarted
from glowback_trio.errors import StoreError
from glowback_trio.nursery import open_bare_nursery
from glowback_trio.store.cluster import Cluster, Lease, Named

__all__ = ["Followed", "Membership", "Shared", "be_task"]

_log = logging.getLogger(__name__)

# Seconds between two looks at what others have changed, and between a failure and the next try.
_NEWS_S = 2.0
_RETRY_S = 1.0
# Seconds that giving back may take when the gateway closes; the lease expires soon anyway.
_RELEASE_S = 2.0
_FAULT = "News of other gateways are late; it is tried again"
_FOLLOWING_FAULT = "Following what another gateway computes has failed; it begins again"


class Followed(Protocol):
    """A run or an attempt that another gateway may hold."""

    @property
    def tenure(self) -> Tenure:
        """Who holds it."""

    @property
    def followed(self) -> FollowedEnd[Any]:
        """Its log, for following it."""

    @property
    def needs_task(self) -> bool:
        """True if it has not ended."""


class Shared(Followed, Protocol):
    """A run or an attempt, which this gateway computes, or follows, in a task."""

    @property
    def finished(self) -> bool:
        """True if its end is durable."""

    async def go_back(self) -> None:
        """Go back to what is durable of the log."""

    def go_on(self, *, paused: bool) -> None:
        """Go on with what another gateway has left."""

    async def note_end(self) -> None:
        """Take note of what came with an end that another gateway has written."""

    def leave(self) -> None:
        """Tell the readers that this gateway adds nothing more."""


@define(eq=False)
class Membership:
    """A gateway's part in its cluster.

    Args:
        cluster: The gateways on the store.
        peers: The others; None: what they tell is read from the store alone.
        slots: The slots of this gateway.
        bars: Compares bars that others need with those that are here.
    """

    cluster: Cluster
    _peers: Peers | None
    _slots: Slots
    bars: Bars
    following: Following = field(init=False)
    _takers: Mapping[str, Taker] = field(factory=dict, init=False)
    _keeper: LeaseKeeper = field(init=False)
    _nursery: trio.Nursery = field(init=False)
    #: Cancelled when the gateway closes: it takes nothing more.
    _taking: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _claimer: Claimer | None = field(default=None, init=False)
    _news: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.following = Following(Lookout(self.cluster), self._peers)
        self._keeper = LeaseKeeper(self.cluster, self._lose_all)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Be a member for the length of a block, and give back what is left at its end."""
        async with open_bare_nursery() as nursery:
            self._nursery = nursery
            nursery.start_soon(self._keeper.keep_for_ever)
            nursery.start_soon(self.following.lookout.look_for_ever)
            try:
                yield
            finally:
                self.close()
                with trio.move_on_after(_RELEASE_S, shield=True):
                    await self._release()
                nursery.cancel_scope.cancel()

    def take_part(self, takers: Mapping[str, Taker]) -> None:
        """Take over from now on what others leave, and what they queue.

        Args:
            takers: What goes on with it, by kind.
        """
        self._takers = takers
        self._claimer = Claimer.of(self.cluster, takers, self._slots, self.bars)
        finder = Finder.of(self.cluster, takers, self.bars)
        tasks = (
            finder.find_for_ever,
            self._claimer.claim_for_ever,
            self.bars.count_for_ever,
            self._hear,
            self._ask,
        )
        self._nursery.start_soon(self._take, tasks)

    async def _take(self, tasks: Sequence[Callable[[], Awaitable[object]]]) -> None:
        with self._taking:
            async with trio.open_nursery() as nursery:
                for task in tasks:
                    nursery.start_soon(task)

    def close(self) -> None:
        """Take nothing more: the gateway closes."""
        self._taking.cancel()

    @property
    def lease_seconds_left(self) -> float:
        """Seconds that the lease lives at least unless it is renewed; 0 or less: it may be over."""
        return self._keeper.seconds_left

    async def holder_of(self, named: Named) -> Lease | None:
        """Return which other gateway holds a run or an optimization.

        Returns:
            None if this gateway does, or nobody: it has ended, it is not there, or its gateway has
            died and it will soon be taken over.

        Raises:
            StoreError: The store cannot be asked.
        """
        holder = (await self.cluster.holders([named])).get(named)
        return None if holder is None or holder.epoch == self.cluster.epoch else holder

    async def catch_up(self, shared: Followed) -> None:
        """Read on to what the store has of what another gateway computes; otherwise do nothing.

        Raises:
            StoreError: The store cannot be asked.
        """
        if shared.tenure.elsewhere and shared.needs_task:
            await self.following.catch_up(shared.followed)

    def note_changed(self, named: Named) -> None:
        """Take note that another gateway has changed something, before its news arrive."""
        kind, name = named
        self._takers[kind].note_changed(name)

    def _lose_all(self) -> None:
        for taker in self._takers.values():
            taker.lose_all()

    async def _release(self) -> None:
        """Give back what was not carried to its end, so that others begin it at once."""
        if not (left := [each.named for each in self._tenures() if not each.elsewhere]):
            return
        with suppress(StoreError):  # the lease expires soon
            await self.cluster.release(left)

    async def _hear(self) -> None:
        await restarted(self._hear_again, log_fault(_FAULT))

    async def _hear_again(self) -> None:
        while True:
            named = await self.cluster.wait_news()
            self.following.lookout.hint(named)
            if self._claimer is not None:
                self._claimer.hint()
            self._news.set()

    async def _ask(self) -> None:
        await restarted(self._ask_again, log_fault(_FAULT))

    async def _ask_again(self) -> None:
        since = None
        while True:
            with suppress(StoreError):  # the keeper of the lease says so
                changed, since = await self.cluster.changed(since)
                for kind, name in changed:
                    self._takers[kind].note_changed(name)
                await self._lose_taken()
            await trio.sleep(_LEAST_S)
            with trio.move_on_after(_NEWS_S):
                await self._news.wait()
            self._news = trio.Event()

    async def _lose_taken(self) -> None:
        """Let go of what others have taken out of the queue: it is followed from now on."""
        if not (queued := {each.named for each in self._tenures() if each.queued}):
            return
        epoch = self.cluster.epoch
        holders = await self.cluster.holders(queued)
        taken = {
            named
            for named, holder in holders.items()
            if holder is not None and holder.epoch != epoch
        }
        if others := queued - holders.keys():
            # What is stored and held by nobody has ended meanwhile, where it was taken to.
            stored = set(await self.cluster.positions(others))
            taken |= stored - (await self.cluster.holders(stored)).keys()
        if self.cluster.epoch == epoch:
            for kind, name in taken:
                self._takers[kind].lose(name)

    def _tenures(self) -> Sequence[Tenure]:
        return [each for taker in self._takers.values() for each in taker.tenures()]

    async def follow(self, shared: Shared) -> bool:
        """Follow what another gateway holds, until it has ended or this one goes on with it.

        Returns:
            False if it is to be found nowhere.
        """
        found = True
        with shared.tenure.following():
            await self._keeper.wait_joined()
            await self._go_back(shared)
            found = await self.following.follow(shared.followed)
        if shared.finished:
            await shared.note_end()
        return found or shared.tenure.taking

    async def go_on(self, shared: Shared) -> None:
        """Go on where the log stands."""
        await self._go_back(shared, all_stored=True)
        if not shared.tenure.taking:
            return
        shared.tenure.settle()
        if shared.tenure.queued and shared.followed.writer.count > 1:
            shared.tenure.lose()  # another gateway has taken it out of the queue, and begun it
        else:
            shared.go_on(paused=shared.tenure.paused)

    async def _go_back(self, shared: Shared, *, all_stored: bool = False) -> None:
        """Know of a log what is stored, and nothing else, as soon as that can be read."""
        while True:
            try:
                await shared.go_back()
                if all_stored:
                    await self.following.catch_up(shared.followed)
                    await shared.go_back()  # to know all that was read
            except StoreError as error:
                _log.info("%s cannot be read now: %s", shared.tenure.named[1], error)
                await trio.sleep(_RETRY_S)
            else:
                return


# Seconds between two looks at what others have changed at least.
_LEAST_S = 0.2


async def be_task(
    shared: Shared,
    work: Callable[[], Any],
    membership: Membership | None,
    closed: Callable[[], bool],
) -> None:
    """Be the task of a run or an attempt: do its work, or follow who does.

    Args:
        shared: The run or attempt.
        work: Carries it out.
        membership: The gateway's part in its cluster; None: it has none.
        closed: Returns whether the gateway is closing.
    """
    if membership is None:
        await work()
        return
    try:
        found = True
        while found:
            if shared.tenure.taking:
                await restarted(partial(membership.go_on, shared), log_fault(_FOLLOWING_FAULT))
            if shared.needs_task and shared.tenure.ours:
                await work()
            await _wait_durable(shared, closed)
            if shared.finished or closed() or shared.tenure.ours:
                break
            if shared.tenure.taking:
                continue
            with Border(log_fault(_FOLLOWING_FAULT)):
                found = await membership.follow(shared)
                continue
            await trio.sleep(_RETRY_S)
    finally:
        if not shared.finished:
            shared.leave()


async def _wait_durable(shared: Shared, closed: Callable[[], bool]) -> None:
    """Wait until an end that was written is durable, or will never be."""
    broadcaster = shared.followed.broadcaster
    while not (shared.needs_task or shared.finished or shared.tenure.elsewhere or closed()):
        await broadcaster.wait_ring()
