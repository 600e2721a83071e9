"""Compute backends: the same steps wherever the work is carried out, and a prompt end.

Doctrine: threads are real here, and held by events that the test sets; nothing is asserted about
time. What a job yields is tested in `test_job.py`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import trio
import trio.testing
from attrs import evolve, frozen
from support.pickling_compute import PicklingCompute

from glowback_trio import BacktestRequest, Catalogue, MaCrossover, open_gateway
from glowback_trio.compute import (
    UNSHARED,
    BacktestJob,
    Compute,
    Done,
    Failed,
    InlineCompute,
    Job,
    ProcessCompute,
    Progressed,
    Step,
    ThreadCompute,
    Turn,
)
from glowback_trio.data.source import no_checkpoint
from glowback_trio.model.bars import Dataset
from glowback_trio.model.invariants import assert_sound, essence

REQUEST = BacktestRequest(
    symbols=["AAPL", "SPY"],
    start_date="2010-01-01",
    end_date="2020-12-31",
    strategy=MaCrossover(short_period=5, long_period=20),
)
COMPUTES: list[Callable[[], Compute]] = [
    InlineCompute,
    ThreadCompute,
    partial(ThreadCompute, 3),
    PicklingCompute,
    partial(ProcessCompute, 2),
]


async def steps_of(compute: Compute, request: BacktestRequest) -> list[Step]:
    send, receive = trio.open_memory_channel[Step](0)
    async with compute.opened(), trio.open_nursery() as nursery:
        nursery.start_soon(compute.run_job, BacktestJob(request, Catalogue()), send)
        return [step async for step in receive]


@pytest.mark.parametrize("compute", COMPUTES)
async def test_work_arrives_in_slices_and_ends_with_the_result(
    compute: Callable[[], Compute],
) -> None:
    *slices, last = await steps_of(compute(), evolve(REQUEST, resolution="hour"))
    assert all(isinstance(step, Progressed) for step in slices)
    assert sum(len(step.drafts) > 0 for step in slices if isinstance(step, Progressed)) > 1
    assert isinstance(last, Done)


async def test_the_log_does_not_depend_on_where_the_work_was_done() -> None:
    logs = []
    for compute in COMPUTES:
        async with open_gateway(compute=compute()) as gateway:
            run = gateway.submit(REQUEST)
            await run.wait_finished()
            log = run.events(limit=10_000)
        assert_sound(log)
        logs.append(essence(log))
    assert all(log == logs[0] for log in logs)
    assert len(logs) == len(COMPUTES)


class Work:
    """Steps that wait to be let go, one by one, in whatever thread takes them."""

    def __init__(self) -> None:
        self.entered = trio.Event()
        self.let_go = threading.Event()
        self.stopped = False
        self._token = trio.lowlevel.current_trio_token()

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        self._token.run_sync_soon(self.entered.set)
        self.let_go.wait()
        self.stopped = True
        checkpoint()
        self.stopped = False
        yield Progressed()


async def test_the_event_loop_is_free_while_a_thread_works() -> None:
    work = Work()
    send, receive = trio.open_memory_channel[Step](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ThreadCompute().run_job, work, send)
        await work.entered.wait()
        await trio.lowlevel.checkpoint()
        work.let_go.set()
        assert await receive.receive() == Progressed()
    assert not work.stopped


async def test_a_cancelled_worker_stops_at_its_next_checkpoint() -> None:
    work = Work()
    send, _receive = trio.open_memory_channel[Step](1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ThreadCompute().run_job, work, send)
        await work.entered.wait()
        nursery.cancel_scope.cancel()
        work.let_go.set()
    assert work.stopped


async def test_only_as_many_compute_as_there_are_slots() -> None:
    compute = ThreadCompute(slots=1)
    first, second = Work(), Work()
    send, receive = trio.open_memory_channel[Step](2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(compute.run_job, first, send.clone())
        await first.entered.wait()
        nursery.start_soon(compute.run_job, second, send)
        await trio.testing.wait_all_tasks_blocked()
        assert not second.entered.is_set()
        first.let_go.set()
        second.let_go.set()
        await second.entered.wait()
        assert [await receive.receive() for _ in range(2)] == [Progressed(), Progressed()]


async def test_a_run_is_seen_to_be_cancelled_before_its_thread_lets_go() -> None:
    compute = ThreadCompute()
    work = Work()

    class Stubborn(ThreadCompute):
        async def run_job(
            self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
        ) -> None:
            await compute.run_job(work, send, turn)

    async with open_gateway(compute=Stubborn()) as gateway:
        run = gateway.submit(REQUEST)
        await work.entered.wait()
        run.cancel("now")
        status = await run.wait_finished()
        assert status.error == "now"
        assert not work.stopped
        work.let_go.set()
    assert work.stopped


@frozen
class BrokenCatalogue(Catalogue):
    """A catalogue that breaks at every load."""

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        raise ZeroDivisionError


async def test_work_that_breaks_is_a_step_too() -> None:
    send, receive = trio.open_memory_channel[Step](9)
    await InlineCompute().run_job(BacktestJob(REQUEST, BrokenCatalogue()), send)
    (step,) = [step async for step in receive]
    assert isinstance(step, Failed)
    assert step.error == "The simulation failed unexpectedly (ZeroDivisionError)"
    assert step.traceback.endswith("    raise ZeroDivisionError\nZeroDivisionError\n")
