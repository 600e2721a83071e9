"""The run: one task that owns a simulation, its log and its broadcaster."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any

import trio
from attrs import define, field

from glowback_trio.actors.broadcaster import Bell, Broadcaster, Subscription
from glowback_trio.actors.cluster.following import FollowedEnd
from glowback_trio.actors.cluster.peers import LogName
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.course import Course
from glowback_trio.actors.log_writer import LogWriter
from glowback_trio.actors.run_slots import SlotTurn
from glowback_trio.actors.runs.difference import LogDifference, difference_of
from glowback_trio.actors.runs.emission import Emission
from glowback_trio.actors.runs.life import RUN_LIFE, begin_run_log
from glowback_trio.actors.runs.pacing import Pacer
from glowback_trio.actors.runs.work import RunWork
from glowback_trio.compute import Compute, Job
from glowback_trio.errors import (
    FailureTraceback,
    GlowbackError,
    NotReadyError,
    RunEndedError,
)
from glowback_trio.lazy import late_part
from glowback_trio.memory import Holding
from glowback_trio.model.events import Event, EventType
from glowback_trio.model.labelling.labels import LabelChanges, Labels
from glowback_trio.model.lifecycle import INTERRUPTED, Headline, State, Status
from glowback_trio.model.request import BacktestRequest, Pace
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import describe, listed
from glowback_trio.model.strategies.lost import LostStrategy
from glowback_trio.model.stream_protocol import checked_types
from glowback_trio.store import Store

__all__ = ["Run"]


@define(eq=False, repr=False)
class Run:
    """One backtest, from the moment it is queued. Made by `Gateway.submit`.

    Its state belongs to its own task. Other tasks read the log, or send the messages that there
    are: `cancel`, `pause` and `resume`. A finished run that a store gave back has no task.
    What changes or awaits something raises `EventLoopError` outside the gateway's event loop; other
    threads use `Gateway.from_thread`.
    """

    run_id: str
    request: BacktestRequest
    _store: Store
    _broadcaster: Broadcaster
    _writer: LogWriter[Status]
    _labels: Labels
    _pacer: Pacer = field(init=False)
    _work: RunWork = field(init=False)
    #: How it ends.
    _course: Course[Status] = field(init=False)
    #: One change at a time: each begins with what the last one has left.
    _labelling: trio.Lock = field(factory=trio.Lock, init=False)

    def __attrs_post_init__(self) -> None:
        writer, store = self._writer, self._store
        self._pacer = pacer = Pacer(self.request.stream.pace_bars_per_s)
        what, lasts = f"Run {self.run_id}", partial(_lasts, store, self.request)
        tenure = Tenure(("run", self.run_id), store.cluster)
        self._course = Course(what, self._broadcaster, writer, lasts, tenure)
        emission = Emission(self._broadcaster.log, writer, store, pacer)
        self._work = RunWork(self.run_id, store, self._course, writer, pacer, emission)

    def __repr__(self) -> str:
        status = self.status
        state = "paused" if status.paused else str(status.state)
        what = f"{status.strategy} on {listed(status.symbols)}"
        return describe(self, self.run_id, state, what, events=status.event_count)

    @classmethod
    def queued(
        cls,
        run_id: str,
        request: BacktestRequest,
        store: Store,
        clock: Callable[[], datetime],
        *,
        key: str | None = None,
        owner: str = "",
        fingerprint: str | None = None,
    ) -> Run:
        """Open the log of a new run."""
        bell = Bell()
        log = store.open_log(run_id, request, bell.ring, key)
        if store.cluster is not None:
            store.cluster.note_origin(("run", run_id), owner, fingerprint)
        writer = begin_run_log(log, run_id, request, clock)
        return cls(run_id, request, store, Broadcaster(log, bell), writer, request.labels)

    @classmethod
    async def restored(cls, run_id: str, store: Store, clock: Callable[[], datetime]) -> Run:
        """Reopen a run that a store kept. Its log is left as it is: see `settle`.

        Raises:
            UnknownRunError: The store does not have it.
            InvalidRequestError: Its request cannot be read.
            StoreError: It cannot be read.
        """
        bell = Bell()
        stored = await store.reopen(run_id, bell.ring)
        broadcaster = Broadcaster(stored.log, bell)
        status = stored.status
        writer = LogWriter(stored.log, run_id, clock, RUN_LIFE, status)
        await writer.resume(status.event_count)
        run = cls(run_id, stored.request, store, broadcaster, writer, status.labels)
        run._work.headline = status.metrics
        if status.paused:
            run._pacer.pause()
        if writer.finished:
            run._course.close_log(status.event_count)
        elif status.state is State.RUNNING and stored.request.on_restart == "rerun":
            run._work.emission.repeat()
        return run

    def settle(self) -> None:
        """End the run if it was interrupted and shall or can not go on.

        Called once for a restored run. One that has not ended then needs its task: `carry_out`.
        """
        if self._writer.finished:
            return
        if isinstance(strategy := self.request.strategy, LostStrategy):
            self._course.end(State.FAILED, strategy.advice)
        elif self.status.state is State.RUNNING and not self._work.emission.repeats:
            self._course.end(State.FAILED, INTERRUPTED)

    @property
    def status(self) -> Status:
        """The status: a fold over what is durable of the log, pause, labels, headline."""
        paused = self._pacer.paused and not self._writer.finished
        labels = self._labels
        completed = self.state is State.COMPLETED
        return self._writer.status(
            paused=paused,
            name=labels.name,
            tags=labels.tags,
            note=labels.note,
            metrics=self._work.headline if completed else None,
            pace_bars_per_s=None if self.finished else self._pacer.bars_per_s,
        )

    @property
    def state(self) -> State:
        """The state of `status`, for those who count many runs."""
        return self._writer.durable.state

    @property
    def finished(self) -> bool:
        """True if the run has completed, failed or been cancelled, and its end is durable."""
        return self._writer.ended

    @property
    def needs_task(self) -> bool:
        """True if the run has not ended: `carry_out` has to be called, or is under way."""
        return not self._writer.finished

    @property
    def survives(self) -> bool:
        """True if the next gateway on its store goes on with it: queued, or computed again."""
        return self._course.survives

    @property
    def broadcaster(self) -> Broadcaster:
        """The log as its readers see it, for readers that keep their own cursors."""
        return self._broadcaster

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open."""
        return self._broadcaster.subscribers

    def subscribe(self, after: int = 0, types: Collection[EventType] | None = None) -> Subscription:
        """Subscribe to the log from a cursor on: to events that happened, then to those that come.

        Args:
            after: Id of the last event already known; 0 for none.
            types: Only events of these types, and the terminal one; None: all.

        Raises:
            InvalidRequestError: `after` is negative, `types` is empty or names an unknown type.
            CursorAheadError: The log has not reached `after`.
        """
        return Subscription(self._broadcaster, checked_types(after, types), after)

    def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events that are in memory: at most `limit`, with ids above `after`.

        Raises:
            InvalidRequestError: `after` is negative.
            CursorAheadError: The log has not reached `after`.
            NotReadyError: The events after `after` have left memory for the store.
        """
        subscription = self.subscribe(after)
        events = subscription.read_nowait(limit)
        if not events and subscription.behind:
            raise NotReadyError("These events have left memory: use `await run.load_events()`")
        return events

    async def load_events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events that have happened: at most `limit`, with ids above `after`.

        Raises:
            InvalidRequestError: `after` is negative.
            CursorAheadError: The log has not reached `after`.
        """
        self._broadcaster.loop.check("run.load_events")
        return await self.subscribe(after).read_stored(limit)

    async def difference(
        self, other: Run, threads: trio.CapacityLimiter | None = None
    ) -> LogDifference:
        """Return the first events at which this log and another one part, of those so far.

        Ids of runs, times and digests are not compared.

        Args:
            other: The other run.
            threads: Limits the threads in which events are compared; None: trio's own limit.
        """
        self._broadcaster.loop.check("run.difference")
        return await difference_of(self.subscribe(), other.subscribe(), threads)

    async def wait_stored(self) -> None:
        """Wait until the run, with its request, is as durable as the store promises.

        Raises:
            StoreError: The store cannot be written at the moment. It may keep the run later.
        """
        self._broadcaster.loop.check("run.wait_stored")
        await trio.lowlevel.checkpoint()
        await self._course.wait_stored(self._store.flush)

    async def wait_finished(self) -> Status:
        """Wait for the end, as durable as the store promises, and return the status.

        Raises:
            GatewayClosedError: The gateway has closed; the next one on the store goes on. A run
                that failed or was cancelled is no error here.
        """
        self._broadcaster.loop.check("run.wait_finished")
        await self._course.wait_finished()
        return self.status

    def result(self) -> Result:
        """Return the result of a completed run, if the store has it in memory.

        Raises:
            NotReadyError: The run is queued or running, or `load_result` has to be waited for.
            RunFailedError: It failed; the message is its error. If code that is not this package's
                failed, such as a custom strategy, the cause shows its traceback.
            RunCancelledError: It was cancelled; the message is the reason.
            UnknownRunError: The store has let it go.
        """
        self._check_completed()
        if (result := self._store.result_nowait(self.run_id)) is None:
            raise NotReadyError("The result has left memory: use `await run.load_result()`")
        return result

    def to_dataframe(self) -> Any:
        """Return the account, bar by bar, as a `pandas.DataFrame`; raises what `result` does."""
        return self.result().equity_frame()

    def _repr_html_(self) -> str:
        card: str = late_part("notebook.cards").run_card(self)
        return card

    async def load_result(self) -> Result:
        """Return the result of a completed run, wherever the store has it.

        Raises:
            NotReadyError: The run is queued or running; otherwise as `result` does.
        """
        self._broadcaster.loop.check("run.load_result")
        self._check_completed()
        return await self._store.result(self.run_id)

    def _check_completed(self) -> None:
        if (refusal := self.status.result_error) is not None:
            cause = FailureTraceback(text) if (text := self._course.traceback) else None
            try:
                raise refusal from cause
            finally:
                # The traceback holds this frame: together they would be a cycle that holds the run.
                del refusal

    async def label(
        self,
        *,
        name: str | None = None,
        tags: Sequence[str] | None = None,
        note: str | None = None,
    ) -> Status:
        """Change name, tags or note, and wait until the change is as durable as the store promises.

        They are no part of the log or the result, and may change before and after the end.

        Args:
            name: The new name; empty: none; None, as for all: as it is.
            tags: All tags from now on.
            note: The new note; empty: none.

        Raises:
            InvalidRequestError: One is too long, or not of the form that `Labels` describes.
            StoreError: The store cannot be written at the moment. It may keep the change later.
        """
        self._broadcaster.loop.check("run.label")
        self._check_held("labelled")
        changes = LabelChanges(name=name, tags=tags, note=note)
        async with self._labelling:
            labels = changes.applied_to(self._labels)
            self._store.label(self.run_id, labels)
            await self._store.flush()
            self._labels = labels
        self._broadcaster.ring()
        return self.status

    def cancel(self, reason: str) -> None:
        """Cancel the run. The first reason counts; after the end this does nothing."""
        self._broadcaster.loop.check("run.cancel")
        self._check_held("cancelled")
        self._course.cancel(reason)

    def _check_held(self, command: str) -> None:
        if self.needs_task:
            self.tenure.check(command)

    def close(self, reason: str) -> None:
        """Stop the run without an end if it survives its gateway; otherwise cancel it."""
        self._course.close(reason)

    def fail(self, error: BaseException) -> None:
        """End the run because of an error in its task or beneath it; after the end, log it only."""
        self._course.fail(error)

    async def end_late(self, closing: Callable[[], bool]) -> None:
        """End the run though its log did not take its end: see `Course.end_late`."""
        await self._course.end_late(closing)

    def pause(self) -> None:
        """Pause the run: it emits nothing until `resume`. The store keeps it, the log does not."""
        self._broadcaster.loop.check("run.pause")
        self._check_held("paused")
        if not self._writer.finished:
            self._store.note_pause(self.run_id, paused=True)
            self._pacer.pause()
            if self._work.turn is not None:
                self._work.turn.pause()
            self._broadcaster.ring()

    def resume(self) -> None:
        """Let a paused run go on where it was. Its pace is kept as if the pause took no time."""
        self._broadcaster.loop.check("run.resume")
        self._check_held("resumed")
        self._store.note_pause(self.run_id, paused=False)
        self._pacer.resume()
        if self._work.turn is not None:
            self._work.turn.resume()
        self._broadcaster.ring()

    def set_pace(self, bars_per_s: float | None) -> None:
        """Let the run go on at another pace from now on. Like a pause, its log does not show it.

        Args:
            bars_per_s: How many bars it emits per second; None: as many as it can.

        Raises:
            InvalidRequestError: The pace is out of its bounds.
            RunEndedError: The run has ended.
        """
        self._broadcaster.loop.check("run.set_pace")
        self._check_held("paced")
        pace = Pace(bars_per_s=bars_per_s)
        if self._writer.finished:
            raise RunEndedError(f"The pace cannot be set: the run has {self.state}")
        self._pacer.set_pace(pace.bars_per_s)
        self._broadcaster.ring()

    @property
    def tenure(self) -> Tenure:
        """Whether this gateway computes it, or another one of the cluster."""
        return self._course.tenure

    @property
    def held_here(self) -> bool:
        """False if another gateway of the cluster computes it, and it has not ended."""
        return self.finished or not self.tenure.elsewhere

    async def hold(self) -> None:
        """Make sure that this gateway holds the run, before it is changed, unless it has ended.

        Raises:
            HeldElsewhereError: Another gateway of the cluster does.
            StoreError: The store cannot be asked.
        """
        if self.needs_task:
            await self.tenure.claim_left(paused=self._pacer.paused)
        if self.needs_task and not await self._course.hold(self._store.flush):
            self.tenure.check("changed")

    @property
    def followed(self) -> FollowedEnd[Status]:
        """Its log, for following what another gateway appends to it."""
        name, ended = LogName(("run", self.run_id)), self._course.close_log
        return FollowedEnd(name, self._broadcaster, self._writer, self.tenure, ended)

    def take_turns(self, turn: SlotTurn) -> None:
        """Be computed in these turns. Called before `carry_out`."""
        self._work.take_turns(turn)

    async def carry_out(
        self, compute: Compute, job: Job, held: Holding, enter: Callable[[Result], object]
    ) -> None:
        """Be the run's task: wait for a slot, work, emit, end. Called by the gateway.

        However the run ends, by itself, by `cancel` or with the gateway, its log gets a terminal
        event, unless it survives its gateway or another one of the cluster holds it. That is
        emitted at once; a worker in the middle of a step is waited for afterwards.

        Args:
            compute: Where the work is carried out.
            job: The work.
            held: What the result takes of the memory, from the first bar until it is stored.
            enter: Enters the result in the ledger of trials, in one step with the end.
        """
        await self._work.carry_out(compute, job, held, enter)

    def lose(self) -> None:
        """Stop without an end: another gateway goes on with it."""
        self._course.lose()

    def leave(self) -> None:
        """Tell the readers that this gateway adds nothing more."""
        self._course.leave()

    async def note_end(self) -> None:
        """Take note of what came with an end that another gateway has written."""
        if self.state is State.COMPLETED:
            with suppress(GlowbackError):  # it was deleted, or cannot be read now
                result = await self._store.result(self.run_id)
                self._work.headline = Headline.of(result.metrics)

    async def go_back(self) -> None:
        """Go back to what is durable of the log: nothing else of it will ever be."""
        self._course.begin_again()
        async with self.tenure.reading:
            if not self._writer.whole:
                await self._writer.recall()

    def go_on(self, *, paused: bool) -> None:
        """Go on with the log that another gateway has left, or end it: see `settle`.

        Args:
            paused: True if it was paused there.
        """
        self._writer.reopen()
        (self._pacer.pause if paused else self._pacer.resume)()
        if self.state is State.RUNNING and self.request.on_restart == "rerun":
            self._work.emission.repeat()
        self.settle()


def _lasts(store: Store, request: BacktestRequest, status: Status) -> bool:
    """Return whether the next gateway on a store goes on with a run: queued, or computed again."""
    goes_on = status.state is State.QUEUED or request.on_restart == "rerun"
    return store.durability != "memory" and goes_on
