"""A gateway whose store fails, is slow, or is cancelled at any moment.

Doctrine: every commit fails in turn, and every step is cancelled in turn. Whatever happens, a run
ends with a sound log, nothing that a reader has seen is lost, and an error is visible somewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.backends import in_virtual_time
from support.sqlite_files import call_inline, inline_store, new_path
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, Gateway, Run, SqliteStore, State, Stream
from glowback_trio.errors import StoreError
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.testing import cancel_at_every_step, open_virtual_gateway

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-01-31",
    stream=Stream(metrics_every=5, progress_steps=4, orders=True),
)

PACED = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-01-31",
    stream=Stream(metrics_every=1, pace_bars_per_s=1.0),
)


class Faults:
    """Carries calls out on the event loop, but lets the writer's calls of some numbers fail."""

    def __init__(self, *failing: int) -> None:
        self.failing = failing
        self.commits = 0

    async def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        if function.__name__ == "write":
            self.commits += 1
            if self.commits in self.failing:
                await trio.sleep(1)
                raise StoreError("The store cannot be used: the disk is full")
        return await call_inline(function, *args)


def faulty(*failing: int) -> tuple[SqliteStore, Faults]:
    faults = Faults(*failing)
    return SqliteStore(new_path(), commit_interval_s=0.0, call_in_thread=faults), faults


async def read_all(run: Run) -> list[Event]:
    with run.subscribe() as events:
        return [event async for event in events]


async def lived(gateway: Gateway, request: BacktestRequest) -> list[list[Event]]:
    """The logs of two runs, as readers got them that were there from the beginning."""
    logs: list[list[Event]] = []

    async def follow(run: Run) -> None:
        logs.append(await read_all(run))

    async with trio.open_nursery() as nursery:
        for _ in range(2):
            nursery.start_soon(follow, gateway.submit(request))
    return sorted(logs, key=lambda log: log[0].data)


async def test_whichever_commit_fails_every_run_ends_as_without_the_fault(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store, faults = faulty()
    async with open_virtual_gateway(store=store) as gateway:
        usual = await lived(gateway, PACED)
    assert faults.commits > 10
    for number in range(1, faults.commits):
        store, _ = faulty(number, number + 1)
        caplog.clear()
        async with open_virtual_gateway(store=store) as gateway:
            logs = await lived(gateway, PACED)
            assert store.writable
        assert [essence(log) for log in logs] == [essence(log) for log in usual]
        assert "the disk is full" in caplog.text
        async with open_virtual_gateway(store=store) as gateway:
            for log in logs:
                assert_sound(log)
                run_id = log[0].decode()["run_id"]
                assert await read_all(await gateway.load_run(run_id)) == log


async def test_a_store_that_fails_for_good_is_an_error_and_no_reader_saw_what_it_lost(
    autojump_clock: MockClock,
) -> None:
    store, faults = faulty()
    seen: list[Event] = []

    async def follow(run: Run) -> None:
        with run.subscribe() as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what was seen before the fault counts

    async def fill_the_disk() -> None:
        async with open_virtual_gateway(store=store) as gateway, trio.open_nursery() as nursery:
            nursery.start_soon(follow, gateway.submit(PACED))
            await trio.sleep(5.5)
            faults.failing = tuple(range(1000))
            await trio.sleep(5)
            with pytest.raises(StoreError, match="cannot be written"):
                gateway.submit(REQUEST)
            nursery.cancel_scope.cancel()

    with pytest.raises(StoreError, match="the disk is full"):
        await fill_the_disk()
    faults.failing = ()
    async with open_virtual_gateway(store=store) as gateway:
        [status] = await gateway.statuses()
        log = await read_all(await gateway.load_run(status.run_id))
    assert_sound(log)
    assert log[:-1] == seen
    assert log[-1].payload["error"] == "interrupted by restart"


def test_a_cancellation_at_any_step_leaves_sound_logs_and_nothing_unwritten() -> None:
    stores: list[SqliteStore] = []

    async def scenario() -> None:
        stores[:] = [inline_store()]
        async with open_virtual_gateway(store=stores[0], max_running=1) as gateway:
            runs = [gateway.submit(REQUEST) for _ in range(2)]
            async with trio.open_nursery() as nursery:
                for run in runs:
                    nursery.start_soon(read_all, run)
                    nursery.start_soon(run.wait_finished)

    async def check_all() -> None:
        async with open_virtual_gateway(store=stores[0]) as gateway:
            assert all(run.status.state is State.QUEUED for run in gateway.runs())
            for status in await gateway.statuses():
                assert_sound(await read_all(await gateway.load_run(status.run_id)))

    def check() -> None:
        in_virtual_time(check_all)

    assert cancel_at_every_step(scenario, check=check) > 20
