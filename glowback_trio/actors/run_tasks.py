"""The runs of a gateway in memory: their tasks, their statuses, when they come and leave."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

import trio
from attrs import define, evolve

from glowback_trio.actors.changes.change_log import Sight
from glowback_trio.actors.changes.noting import Changes
from glowback_trio.actors.changes.sights import run_sight
from glowback_trio.actors.cluster.membership import Membership, be_task
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.optimizations.ledger import Ledger
from glowback_trio.actors.run import Run
from glowback_trio.actors.run_slots import RunSlots, SlotTurn
from glowback_trio.border import Border
from glowback_trio.compute import BacktestJob, Compute
from glowback_trio.data import Source
from glowback_trio.errors import InvalidRequestError, UnknownRunError
from glowback_trio.memory import Holding, Memory
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store import RunFilter, Store
from glowback_trio.store.cluster import Held

__all__ = ["RunTasks"]

_log = logging.getLogger(__name__)

# Runs whose statuses are computed in a row: a millisecond's work.
_LOOKED_AT_PER_TURN = 100


@define(eq=False)
class RunTasks:
    """Starts runs, loads those of the store, and lets those leave memory that have ended.

    Args:
        source: Where bars come from.
        store: Where the runs are kept.
        compute: Where they are computed.
        memory: The bound on what everything takes.
        slots: Their slots.
        ledger: Where those are entered that complete.
        nursery: Where the tasks are started.
        runs: The runs in memory, by id.
        max_log_bytes: Bytes of memory that the events of one may take.
        max_result_bytes: Bytes that the arrays of a result may take.
        clock: Gives the time, with its zone, for events.
        closed: Returns whether the gateway is closing.
        changes: Takes note of what becomes of runs.
        membership: The gateway's part in its cluster; None: it has none.
    """

    source: Source
    store: Store
    compute: Compute
    memory: Memory
    slots: RunSlots
    ledger: Ledger
    nursery: trio.Nursery
    runs: dict[str, Run]
    max_log_bytes: int
    max_result_bytes: int
    clock: Callable[[], datetime]
    closed: Callable[[], bool]
    changes: Changes
    membership: Membership | None = None

    def fingerprint(self, request: BacktestRequest) -> str | None:
        """Return the fingerprint of a request's bars, where gateways compare them."""
        return None if self.membership is None else self.membership.bars.fingerprint(request)

    def start(self, run: Run, owner: str = "") -> None:
        """Start the task of a run that has not ended."""
        # The slot is requested here: started tasks begin in no particular order.
        run.tenure.owner = owner
        turns = [self._request(run)] if run.tenure.ours else []
        self.changes.follow(("run", run.run_id), run.broadcaster)
        self.nursery.start_soon(self._be_task, run, turns, name=run.run_id)

    def _request(self, run: Run) -> SlotTurn:
        """Request the slot of a run that this gateway is to compute."""
        turn = self.slots.request(run.tenure.owner, run.request.priority, run.run_id)
        run.take_turns(turn)
        return turn

    async def _be_task(self, run: Run, turns: list[SlotTurn]) -> None:
        """Be the run's task, whoever computes it.

        Args:
            run: The run.
            turns: The turn that was requested for it already, if any.
        """

        async def work() -> None:
            if turns:
                await self._carry_out(run, turns.pop())
            elif not await self._gives_back(run):
                await self._carry_out(run, self._request(run))

        await be_task(run, work, self.membership, self.closed)
        if not run.needs_task:
            self.retire(run)
        elif self._lacks(run):
            del self.runs[run.run_id]

    async def _gives_back(self, run: Run) -> bool:
        """Return whether a run that was not submitted here is left to gateways with its bars."""
        membership = self.membership
        return membership is not None and await membership.bars.gives_back(run, run.request)

    def _lacks(self, run: Run) -> bool:
        """Return whether a run whose task is over is not in the store that it shares."""
        gone = self.membership is not None and not self.closed()
        return gone and self.runs.get(run.run_id) is run

    async def _carry_out(self, run: Run, turn: SlotTurn) -> None:
        """Carry the run out, and give back what it holds when it has ended."""
        with Border(run.fail):
            try:
                with Border(run.fail):
                    budget = self._log_budget(run.request)
                    job = BacktestJob(run.request, self.source, budget, self.max_result_bytes)
                    held = Holding(self.memory.account("results"))
                    # Not the run itself: it would hold itself until the garbage collector comes.
                    enter = partial(self._enter, run.run_id, run.request, turn.owner)
                    await run.carry_out(self.compute, job, held, enter)
            finally:
                turn.end()
                if not run.needs_task:
                    self.retire(run)
            if run.needs_task and run.tenure.ours and not run.survives:
                await run.end_late(self.closed)
                self.retire(run)

    def _enter(self, run_id: str, request: BacktestRequest, owner: str, result: Result) -> None:
        self.ledger.record_run(run_id, request, result, owner)

    def _log_budget(self, request: BacktestRequest) -> int | None:
        """Return how many bytes the run's events may take in memory; None if they are on disk."""
        # All events of a paced run wait in memory for their time, whatever the store.
        on_disk = self.store.durability != "memory" and request.stream.pace_bars_per_s is None
        return None if on_disk else self.max_log_bytes

    async def statuses(self, only: RunFilter, before: str | None, limit: int) -> Sequence[Status]:
        """Return statuses of all runs, newest first; see `Gateway.statuses`."""
        kept = await self.store.statuses(only, before, limit)
        if kept is not None:
            return [self._current(status) for status in kept]
        runs = list(reversed(self.runs.values()))
        if before is not None:
            if before not in self.runs:
                raise UnknownRunError(before)
            runs = runs[runs.index(self.runs[before]) + 1 :]
        found: list[Status] = []
        for looked_at, run in enumerate(runs, start=1):
            if only.matches(status := run.status):
                found.append(status)
            if len(found) == limit:
                break
            if looked_at % _LOOKED_AT_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
        return found

    def _current(self, status: Status) -> Status:
        """Return a stored status with what no log says."""
        run = self.runs.get(status.run_id)
        if run is None:
            return evolve(status, paused=False)
        now = run.status
        return evolve(status, paused=now.paused, pace_bars_per_s=now.pace_bars_per_s)

    async def load(self, run_id: str, *, starts: Callable[[], bool]) -> Run:
        """Return a run, wherever the store has it; see `Gateway.load_run`.

        Args:
            run_id: Its id.
            starts: Says whether one that has not ended starts. That is one that could not be read
                when the gateway was opened: the disk has recovered.
        """
        if (run := self.runs.get(run_id)) is None:
            try:
                restored = await Run.restored(run_id, self.store, self.clock)
            except InvalidRequestError as error:
                _log.error("Run %s cannot be restored: %s", run_id, error)
                raise UnknownRunError(run_id) from error
            # Another task may have loaded it meanwhile.
            run = self.runs.setdefault(run_id, restored)
            if run is restored:
                if self.membership is None:
                    run.settle()
                else:
                    run.lose()
                if run.needs_task and starts():
                    self.start(run)
        if not run.needs_task:
            self.retire(run)
        return run

    async def find_key(
        self, key: str, max_age_s: float, *, starts: Callable[[], bool]
    ) -> Run | None:
        """Return the run that was submitted with this key, if any; see `Gateway.find_key`."""
        run_id = await self.store.find_key(key)
        if run_id is None:
            return None
        try:
            run = await self.load(run_id, starts=starts)
        except UnknownRunError:  # deleted meanwhile, or its strategy is gone
            return None
        age = self.clock() - run.status.created_at
        return run if age.total_seconds() <= max_age_s else None

    def retire(self, run: Run) -> None:
        """Count a run as finished, and let those leave memory that have to."""
        for evicted in self.store.retire(run.run_id):
            self.runs.pop(evicted, None)
            # Any other store gives it back.
            if self.store.durability == "memory":
                self.changes.delete(("run", evicted))

    async def take_over(self, held: Held, *, queued: bool) -> bool:
        """Go on with a run that this gateway holds now: see `Taker`."""
        run = await self._found(held)
        if queued and await self._lacks_bars(held, run):
            return False
        # Another task may have loaded it meanwhile, or let it go.
        new = held.named[1] not in self.runs
        run = self.runs.setdefault(held.named[1], run)
        if not new and run.tenure.has(queued=queued):
            return True
        if run.tenure.ours:
            run.lose()  # its task goes on with it
        run.tenure.take(held.owner, queued=queued, paused=held.paused, compared=True)
        if new:
            self.start(run, held.owner)
        return True

    async def lacks(self, held: Held) -> bool:
        """Return whether one with the same bars should compute a run again: see `Taker`."""
        run = await self._found(held)
        return run.request.on_restart == "rerun" and await self._lacks_bars(held, run)

    async def _found(self, held: Held) -> Run:
        """Return a run that is in memory, or as the store has it."""
        run_id = held.named[1]
        return self.runs.get(run_id) or await Run.restored(run_id, self.store, self.clock)

    async def _lacks_bars(self, held: Held, run: Run) -> bool:
        membership = self.membership
        return membership is not None and await membership.bars.lacks(held, run.request)

    def tenures(self) -> Collection[Tenure]:
        """Return the tenures of the runs that have not ended."""
        return [run.tenure for run in self.runs.values() if not run.finished]

    def lose(self, name: str) -> None:
        """Let go of a run, which another gateway has taken."""
        if (run := self.runs.get(name)) is not None and run.tenure.queued:
            run.lose()

    def lose_all(self) -> None:
        """Let go of the runs that this gateway holds: others take them over."""
        for run in tuple(self.runs.values()):
            if run.finished:
                continue
            run.lose()
            if run.broadcaster.log.watermark == 0:  # it was never stored
                del self.runs[run.run_id]
                self.changes.delete(("run", run.run_id))

    def note_changed(self, name: str) -> None:
        """Take note that another gateway has changed a run."""
        run = self.runs.get(name)
        if run is not None and run.finished and not run.subscribers:
            del self.runs[name]  # it is read again when it is asked for
        if run is None or run.finished:
            self.changes.touch(("run", name))

    async def sight(self, run_id: str) -> Sight | None:
        """Return how a run stands; None if it is gone, or not durable yet."""
        if (run := self.runs.get(run_id)) is None:
            try:
                run = await Run.restored(run_id, self.store, self.clock)
            except UnknownRunError:  # another gateway has deleted it
                self.changes.delete(("run", run_id))
                return None
            except InvalidRequestError:
                return None
        if run.broadcaster.log.watermark == 0:
            return None
        return run_sight(run.status)
