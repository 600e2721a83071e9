"""Runs that outlive their gateway: what was queued, and what asks to be computed again.

Doctrine: the gateway is left in order, by the end of its block or by a cancellation around it. What
the next one on the same store tells is held against the log of a run that nobody disturbed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from attrs import evolve
from support.backends import STORES
from support.held_compute import HeldCompute
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, Run, State, Stream
from glowback_trio.errors import GatewayClosedError
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.store import Store
from glowback_trio.testing import open_virtual_gateway

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-03-31",
    stream=Stream(metrics_every=1, pace_bars_per_s=1),
)
AGAIN = evolve(REQUEST, on_restart="rerun")
DURABLE = {name: make for name, make in STORES.items() if name != "MemoryStore"}


async def read_all(run: Run) -> list[Event]:
    with run.subscribe() as events:
        return [event async for event in events]


@pytest.mark.parametrize("make", DURABLE.values(), ids=DURABLE.keys())
async def test_a_run_that_asks_for_it_goes_on_in_the_next_gateway(
    make: Callable[[], Store], autojump_clock: MockClock
) -> None:
    store = make()
    async with open_virtual_gateway() as gateway:
        alone = essence(await read_all(gateway.submit(AGAIN)))
    async with open_virtual_gateway(store=store) as gateway:
        run, lost = gateway.submit(AGAIN), gateway.submit(REQUEST)
        await trio.sleep(10.5)
        told = run.status.event_count
    assert (run.status.state, run.status.event_count) == (State.RUNNING, told)
    assert lost.status.error == "the gateway was closed"
    async with open_virtual_gateway(store=store) as gateway:
        again = await gateway.load_run(run.run_id)
        assert again.status.event_count == told
        log = await read_all(again)
    assert_sound(log)
    assert essence(log) == alone


@pytest.mark.parametrize("make", DURABLE.values(), ids=DURABLE.keys())
async def test_queued_runs_start_in_the_next_gateway(
    make: Callable[[], Store], autojump_clock: MockClock
) -> None:
    store = make()
    with trio.CancelScope() as program:
        async with open_virtual_gateway(
            store=store, max_running=1, compute=HeldCompute()
        ) as gateway:
            runs = [gateway.submit(REQUEST) for _ in range(3)]
            await trio.sleep(1)
            program.cancel()
    assert [run.status.state for run in runs[1:]] == [State.QUEUED] * 2
    async with open_virtual_gateway(store=store) as gateway:
        for run in runs[1:]:
            log = await read_all(await gateway.load_run(run.run_id))
            assert_sound(log)
            assert log[-1].payload["state"] == "completed"


@pytest.mark.parametrize("make", DURABLE.values(), ids=DURABLE.keys())
async def test_a_pause_survives_and_leaves_no_trace(
    make: Callable[[], Store], autojump_clock: MockClock
) -> None:
    store = make()
    async with open_virtual_gateway() as gateway:
        alone = essence(await read_all(gateway.submit(AGAIN)))
    async with open_virtual_gateway(store=store) as gateway:
        runs = [gateway.submit(AGAIN) for _ in range(2)]
        runs[1].pause()
        await trio.sleep(10.5)
        runs[0].pause()
        told = [run.status.event_count for run in runs]
    for _ in range(2):
        async with open_virtual_gateway(store=store) as gateway:
            paused = [await gateway.load_run(run.run_id) for run in runs]
            await trio.sleep(1000)
            assert [run.status.paused for run in paused] == [True, True]
            assert [run.status.event_count for run in paused] == told
            assert all(status.paused for status in await gateway.statuses())
    async with open_virtual_gateway(store=store) as gateway:
        for run in runs:
            again = await gateway.load_run(run.run_id)
            await again.hold()
            again.resume()
            assert essence(await read_all(again)) == alone
    async with open_virtual_gateway(store=store) as gateway:
        assert not any(status.paused for status in await gateway.statuses())


async def test_who_waits_for_a_run_that_goes_on_later_is_told(autojump_clock: MockClock) -> None:
    told: list[str] = []

    async def wait(run: Run) -> None:
        with pytest.raises(GatewayClosedError, match="goes on in the next one"):
            await run.wait_finished()
        told.append("end")

    async def read(run: Run) -> None:
        with pytest.raises(GatewayClosedError, match="goes on in the next one"):
            await read_all(run)
        told.append("log")

    async with (
        trio.open_nursery() as nursery,
        open_virtual_gateway(store=DURABLE["SqliteStore"]()) as gateway,
    ):
        run = gateway.submit(AGAIN)
        nursery.start_soon(wait, run)
        nursery.start_soon(read, run)
        await trio.sleep(5)
    assert sorted(told) == ["end", "log"]


async def test_a_run_that_was_cancelled_stays_so(autojump_clock: MockClock) -> None:
    store = DURABLE["SqliteStore"]()
    async with open_virtual_gateway(store=store) as gateway:
        run = gateway.submit(AGAIN)
        await trio.sleep(5)
        run.cancel("enough")
    async with open_virtual_gateway(store=store) as gateway:
        assert (await gateway.load_run(run.run_id)).status.error == "enough"


async def test_a_store_in_memory_keeps_none(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1, compute=HeldCompute()) as gateway:
        runs = [gateway.submit(AGAIN) for _ in range(2)]
        await trio.sleep(1)
    assert [run.status.error for run in runs] == ["the gateway was closed"] * 2
