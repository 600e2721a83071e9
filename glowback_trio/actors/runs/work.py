"""The work of a run: wait for a slot, compute, emit, end."""

from __future__ import annotations

import math
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import assert_never

import trio
from attrs import define, field

from glowback_trio.actors.course import Course
from glowback_trio.actors.log_writer import LogWriter
from glowback_trio.actors.run_slots import SlotTurn, compute_in_turns
from glowback_trio.actors.runs.emission import Emission
from glowback_trio.actors.runs.pacing import Pacer
from glowback_trio.border import Border
from glowback_trio.compute import Answered, Compute, Done, Failed, Job, Progressed, Step
from glowback_trio.memory import Holding
from glowback_trio.model.lifecycle import Headline, State, Status
from glowback_trio.model.result import Result
from glowback_trio.store import Store
from glowback_trio.store.sizes import result_bytes

__all__ = ["RunWork"]

# Slices computed ahead of what has been emitted. A paced run is computed whole, so that it does not
# hold a compute slot while it waits.
_SLICES_AHEAD = 4


def _nothing(_result: Result) -> None:
    """Enter nothing."""


@define(eq=False)
class RunWork:
    """The work of one run, as often as this gateway has to do it.

    Args:
        run_id: The run's id.
        store: Keeps its result.
        course: How it ends.
        writer: Appends to its log.
        pacer: Says when it is paused.
        emission: Emits its events.
    """

    _run_id: str
    _store: Store
    _course: Course[Status]
    _writer: LogWriter[Status]
    _pacer: Pacer
    emission: Emission
    #: When it may be computed; None for one that has no task.
    turn: SlotTurn | None = field(default=None, init=False)
    #: What is said of its result, once that is kept.
    headline: Headline | None = field(default=None, init=False)
    _held: Holding | None = field(default=None, init=False)
    _enter: Callable[[Result], object] = field(default=_nothing, init=False)

    def take_turns(self, turn: SlotTurn) -> None:
        """Be computed in these turns."""
        self.turn = turn
        if self._pacer.paused:
            turn.pause()

    async def carry_out(
        self, compute: Compute, job: Job, held: Holding, enter: Callable[[Result], object]
    ) -> None:
        """Do the work; see `Run.carry_out`."""
        self._held, self._enter = held, enter
        # Closed after the worker has let go: a worker that still sends must find a reader or a
        # cancellation, not a broken channel.
        with ExitStack() as channels:
            async with trio.open_nursery() as workers:
                try:
                    with self._course.scope, Border(self._course.fail):
                        await self._complete(
                            partial(compute_in_turns, compute, job), workers, channels
                        )
                    await self._course.claim_end()
                finally:
                    # Synchronous, so that a cancellation from outside cannot interrupt it.
                    self._course.stop()
                    workers.cancel_scope.cancel()
                    self._held = None

    async def _complete(
        self, work: Callable[..., Awaitable[None]], workers: trio.Nursery, channels: ExitStack
    ) -> None:
        """Work and emit until the run has ended; begin again where the work has been dropped."""
        assert self.turn is not None, "take_turns comes first"
        await self.turn.wait()
        if not await self._course.hold(self._store.flush):
            return  # another gateway has taken it out of the queue
        if not self.emission.repeats:
            self._writer.announce(State.RUNNING)
        while not self._writer.finished:
            paced = self._pacer.bars_per_s is not None
            send, steps = trio.open_memory_channel[Step](math.inf if paced else _SLICES_AHEAD)
            channels.enter_context(send)
            channels.enter_context(steps)
            rested = trio.Event()
            workers.start_soon(work, send, self.turn, rested)
            await self._take(steps)
            await rested.wait()
            if self.turn.dropped:
                self.emission.repeat()  # it was dropped in a pause
                self.turn.begin_again()
                await self.turn.wait()
            elif not self._writer.finished:
                self._course.end(State.FAILED, "The run was given up where it was computed")

    async def _take(self, steps: AsyncIterable[Step]) -> None:
        self._pacer.begin()
        async for taken in steps:
            match taken:
                case Progressed(drafts, size):
                    self._hold_memory(size)
                    await self.emission.emit(drafts)
                case Done(result):
                    self.emission.check_over()
                    await self._pacer.wait_resumed()
                    self._hold_memory(result_bytes(result))
                    # Before the end is announced: a client that sees it may fetch the result.
                    await self._store.keep_result(self._run_id, result)
                    self.headline = Headline.of(result.metrics)
                    # The run may have been paused while the store wrote.
                    await self._pacer.wait_resumed()
                    self._enter(result)
                    self._course.end(State.COMPLETED)
                case Failed(error):
                    await self._pacer.wait_resumed()
                    self._course.note_failure(taken)
                    self._course.end(State.FAILED, error)
                case Answered():
                    raise AssertionError("a run's job is a backtest")
                case never:
                    assert_never(never)

    def _hold_memory(self, size: int) -> None:
        """Hold memory for a result of this size.

        Raises:
            ResourceError: None is left.
        """
        if self._held is not None:
            self._held.resize(size)
