"""The run: one task that owns a simulation, its status, its log and its broadcaster."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import assert_never

import trio
from attrs import define, evolve, field

from glowback_trio.actors.broadcaster import Broadcaster, Subscription
from glowback_trio.actors.log_budget import within_budget
from glowback_trio.compute import Compute, Done, Failed, Progressed, Step, work
from glowback_trio.data import Source
from glowback_trio.errors import NotReadyError, RunCancelledError, RunFailedError
from glowback_trio.model.events import Event, EventDraft, EventType, encode
from glowback_trio.model.instant import stamp
from glowback_trio.model.invariants import Digest
from glowback_trio.model.lifecycle import State, Status, step
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store import EventLog, Store
from glowback_trio.wire.rows import dumps

__all__ = ["Run"]

# Emitting is synchronous; after this many events in a row the others get a turn.
_EMITS_PER_TURN = 64
# Slices computed ahead of what has been told. A paced run is computed whole, so that it does not
# hold a compute slot while it waits.
_SLICES_AHEAD = 4


@define(eq=False)
class Run:
    """One backtest, from the moment it is queued. Made by `Gateway.submit`.

    Its state belongs to its own task. Others read the log, or send the messages there are:
    `cancel`, `pause` and `resume`.
    """

    run_id: str
    request: BacktestRequest
    _store: Store
    _clock: Callable[[], datetime]
    _broadcaster: Broadcaster = field(factory=Broadcaster, init=False)
    _log: EventLog = field(init=False)
    #: The status as of the last change of state; what has come since is counted below.
    _announced: Status = field(init=False)
    _count: int = field(default=0, init=False)
    _progress: float = field(default=0.0, init=False)
    _digest: Digest = field(factory=Digest, init=False)
    _latest: datetime = field(init=False)
    _reason: str | None = field(default=None, init=False)
    #: Set by the one who ends the pause; None while the run is not paused.
    _held: trio.Event | None = field(default=None, init=False)
    _held_at: float = field(default=0.0, init=False)
    #: When the run's own time began, on trio's clock; pauses are added.
    _began: float = field(default=0.0, init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _finished: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        """Open the log with its first event, so that no run is ever seen without one."""
        self._log = self._store.open_log(self.run_id, self.request, self._broadcaster.ring)
        self._broadcaster.log = self._log
        self._latest = self._clock()
        self._announced = Status(
            run_id=self.run_id,
            state=State.QUEUED,
            created_at=self._latest,
            strategy=self.request.strategy.name,
            symbols=self.request.symbols,
        )
        queued = dumps({"state": State.QUEUED, "message": "Run queued"})
        self._append("state", queued, self._latest)

    @property
    def status(self) -> Status:
        """Where the run stands now: a fold over its log, worked out when somebody asks."""
        progress = self._announced.progress if self.finished else self._progress
        return evolve(
            self._announced,
            event_count=self._count,
            progress=progress,
            paused=self._held is not None and not self.finished,
        )

    @property
    def finished(self) -> bool:
        """Whether the run has ended, one way or another."""
        return self._announced.finished

    @property
    def broadcaster(self) -> Broadcaster:
        """The log as its readers see it, for those who keep cursors of their own."""
        return self._broadcaster

    @property
    def subscribers(self) -> int:
        """How many subscriptions are open."""
        return self._broadcaster.subscribers

    def subscribe(self, after: int = 0, types: Collection[EventType] | None = None) -> Subscription:
        """Read the log from a cursor on: what is stored first, then what happens.

        Args:
            after: Id of the last event already known; 0 for none.
            types: Only events of these types, and the terminal one; None: all.

        Raises:
            CursorAheadError: The log has not reached `after`.
        """
        return Subscription(self._broadcaster, types, after)

    def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Events that are already there: at most `limit`, with ids above `after`.

        Raises:
            CursorAheadError: The log has not reached `after`.
        """
        return self.subscribe(after).read_nowait(limit)

    async def wait_finished(self) -> Status:
        """Wait for the end; a run that failed or was cancelled is no error here."""
        await self._finished.wait()
        return self.status

    def result(self) -> Result:
        """The result of a completed run.

        Raises:
            NotReadyError: It is queued or running.
            RunFailedError: It failed; the message is its error.
            RunCancelledError: It was cancelled; the message is the reason.
            UnknownRunError: The store has let it go.
        """
        match self._announced.state:
            case State.QUEUED | State.RUNNING:
                raise NotReadyError("Results not ready")
            case State.FAILED:
                raise RunFailedError(f"Run failed: {self._announced.error}")
            case State.CANCELLED:
                raise RunCancelledError(f"Run cancelled: {self._announced.error}")
            case State.COMPLETED:
                return self._store.result(self.run_id)
            case never:
                assert_never(never)

    def cancel(self, reason: str) -> None:
        """Ask the run to end. The first reason counts; after the end this does nothing."""
        if self._reason is None and not self.finished:
            self._reason = reason
            self._scope.cancel(reason)

    def pause(self) -> None:
        """Hold the run: it tells nothing more until `resume`. Leaves no trace in the log."""
        if self._held is None and not self.finished:
            self._held, self._held_at = trio.Event(), trio.current_time()

    def resume(self) -> None:
        """Let a held run go on where it was: its own time, which pace is kept by, stood still."""
        if self._held is not None:
            self._held.set()
            self._held = None
            self._began += trio.current_time() - max(self._held_at, self._began)

    async def live(
        self, admitted: trio.Event, compute: Compute, source: Source, max_log_bytes: int
    ) -> None:
        """The run's task: wait for a place, work, tell, end. Called once, by the gateway.

        However it ends, by itself, by `cancel` or with the gateway, the log gets its terminal
        event. That is told at once; a worker thread in the middle of a slice is waited for after.
        """
        # Closed after the muscle has let go: a worker that still sends must find a reader or a
        # cancellation, not a broken channel.
        paced = self.request.stream.pace_bars_per_s is not None
        job = partial(within_budget, partial(work, self.request, source), max_log_bytes)
        send, steps = trio.open_memory_channel[Step](math.inf if paced else _SLICES_AHEAD)
        with send, steps:
            async with trio.open_nursery() as muscle:
                try:
                    with self._scope:
                        await admitted.wait()
                        self._announce(State.RUNNING)
                        muscle.start_soon(compute.run_job, job, send)
                        await self._follow(steps)
                finally:
                    if not self.finished:
                        self._end(State.CANCELLED, self._reason or "the gateway was closed")
                    muscle.cancel_scope.cancel()

    async def _follow(self, steps: AsyncIterable[Step]) -> None:
        self._began = trio.current_time()
        async for done in steps:
            match done:
                case Progressed(drafts):
                    await self._tell(drafts)
                case Done(result):
                    await self._wait_released()
                    self._store.keep_result(self.run_id, result)
                    self._end(State.COMPLETED)
                case Failed(error):
                    await self._wait_released()
                    self._end(State.FAILED, error)
                case never:
                    assert_never(never)

    async def _tell(self, drafts: Sequence[EventDraft]) -> None:
        pace = self.request.stream.pace_bars_per_s
        for index, draft in enumerate(drafts, start=1):
            await self._wait_released()
            if pace is not None:
                await self._wait_due(draft.bar / pace)
            elif index % _EMITS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
            self._emit(draft)

    async def _wait_due(self, elapsed: float) -> None:
        """Wait until so much of the run's own time has passed."""
        while trio.current_time() < self._began + elapsed or self._held is not None:
            await trio.sleep_until(self._began + elapsed)
            await self._wait_released()

    async def _wait_released(self) -> None:
        """Wait while somebody holds the run."""
        while self._held is not None:
            await self._held.wait()

    def _emit(self, draft: EventDraft) -> None:
        """Tell what the simulation told."""
        step(self._announced.state, draft.type)
        self._append(draft.type, draft.payload, self._now())
        if draft.progress is not None:
            self._progress = draft.progress

    def _announce(self, state: State, error: str | None = None, **more: object) -> None:
        """Tell a change of state."""
        moment = self._now()
        status = self.status.announcing(state, moment, error)
        self._append("state", dumps({"state": state, "error": error, **more}), moment)
        self._announced = status

    def _end(self, state: State, error: str | None = None) -> None:
        count = self._count + 1
        self._announce(state, error, event_count=count, digest=str(self._digest))
        self._broadcaster.end = count
        self._broadcaster.ring()
        self._finished.set()

    def _append(self, kind: EventType, payload: bytes, moment: datetime) -> None:
        """Number, encode, append, count; when the store refuses, nothing has changed."""
        event = encode(self._count + 1, self.run_id, kind, stamp(moment), payload)
        self._log.append(event)
        self._digest.add(event.data)
        self._latest = moment
        self._count += 1

    def _now(self) -> datetime:
        """The clock's time, but never before the previous event's."""
        return max(self._clock(), self._latest)
