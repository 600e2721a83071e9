"""Runs that a store kept, in the next gateway: finished ones as they were, interrupted ones failed.

Doctrine: the first gateway's objects are gone with it, so whatever a restored run says is compared
with what was said before. A crash is a copy of the store's bytes, taken in the middle of a run.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from itertools import count
from typing import Any, ClassVar

import pytest
import trio
from attrs import evolve, frozen
from support.bytes_store import BytesStore, Record
from support.results import plain
from trio.testing import MockClock

from glowback_trio import (
    BacktestRequest,
    BarStrategy,
    Context,
    Event,
    Gateway,
    InlineCompute,
    MemoryStore,
    OnBar,
    Run,
    State,
    Stream,
    open_gateway,
)
from glowback_trio.errors import CursorAheadError, RunCancelledError, RunFailedError, StoreError
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import fold
from glowback_trio.store import Store
from glowback_trio.testing import virtual_now
from glowback_trio.wire.requests import request_document

STORES: dict[str, Callable[[], Store]] = {
    "memory": MemoryStore,
    "bytes": BytesStore,
    "bytes that leave memory": lambda: BytesStore(at_hand=5),
    "bytes written late": lambda: BytesStore(lag=True),
}


@frozen
class Fails(BarStrategy):
    name: ClassVar[str] = "fails"
    title: ClassVar[str] = "Fails"

    def start(self) -> OnBar:
        def on_bar(_context: Context) -> None:
            raise ValueError("no first bar")

        return on_bar


@frozen
class Idle(BarStrategy):
    name: ClassVar[str] = "idle"
    title: ClassVar[str] = "Idle"

    def start(self) -> OnBar:
        return lambda _context: None


def request_with(**changes: Any) -> BacktestRequest:
    given: dict[str, Any] = {
        "symbols": ["AAPL"],
        "start_date": "2024-01-01",
        "end_date": "2024-02-15",
        "stream": Stream(metrics_every=5, progress_steps=10),
    }
    return BacktestRequest(**{**given, **changes})


SLOW = request_with(stream=Stream(metrics_every=1, progress_steps=5, pace_bars_per_s=2.0))

_numbers = count(1)


@asynccontextmanager
async def gateway_on(store: Store, **options: Any) -> AsyncIterator[Gateway]:
    async with open_gateway(
        store=store,
        compute=InlineCompute(),
        clock=virtual_now,
        new_id=lambda: f"run-{next(_numbers)}",
        **options,
    ) as gateway:
        yield gateway


async def read_all(run: Run, after: int = 0) -> list[Event]:
    with run.subscribe(after) as events:
        return [event async for event in events]


async def lived(gateway: Gateway) -> list[Run]:
    """Runs that ended in every way there is."""
    completed, cancelled = gateway.submit(request_with()), gateway.submit(SLOW)
    failed = gateway.submit(request_with(strategy=Fails()))
    await trio.sleep(3)
    cancelled.cancel("enough")
    for run in (completed, cancelled, failed):
        await run.wait_finished()
    return [completed, cancelled, failed]


@pytest.mark.parametrize("name", STORES)
async def test_finished_runs_are_what_they_were(name: str, autojump_clock: MockClock) -> None:
    store = STORES[name]()
    async with gateway_on(store, strategies=[Fails]) as gateway:
        before = await lived(gateway)
        logs = [await read_all(run) for run in before]
        result = plain(await before[0].load_result())
    assert [run.status.state for run in before] == [
        State.COMPLETED,
        State.CANCELLED,
        State.FAILED,
    ]
    async with gateway_on(store, strategies=[Fails]) as gateway:
        after = gateway.runs()[::-1]
        assert [run.run_id for run in after] == [run.run_id for run in before]
        assert [run.status for run in after] == [run.status for run in before]
        assert [run.request for run in after] == [run.request for run in before]
        assert [await read_all(run) for run in after] == logs
        assert plain(await after[0].load_result()) == result
        with pytest.raises(RunCancelledError, match="enough"):
            await after[1].load_result()
        with pytest.raises(RunFailedError):
            after[2].result()


@pytest.mark.parametrize("name", STORES)
async def test_a_stream_goes_on_in_the_next_gateway(name: str, autojump_clock: MockClock) -> None:
    store = STORES[name]()
    async with gateway_on(store) as gateway:
        run = gateway.submit(request_with())
        await run.wait_finished()
        log = await read_all(run)
    async with gateway_on(store) as gateway:
        restored = gateway.run(run.run_id)
        for cursor in range(len(log) + 1):
            assert await read_all(restored, cursor) == log[cursor:]
        with pytest.raises(CursorAheadError):
            restored.subscribe(len(log) + 1)


async def test_commands_to_a_restored_run_change_nothing(autojump_clock: MockClock) -> None:
    store = BytesStore()
    async with gateway_on(store) as gateway:
        run = gateway.submit(request_with())
        status = await run.wait_finished()
    async with gateway_on(store) as gateway:
        restored = gateway.run(run.run_id)
        restored.cancel("too late")
        restored.pause()
        assert restored.status == await restored.wait_finished() == status
        restored.resume()
        assert restored.finished
        await gateway.wait_idle()
        gateway.delete(run.run_id)
        assert gateway.runs() == []
    assert store.records == {}


async def test_a_restored_run_leaves_with_the_oldest(autojump_clock: MockClock) -> None:
    store = BytesStore()
    async with gateway_on(store) as gateway:
        runs = []
        for _ in range(3):  # the oldest is the one that finished first
            runs.append(gateway.submit(request_with()))
            await gateway.wait_idle()
    store.keep_runs = 2
    async with gateway_on(store) as gateway:
        assert [run.run_id for run in gateway.runs()] == [run.run_id for run in runs[:0:-1]]
        newest = gateway.submit(request_with())
        await newest.wait_finished()
        await trio.testing.wait_all_tasks_blocked()
        assert [run.run_id for run in gateway.runs()] == [newest.run_id, runs[2].run_id]


def crashed(records: dict[str, Record], run_id: str, events: int) -> BytesStore:
    """A store as it is found when a run's gateway died after so many events."""
    copies = deepcopy(records)
    del copies[run_id].events[events:]
    copies[run_id].result = None
    return BytesStore(records=copies)


async def test_a_run_that_was_interrupted_after_any_event_has_failed(
    autojump_clock: MockClock,
) -> None:
    store = BytesStore()
    async with gateway_on(store) as gateway:
        run = gateway.submit(request_with())
        await run.wait_finished()
        log = await read_all(run)
    for events in range(2, len(log)):
        async with gateway_on(crashed(store.records, run.run_id, events)) as gateway:
            restored = gateway.run(run.run_id)
            status = await restored.wait_finished()
            assert (status.state, status.error) == (State.FAILED, "interrupted by restart")
            kept = await read_all(restored)
            assert_sound(kept)
            assert kept[:-1] == log[:events]
            assert status == fold(kept, run.request)
            with pytest.raises(RunFailedError, match="interrupted by restart"):
                await restored.load_result()


async def test_an_interruption_is_noted_once(autojump_clock: MockClock) -> None:
    store = BytesStore()
    async with gateway_on(store) as gateway:
        run = gateway.submit(SLOW)
        await trio.sleep(3)
        store = BytesStore(records=deepcopy(store.records))
    for _ in range(3):
        async with gateway_on(store) as gateway:
            log = await read_all(gateway.run(run.run_id))
            assert_sound(log)
            assert [e.payload["state"] for e in log if e.type == "state"] == [
                "queued",
                "running",
                "failed",
            ]


async def test_an_end_is_never_dated_before_what_came_before_it(autojump_clock: MockClock) -> None:
    """The clock of the machine may have been put back between two gateways."""
    store = BytesStore()
    await trio.sleep(1000)
    async with gateway_on(store) as gateway:
        run = gateway.submit(SLOW)
        await trio.sleep(3)
        store = BytesStore(records=deepcopy(store.records))
    early = virtual_now().replace(year=2000)
    async with open_gateway(store=store, clock=lambda: early) as gateway:
        assert_sound(await read_all(gateway.run(run.run_id)))


async def test_a_run_that_cannot_be_read_keeps_no_other_away(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = BytesStore()
    async with gateway_on(store) as gateway:
        first, second = gateway.submit(request_with()), gateway.submit(request_with())
        await gateway.wait_idle()
    record = store.records[first.run_id]
    readable, record.request = record.request, b'{"symbols":[]}'
    async with gateway_on(store) as gateway:
        assert [run.run_id for run in gateway.runs()] == [second.run_id]
    assert f"Run {first.run_id} cannot be restored: symbols" in caplog.text
    record.request = readable
    async with gateway_on(store) as gateway:
        assert [run.run_id for run in gateway.runs()] == [second.run_id, first.run_id]


async def test_a_run_whose_strategy_is_gone_is_read_as_before(autojump_clock: MockClock) -> None:
    store = BytesStore()
    idle = request_with(strategy=Idle())
    async with gateway_on(store, strategies=[Idle]) as gateway:
        run = gateway.submit(idle)
        await gateway.wait_idle()
        log = await read_all(run)
    async with gateway_on(store) as gateway:
        kept = gateway.run(run.run_id)
        assert (kept.status, await read_all(kept)) == (run.status, log)
        assert await kept.load_result() is not None
        assert request_document(kept.request) == request_document(idle)


async def test_an_interrupted_run_whose_strategy_is_gone_fails_and_says_so(
    autojump_clock: MockClock,
) -> None:
    store = BytesStore()
    async with gateway_on(store, strategies=[Idle], max_running=1) as gateway:
        slow = evolve(SLOW, strategy=Idle(), on_restart="rerun")
        runs = [gateway.submit(slow), gateway.submit(slow)]
        await trio.sleep(3)
        store = BytesStore(records=deepcopy(store.records))
    async with gateway_on(store) as gateway:
        for run in runs:  # the one was running, the other queued
            log = await read_all(gateway.run(run.run_id))
            assert_sound(log)
            error = log[-1].payload["error"]
            assert error.startswith("The strategy 'idle' is not known any more")


async def test_a_store_serves_one_gateway_at_a_time(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with gateway_on(store):
        with pytest.raises(StoreError, match="open in another gateway"):
            async with gateway_on(store):
                pytest.fail("it was opened twice")
