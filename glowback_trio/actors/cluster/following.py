"""Following: reading on in a log that another gateway appends to, from that one or the store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, cast

import trio
from attrs import define, field, frozen

from glowback_trio.actors.broadcaster import Broadcaster
from glowback_trio.actors.cluster.lookout import Lookout, Sighting
from glowback_trio.actors.cluster.peers import LogName, PeerError, Peers
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.log_writer import LogWriter, S
from glowback_trio.errors import LogError, StoreError
from glowback_trio.model.events import Event
from glowback_trio.store import EventLog, FollowedLog
from glowback_trio.store.cluster import Lease

__all__ = ["FollowedEnd", "Following"]

_log = logging.getLogger(__name__)

_READ_AT_ONCE = 256
# Seconds for which a peer that broke off is not asked for that log again.
_AVOIDED_S = 5.0
_RETRY_S = 1.0


@frozen
class FollowedEnd(Generic[S]):
    """The reading end of what is followed.

    Attributes:
        name: The log's name.
        broadcaster: The log as its readers see it.
        writer: Folds its events, and would go on with it.
        tenure: Who holds it.
        ended: Called with the id of the terminal event.
    """

    name: LogName
    broadcaster: Broadcaster
    writer: LogWriter[S]
    tenure: Tenure
    ended: Callable[[int], object]

    @property
    def log(self) -> EventLog:
        """The log."""
        return self.broadcaster.log

    def take(self, events: Sequence[Event]) -> None:
        """Take over what the holder has told.

        Raises:
            LogError: It does not follow on what is known.
        """
        new = [event for event in events if event.event_id > self.writer.count]
        try:
            taken = 0
            for event in new:
                self.writer.take(event)
                taken += 1
        finally:
            # Another task may have read on in the store.
            told = [event for event in new[:taken] if event.event_id > self.log.watermark]
            if told:
                cast(FollowedLog, self.log).take_told(told)
            self._note_end()

    async def read_to(self, position: int) -> None:
        """Read on to what the store has, unless this gateway appends to it by now.

        Raises:
            StoreError: It cannot be read.
        """
        async with self.tenure.reading:
            if self.tenure.ours:
                return  # it knows what it has appended, and that may not be stored yet
            cast(FollowedLog, self.log).note_stored(position)
            while self.writer.count < self.log.watermark:
                events = await self.log.read(self.writer.count, _READ_AT_ONCE)
                for event in events:
                    if event.event_id == self.writer.count + 1:  # another task may have taken it
                        self.writer.take(event)
                if not events:
                    break
            self._note_end()

    def _note_end(self) -> None:
        if self.writer.ended:
            self.ended(self.writer.count)


@define(eq=False)
class Following:
    """Follows what others hold: by their streams, and by the store where they cannot be reached.

    Args:
        lookout: Says who holds it, and how far the store is.
        peers: The others; None: only the store is asked.
    """

    lookout: Lookout
    _peers: Peers | None
    #: Until when a peer is not asked for a log.
    _avoided: dict[tuple[int, LogName], float] = field(factory=dict, init=False)

    async def follow(self, end: FollowedEnd[S]) -> bool:
        """Follow a log until it has ended, is gone, or this gateway is to go on with it.

        Returns:
            False if the store does not have it any more.
        """
        with self.lookout.watching(end.name.named) as sighting:
            while not end.writer.finished:
                await sighting.wait_look()
                if sighting.gone:
                    return False
                end.tenure.holder = sighting.holder
                try:
                    if sighting.holder is not None and sighting.holder.epoch == self.lookout.epoch:
                        # The store's answer to a claim was lost.
                        await end.tenure.claim_left(paused=end.tenure.paused)
                    await end.read_to(sighting.position)
                except StoreError as error:
                    _log.info("%s cannot be read on: %s", end.name.named[1], error)
                    await trio.sleep(_RETRY_S)
                else:
                    await self._by_peer(end, sighting)
        return True

    async def catch_up(self, end: FollowedEnd[S]) -> None:
        """Read on to what the store has now.

        Raises:
            StoreError: It cannot be asked or read.
        """
        named = end.name.named
        position = (await self.lookout.positions([named])).get(named, 0)
        if not end.writer.finished:
            await end.read_to(position)

    async def _by_peer(self, end: FollowedEnd[S], sighting: Sighting) -> None:
        """Follow the stream of the holder for as long as that is good."""
        holder, peers = sighting.holder, self._peers
        if end.writer.finished or holder is None or holder.address is None or peers is None:
            return
        if self._avoids(holder, end.name):
            return
        sighting.eager = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._leave_stale, end, sighting, holder, nursery.cancel_scope)
                await self._take_told(peers, holder.address, end, holder)
                nursery.cancel_scope.cancel()
        finally:
            sighting.eager = True

    async def _take_told(
        self, peers: Peers, address: str, end: FollowedEnd[S], holder: Lease
    ) -> None:
        try:
            async with peers.follow(address, end.name, end.writer.count) as batches:
                async for batch in batches:
                    end.take(batch)
        except (PeerError, LogError) as error:
            _log.warning(
                "%s is read from the store, not from %s: %s", end.name.named[1], address, error
            )
        if not end.writer.finished:
            self._avoid(holder, end.name)

    async def _leave_stale(
        self, end: FollowedEnd[S], sighting: Sighting, holder: Lease, scope: trio.CancelScope
    ) -> None:
        """Be the task that leaves a stream which is behind the store, or no longer the holder's."""
        while True:
            known = end.writer.count
            await sighting.wait_look()
            moved = sighting.holder is None or sighting.holder.epoch != holder.epoch
            # What the store had a look ago, the stream has told by now.
            stuck = end.writer.count == known and sighting.before > known
            if moved or stuck or sighting.gone:
                if stuck and not moved:
                    self._avoid(holder, end.name)
                scope.cancel()
                return

    def _avoid(self, holder: Lease, name: LogName) -> None:
        now = trio.current_time()
        self._avoided = {key: until for key, until in self._avoided.items() if until > now}
        self._avoided[holder.epoch, name] = now + _AVOIDED_S

    def _avoids(self, holder: Lease, name: LogName) -> bool:
        return self._avoided.get((holder.epoch, name), 0.0) > trio.current_time()
