"""The optimizations of a gateway: beginning, finding, ending and forgetting them."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

import trio
from attrs import define, evolve, field

from glowback_trio.actors.changes.change_log import Sight
from glowback_trio.actors.changes.noting import Changes
from glowback_trio.actors.changes.sights import optimization_sight
from glowback_trio.actors.cluster.membership import Membership, be_task
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.event_loop import EventLoop
from glowback_trio.actors.optimizations.optimization import Optimization
from glowback_trio.actors.optimizations.shared import SharedAttempt
from glowback_trio.actors.optimizations.work import Equipment, Work
from glowback_trio.actors.runs.admission import check_names
from glowback_trio.border import Border
from glowback_trio.data.loading import raise_problems
from glowback_trio.errors import (
    GatewayClosedError,
    GlowbackError,
    InvalidRequestError,
    StoreError,
    UnknownRunError,
)
from glowback_trio.memory import Memory
from glowback_trio.model.bounds import check_type
from glowback_trio.model.optimization.errors import (
    OptimizationsFullError,
    UnknownOptimizationError,
)
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.overlay import loading_request
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.request import BacktestRequest
from glowback_trio.search.request_checks import request_problems
from glowback_trio.store.cluster import Held

__all__ = ["Optimizations"]

_log = logging.getLogger(__name__)

# Those whose statuses are computed in a row: a millisecond's work.
_LOOKED_AT_PER_TURN = 50


@define(eq=False)
class Optimizations:
    """All optimizations that are in memory, and those that the store can give back.

    Args:
        equipment: What their work needs.
        memory: The bound on what everything takes.
        clock: Gives the time, with its zone.
        new_id: Names new ones.
        nursery: Where their tasks are started.
        most: How many may not have ended.
        changes: Takes note of what becomes of them.
        membership: The gateway's part in its cluster; None: it has none.
    """

    _equipment: Equipment
    _memory: Memory
    _clock: Callable[[], datetime]
    _new_id: Callable[[], str]
    _nursery: trio.Nursery
    _most: int
    _changes: Changes
    _membership: Membership | None = None
    _loop: EventLoop = field(factory=EventLoop, init=False)
    _all: dict[str, Optimization] = field(factory=dict, init=False)
    _closed: str | None = field(default=None, init=False)

    def admit(self, optimization_id: str | None) -> None:
        """Check that one more may begin, or that one of this id may begin again.

        Raises:
            GatewayClosedError: The gateway is closing or closed.
            UnknownOptimizationError: It was deleted.
            OptimizationsFullError: As many have not ended as may.
            ResourceError: No memory is left of `max_memory`.
            StoreError: The store cannot be written at the moment.
        """
        if self._closed is not None:
            raise GatewayClosedError(f"No new optimizations are accepted: {self._closed}")
        self._loop.check("gateway.optimize")
        if optimization_id is not None and optimization_id not in self._all:
            raise UnknownOptimizationError(optimization_id)
        if sum(each.needs_task for each in self._all.values()) >= self._most:
            raise OptimizationsFullError(self._most)
        self._memory.check()
        if not self._equipment.store.writable:
            raise StoreError(
                "No new optimizations are accepted: the store cannot be written at the moment"
            )

    def optimize(
        self,
        request: OptimizationRequest,
        key: str | None,
        account: str,
        *,
        checked: bool,
        fingerprint: str | None = None,
    ) -> Optimization:
        """Queue one; see `Gateway.optimize`."""
        if self._closed is None:  # that it is closed says more
            self._loop.check("gateway.optimize")
        check_type("request", request, OptimizationRequest)
        check_names(key, account)
        if not checked:
            self._check(request)
        self.admit(None)
        store = self._equipment.store
        if not checked and self._membership is not None:
            fingerprint = self._membership.bars.fingerprint(_loading(request))
        made = Optimization.queued(
            self._new_id(),
            request,
            store,
            self._clock,
            owner=self,
            key=key,
            account=account,
            fingerprint=fingerprint,
        )
        self._all[made.optimization_id] = made
        self.start(made, account)
        return made

    def _check(self, request: OptimizationRequest) -> None:
        source = self._equipment.source
        raise_problems(request_problems(request, source_problems=source.problems))

    def start(self, optimization: Optimization, owner: str) -> None:
        """Start the task of the newest attempt."""
        # The slot is requested here: started tasks begin in no particular order.
        attempt, name = optimization.attempt(), optimization.optimization_id
        attempt.tenure.owner = owner
        works = [self._employ(optimization)] if attempt.tenure.ours else []
        self._changes.follow(("optimization", name), optimization.broadcaster)
        self._nursery.start_soon(self._be_task, optimization, works, name=name)

    def _employ(self, optimization: Optimization) -> Work:
        """Request the slot of one that this gateway is to carry out, and return its work."""
        request, slots = optimization.request, self._equipment.slots
        owner = optimization.attempt().tenure.owner
        turn = slots.request(owner, request.priority, optimization.optimization_id)
        return optimization.employ(
            lambda attempt, earlier, pacer: Work(
                request, attempt, earlier, self._equipment, pacer, turn
            )
        )

    async def _be_task(self, optimization: Optimization, works: list[Work]) -> None:
        """Be the task of an attempt, whoever carries it out.

        Args:
            optimization: The optimization.
            works: The work that was made for it already, if any.
        """

        async def work() -> None:
            await self._carry_out(
                optimization, works.pop() if works else self._employ(optimization)
            )

        shared = SharedAttempt(optimization, optimization.attempt())
        await be_task(shared, work, self._membership, self._is_closed)
        name = optimization.optimization_id
        if not shared.needs_task:
            self._retire(optimization)
        elif self._lacks(optimization):
            del self._all[name]

    def _lacks(self, optimization: Optimization) -> bool:
        """Return whether one whose task is over is not in the store that it shares."""
        gone = self._membership is not None and not self._is_closed()
        return gone and self._all.get(optimization.optimization_id) is optimization

    def _is_closed(self) -> bool:
        return self._closed is not None

    async def _carry_out(self, optimization: Optimization, work: Work) -> None:
        """Carry an attempt out, and give back what it holds when it has ended."""
        attempt = optimization.attempt()
        with Border(attempt.course.fail):
            try:
                with Border(attempt.course.fail):
                    await work.carry_out()
            finally:
                if not optimization.needs_task:
                    self._retire(optimization)
            if attempt.needs_task and attempt.tenure.ours and not attempt.survives:
                await attempt.course.end_late(self._is_closed)
                self._retire(optimization)

    def _retire(self, optimization: Optimization) -> None:
        if optimization.optimization_id in self._all:
            for evicted in self._equipment.store.optimizations.retire(optimization.optimization_id):
                self._all.pop(evicted, None)
                if self._equipment.store.durability == "memory":
                    self._changes.delete(("optimization", evicted))

    async def sight(self, optimization_id: str) -> Sight | None:
        """Return how one stands; None if it is gone, or not durable yet."""
        if (found := self._all.get(optimization_id)) is None:
            try:
                found = await self._restored(optimization_id)
            except UnknownRunError:  # another gateway has deleted it
                self._changes.delete(("optimization", optimization_id))
                return None
        if found.broadcaster.log.watermark == 0:
            return None
        return optimization_sight(found.status)

    def get(self, optimization_id: str) -> Optimization:
        """Return one that is in memory.

        Raises:
            UnknownOptimizationError: There is none of this id.
        """
        try:
            return self._all[optimization_id]
        except KeyError:
            raise UnknownOptimizationError(optimization_id) from None

    def holds(self, optimization_id: str) -> bool:
        """Return whether `get` finds one."""
        return optimization_id in self._all

    async def load(self, optimization_id: str) -> Optimization:
        """Return one, wherever the store has it.

        Raises:
            UnknownOptimizationError: There is none of this id.
            StoreError: The store cannot be read.
        """
        self._loop.check("gateway.load_optimization")
        await trio.lowlevel.checkpoint()
        if (found := self._all.get(optimization_id)) is None:
            restored = await self._restored(optimization_id)
            # Another task may have loaded it meanwhile.
            found = self._all.setdefault(optimization_id, restored)
            if found is restored:
                self._take_up(found)
        if not found.needs_task:
            self._retire(found)
        return found

    async def _restored(self, optimization_id: str) -> Optimization:
        try:
            return await Optimization.restored(
                optimization_id, self._equipment.store, self._clock, self
            )
        except InvalidRequestError as error:
            _log.error("Optimization %s cannot be restored: %s", optimization_id, error)
            raise UnknownOptimizationError(optimization_id) from error

    def _take_up(self, optimization: Optimization) -> None:
        if self._membership is None:
            optimization.settle()
        else:
            optimization.attempt().course.lose()
        if optimization.needs_task and self._closed is None:
            self.start(optimization, "")

    async def lacks(self, held: Held) -> bool:
        """Return whether one with the same bars should go on with one: see `Taker`."""
        found = self._all.get(held.named[1]) or await self._restored(held.named[1])
        membership, request = self._membership, found.request
        if membership is None or not found.survives:
            return False
        return await membership.bars.lacks(held, _loading(request))

    async def take_over(self, held: Held, *, queued: bool) -> bool:
        """Go on with one that this gateway holds now: see `Taker`."""
        name, restored = held.named[1], None
        if (found := self._all.get(name)) is None:
            restored = await self._restored(name)
            found = self._all.setdefault(name, restored)
        course = found.attempt().course
        if found is not restored and course.tenure.has(queued=queued):
            return True
        if course.tenure.ours:
            course.lose()  # its task goes on with it
        course.tenure.take(held.owner, queued=queued, paused=held.paused)
        if found is restored:
            self.start(found, held.owner)
        return True

    def tenures(self) -> Collection[Tenure]:
        """Return the tenures of those that have not ended."""
        return [each.attempt().tenure for each in self._all.values() if not each.finished]

    def lose(self, name: str) -> None:
        """Let go of one, which another gateway has taken."""
        found = self._all.get(name)
        if found is not None and found.attempt().tenure.queued:
            found.attempt().course.lose()

    def lose_all(self) -> None:
        """Let go of those that this gateway holds: others take them over."""
        for each in tuple(self._all.values()):
            if each.finished:
                continue
            each.attempt().course.lose()
            if each.broadcaster.log.watermark == 0:  # it was never stored
                del self._all[each.optimization_id]
                self._changes.delete(("optimization", each.optimization_id))

    def note_changed(self, name: str) -> None:
        """Take note that another gateway has changed one."""
        found = self._all.get(name)
        if found is not None and found.finished and not found.broadcaster.subscribers:
            del self._all[name]  # it is read again when it is asked for
        if found is None or found.finished:
            self._changes.touch(("optimization", name))

    async def restore(self) -> None:
        """Reopen those that a gateway has to hold, oldest first; start what has not ended."""
        for optimization_id in await self._equipment.store.optimizations.resident_ids():
            try:
                self._all[optimization_id] = await self._restored(optimization_id)
            except GlowbackError as error:  # the others must not be lost with it
                _log.error("Optimization %s cannot be restored: %s", optimization_id, error)
        for each in tuple(self._all.values()):
            self._take_up(each)
            if not each.needs_task:
                self._retire(each)

    def all(self) -> Sequence[Optimization]:
        """Return those that are in memory, newest first."""
        return list(reversed(self._all.values()))

    async def statuses(self, before: str | None, limit: int) -> Sequence[OptimizationStatus]:
        """Return statuses of all, newest first; see `Gateway.optimization_statuses`."""
        self._loop.check("gateway.optimization_statuses")
        await trio.lowlevel.checkpoint()
        kept = await self._equipment.store.optimizations.statuses(before, limit)
        if kept is not None:
            return [self._current(status) for status in kept]
        every = self.all()
        if before is not None:
            every = every[every.index(self.get(before)) + 1 :]
        found: list[OptimizationStatus] = []
        for each in every[:limit]:
            found.append(each.status)
            if len(found) % _LOOKED_AT_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        return found

    def _current(self, status: OptimizationStatus) -> OptimizationStatus:
        """Return a stored status with what no log says."""
        if (live := self._all.get(status.optimization_id)) is None:
            return evolve(status, paused=False)
        now = live.status
        return evolve(status, paused=now.paused, trials_running=now.trials_running)

    async def find_key(self, key: str, max_age_s: float = math.inf) -> Optimization | None:
        """Return the one that was begun with this key; see `Gateway.find_optimization_key`."""
        self._loop.check("gateway.find_optimization_key")
        optimization_id = await self._equipment.store.optimizations.find_key(key)
        if optimization_id is None:
            return None
        try:
            found = await self.load(optimization_id)
        except UnknownRunError:  # deleted meanwhile
            return None
        age = self._clock() - found.status.created_at
        return found if age.total_seconds() <= max_age_s else None

    def delete(self, optimization_id: str) -> None:
        """Forget one; see `Gateway.delete_optimization`."""
        self._loop.check("gateway.delete_optimization")
        # It still ends, and its readers see how; it only cannot be found any more.
        self.get(optimization_id).cancel("deleted")
        self.drop(optimization_id)

    def drop(self, optimization_id: str) -> None:
        """Forget one that has ended or is about to."""
        self._all.pop(optimization_id, None)
        self._equipment.store.optimizations.forget(optimization_id)
        self._changes.delete(("optimization", optimization_id))

    def close(self, reason: str) -> None:
        """Accept no new ones, and stop those that have not ended. Idempotent."""
        self._closed = self._closed or reason
        for each in self._all.values():
            each.close(reason)


def _loading(request: OptimizationRequest) -> BacktestRequest:
    """Return the request for the bars of all trials."""
    return loading_request(request.base_backtest, request.search_space)
