"""The run: one task that owns a simulation, its status, its log and its broadcaster."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from datetime import datetime
from typing import assert_never

import trio
from attrs import define, field

from glowback_trio.actors.broadcaster import Broadcaster, Subscription
from glowback_trio.actors.log_writer import LogWriter
from glowback_trio.actors.pacing import Pacer
from glowback_trio.compute import Compute, Done, Failed, Job, Progressed, Step
from glowback_trio.model.events import Event, EventDraft, EventType
from glowback_trio.model.lifecycle import State, Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store import Store

__all__ = ["Run"]

# Emitting is synchronous; after this many events in a row the others get a turn.
_EMITS_PER_TURN = 64
# Slices computed ahead of what has been emitted. A paced run is computed whole, so that it does not
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
    _writer: LogWriter = field(init=False)
    _pacer: Pacer = field(init=False)
    #: Why the run was asked to end; the first reason counts.
    _reason: str | None = field(default=None, init=False)
    _scope: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _finished: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        log = self._store.open_log(self.run_id, self.request, self._broadcaster.ring)
        self._broadcaster.attach(log)
        self._writer = LogWriter.begin(log, self.run_id, self.request, self._clock)
        self._pacer = Pacer(self.request.stream.pace_bars_per_s)

    @property
    def status(self) -> Status:
        """Where the run stands now: a fold over its log, worked out when somebody asks."""
        return self._writer.status(paused=self._pacer.paused and not self.finished)

    @property
    def finished(self) -> bool:
        """Whether the run has ended, one way or another."""
        return self._writer.finished

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
        if (error := self.status.result_error) is not None:
            raise error
        return self._store.result(self.run_id)

    def cancel(self, reason: str) -> None:
        """Ask the run to end. The first reason counts; after the end this does nothing."""
        if self._reason is None and not self.finished:
            self._reason = reason
            self._scope.cancel(reason)

    def pause(self) -> None:
        """Hold the run: it tells nothing more until `resume`. Leaves no trace in the log."""
        if not self.finished:
            self._pacer.pause()

    def resume(self) -> None:
        """Let a held run go on where it was: its own time, which pace is kept by, stood still."""
        self._pacer.resume()

    async def live(self, admitted: trio.Event, compute: Compute, job: Job) -> None:
        """Be the run's task: wait for a slot, work, emit, end. Called once, by the gateway.

        However the run ends, by itself, by `cancel` or with the gateway, its log gets a terminal
        event. That is emitted at once; a worker in the middle of a step is waited for afterwards.

        Args:
            admitted: Set when the run has its slot.
            compute: Where the work is carried out.
            job: The work.
        """
        paced = self._pacer.bars_per_s is not None
        send, steps = trio.open_memory_channel[Step](math.inf if paced else _SLICES_AHEAD)
        # Closed after the worker has let go: a worker that still sends must find a reader or a
        # cancellation, not a broken channel.
        with send, steps:
            async with trio.open_nursery() as workers:
                try:
                    with self._scope:
                        await admitted.wait()
                        self._writer.announce(State.RUNNING)
                        workers.start_soon(compute.run_job, job, send)
                        await self._follow(steps)
                finally:
                    if not self.finished:
                        self._end(State.CANCELLED, self._reason or "the gateway was closed")
                    workers.cancel_scope.cancel()

    async def _follow(self, steps: AsyncIterable[Step]) -> None:
        self._pacer.begin()
        async for done in steps:
            match done:
                case Progressed(drafts):
                    await self._emit(drafts)
                case Done(result):
                    await self._pacer.wait_resumed()
                    self._store.keep_result(self.run_id, result)
                    self._end(State.COMPLETED)
                case Failed(error):
                    await self._pacer.wait_resumed()
                    self._end(State.FAILED, error)
                case never:
                    assert_never(never)

    async def _emit(self, drafts: Sequence[EventDraft]) -> None:
        paced = self._pacer.bars_per_s is not None
        for index, draft in enumerate(drafts, start=1):
            await self._pacer.wait_resumed()
            if paced:
                await self._pacer.wait_due(draft.bar)
            elif index % _EMITS_PER_TURN == 0:
                await trio.lowlevel.checkpoint()
            self._writer.emit(draft)

    def _end(self, state: State, error: str | None = None) -> None:
        self._broadcaster.announce_end(self._writer.end(state, error))
        self._finished.set()
