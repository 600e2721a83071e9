"""Runs that take turns: nobody holds a slot while waiting for somebody, and no log shows it.

Doctrine: time is the test's. Work takes time where a backend says so, step by step, so every turn
is counted in slices of the same length on every machine.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

import pytest
import trio
from attrs import evolve
from support.held_compute import HeldCompute
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Event, Run, State, Stream
from glowback_trio.compute import UNSHARED, Job, Step, Turn
from glowback_trio.data import no_checkpoint
from glowback_trio.errors import LiveRunsFullError
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.testing import open_virtual_gateway

SHORT = BacktestRequest(symbols=["AAPL"], start_date="2024-01-01", end_date="2024-03-31")
PACED = evolve(SHORT, stream=Stream(metrics_every=1, pace_bars_per_s=0.001))
LONG = evolve(
    SHORT,
    resolution="hour",
    end_date="2030-12-31",
    symbols=["AAPL", "SPY"],
    stream=Stream(metrics_every=50, progress_steps=20),
)

STEP_S = 0.1


class TimedCompute:
    """Takes a tenth of a second for each step."""

    slots = None

    def opened(self) -> AbstractAsyncContextManager[object]:
        return nullcontext()

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        async with send:
            await turn.wait()
            for step in job.steps(no_checkpoint):
                await trio.sleep(STEP_S)
                await turn.pass_on(step, send)
                await turn.wait()


async def read_all(run: Run) -> list[Event]:
    with run.subscribe() as events:
        return [event async for event in events]


async def time_of(run: Run) -> float:
    begin = trio.current_time()
    await run.wait_finished()
    return trio.current_time() - begin


async def log_alone(request: BacktestRequest) -> Any:
    async with open_virtual_gateway() as gateway:
        return essence(await read_all(gateway.submit(request)))


async def test_paced_runs_keep_nobody_from_being_computed(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1) as gateway:
        paced = [gateway.submit(PACED) for _ in range(20)]
        assert await time_of(gateway.submit(SHORT)) == 0
        assert [run.status.state for run in paced] == [State.RUNNING] * 20


@pytest.mark.parametrize("parked", [0, 1, 16])
async def test_a_paused_run_keeps_nobody_from_being_computed_and_goes_on(
    parked: int, autojump_clock: MockClock
) -> None:
    alone = await log_alone(LONG)
    async with open_virtual_gateway(
        max_running=1, max_parked_runs=parked, compute=TimedCompute()
    ) as gateway:
        paused = [gateway.submit(LONG) for _ in range(3)]
        for run in paused:
            with run.subscribe() as events:
                for _ in range(5):
                    await anext(events)
            run.pause()
        told = [run.status.event_count for run in paused]
        other = gateway.submit(SHORT)
        await other.wait_finished()
        await trio.sleep(10)
        assert [run.status.event_count for run in paused] == told
        for run in paused:
            run.resume()
        for run in paused:
            log = await read_all(run)
            assert_sound(log)
            assert essence(log) == alone


async def test_a_short_run_is_soon_done_among_long_ones(autojump_clock: MockClock) -> None:
    alone = await log_alone(LONG)
    async with open_virtual_gateway(max_running=2, compute=TimedCompute()) as gateway:
        long = [gateway.submit(LONG) for _ in range(8)]
        await trio.sleep(1)
        took = await time_of(gateway.submit(SHORT))
        assert took <= 3 * STEP_S * 9 / 2 + 2
        assert sum(run.finished for run in long) < 4
        for run in long:
            assert essence(await read_all(run)) == alone


async def test_a_key_with_many_long_runs_holds_up_no_other_key(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1, compute=TimedCompute()) as gateway:
        many = [gateway.submit(LONG, owner="many") for _ in range(1000)]
        await trio.sleep(5)
        took = await time_of(gateway.submit(SHORT, owner="few"))
        assert took <= 3 * STEP_S * 2 + 2
        assert sum(run.status.state is State.QUEUED for run in many) > 900


async def test_beyond_the_bound_on_live_runs_new_ones_are_refused(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway(max_live_runs=3) as gateway:
        paced = [gateway.submit(PACED) for _ in range(3)]
        await wait_all_tasks_blocked()
        with pytest.raises(LiveRunsFullError, match="max_live_runs = 3"):
            gateway.submit(SHORT)
        paced[0].cancel("make room")
        await wait_all_tasks_blocked()
        assert (await gateway.submit(SHORT).wait_finished()).state is State.COMPLETED


async def test_a_run_that_is_paused_in_the_queue_stays_there(autojump_clock: MockClock) -> None:
    compute = HeldCompute()
    async with open_virtual_gateway(max_running=1, compute=compute) as gateway:
        _first, second, third = (gateway.submit(SHORT) for _ in range(3))
        second.pause()
        compute.let_go.set()
        await third.wait_finished()
        assert (second.status.state, second.status.paused) == (State.QUEUED, True)
        second.resume()
        assert (await second.wait_finished()).state is State.COMPLETED


async def test_a_run_is_cancelled_while_it_is_parked(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1, compute=TimedCompute()) as gateway:
        one, other = gateway.submit(LONG), gateway.submit(LONG)
        await trio.sleep(0.5)
        for run in (one, other):
            run.cancel("enough")
            assert (await run.wait_finished()).error == "enough"
            assert_sound(await read_all(run))
        assert (await gateway.submit(SHORT).wait_finished()).state is State.COMPLETED
