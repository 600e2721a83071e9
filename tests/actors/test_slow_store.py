"""A store that writes late and lets events leave memory, under runs and their readers.

Doctrine: whatever the store, a reader gets the log, the whole log, and never an event that the
store might still lose. The store's delays are turns of the event loop, so the schedule is the
test's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from support.backends import in_virtual_time
from support.bytes_store import BytesStore
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Event, Gateway, MaCrossover, Result, Run, State, Stream
from glowback_trio.errors import CursorAheadError, NotReadyError
from glowback_trio.model.events import EventType
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.testing import cancel_at_every_step, find, open_virtual_gateway


def request_with(**changes: Any) -> BacktestRequest:
    given: dict[str, Any] = {
        "symbols": ["AAPL"],
        "start_date": "2024-01-01",
        "end_date": "2024-03-31",
        "strategy": MaCrossover(short_period=3, long_period=8),
        "stream": Stream(metrics_every=5, progress_steps=10, orders=True),
    }
    return BacktestRequest(**{**given, **changes})


@asynccontextmanager
async def slow_gateway(**options: Any) -> AsyncIterator[Gateway]:
    store = BytesStore(at_hand=4, lag=True)
    async with open_virtual_gateway(store=store, **options) as gateway:
        yield gateway


async def read_all(run: Run, after: int = 0, **options: Any) -> list[Event]:
    with run.subscribe(after, **options) as events:
        return [event async for event in events]


async def usual_log() -> list[Event]:
    async with open_virtual_gateway() as gateway:
        return await read_all(gateway.submit(request_with()))


def test_every_reader_gets_the_log_whenever_it_comes_in_whatever_order() -> None:
    usual = essence(in_virtual_time(usual_log))
    logs: list[list[Event]] = []

    async def come_after(run: Run, events: int) -> None:
        with run.subscribe() as first:
            for _ in range(events):
                await anext(first)
        logs.append(await read_all(run))

    async def scenario() -> None:
        logs.clear()
        async with slow_gateway() as gateway, trio.open_nursery() as nursery:
            run = gateway.submit(request_with())
            for events in range(0, 40, 3):
                nursery.start_soon(come_after, run, events)

    def check() -> None:
        assert len(logs) == 14
        assert_sound(logs[0])
        assert all(log == logs[0] for log in logs)
        assert essence(logs[0]) == usual

    for strategy in ("random", "pct"):
        finding = find(
            scenario, check, strategy=strategy, faults=("slow",), rounds=25, allow=("clock",)
        )
        assert finding is None, str(finding)


async def test_nothing_is_seen_that_is_not_durable(autojump_clock: MockClock) -> None:
    async with slow_gateway() as gateway:
        run = gateway.submit(request_with())
        assert run.status.event_count == 1
        assert run.broadcaster.log.watermark == 0
        assert list(run.events()) == []
        with pytest.raises(CursorAheadError):
            run.subscribe(after=1)
        with run.subscribe() as events:
            async for event in events:
                assert event.event_id <= run.broadcaster.log.watermark


async def test_a_run_has_finished_when_its_end_is_durable(autojump_clock: MockClock) -> None:
    async with slow_gateway() as gateway:
        run = gateway.submit(request_with())
        status = await run.wait_finished()
        assert status.state is State.COMPLETED
        assert run.broadcaster.log.watermark == status.event_count


async def test_events_that_left_memory_have_to_be_waited_for(autojump_clock: MockClock) -> None:
    async with slow_gateway() as gateway:
        run = gateway.submit(request_with())
        newest = (await run.wait_finished()).event_count
        with pytest.raises(NotReadyError, match="load_events"):
            run.events()
        with run.subscribe() as events:
            assert list(events.read_nowait()) == []
            assert events.behind
            assert events.cursor == 0
        loaded = await run.load_events(limit=newest)
        assert_sound(loaded)
        assert run.events(newest - 2) == loaded[-2:]
        assert await run.load_events(3, limit=5) == loaded[3:8]
        assert list(await run.load_events(newest)) == list(run.events(newest)) == []


async def test_a_result_that_left_memory_has_to_be_waited_for(autojump_clock: MockClock) -> None:
    async with slow_gateway() as gateway:
        run = gateway.submit(request_with())
        with pytest.raises(NotReadyError, match="not ready"):
            await run.load_result()
        await run.wait_finished()
        with pytest.raises(NotReadyError, match="load_result"):
            run.result()
        assert isinstance(await run.load_result(), Result)


@pytest.mark.parametrize("kind", ["trade", "log"])
async def test_a_rare_type_is_found_among_events_that_left_memory(
    kind: EventType, autojump_clock: MockClock
) -> None:
    async with slow_gateway() as gateway:
        run = gateway.submit(request_with())
        *log, end = await read_all(run)
        wanted = [event for event in log if event.type == kind]
        assert await read_all(run, types=[kind]) == [*wanted, end]
        with run.subscribe(types=[kind]) as events:
            while not events.ended:
                assert len(await events.read(limit=1)) == 1
            assert not events.behind


async def test_a_run_that_is_paused_while_its_result_is_written_waits(
    autojump_clock: MockClock,
) -> None:
    class Hook(BytesStore):
        async def keep_result(self, run_id: str, result: Result) -> None:
            await super().keep_result(run_id, result)
            run.pause()

    async with open_virtual_gateway(store=Hook()) as gateway:
        run = gateway.submit(request_with())
        await wait_all_tasks_blocked()
        assert (run.status.state, run.status.paused) == (State.RUNNING, True)
        run.resume()
        assert (await run.wait_finished()).state is State.COMPLETED


async def test_a_write_that_fails_later_ends_the_gateway_and_no_reader_saw_the_event(
    autojump_clock: MockClock,
) -> None:
    store = BytesStore(lag=True)
    paced = Stream(metrics_every=1, pace_bars_per_s=1.0)
    seen: list[Event] = []
    runs: list[Run] = []

    async def read_on(run: Run) -> None:
        with run.subscribe() as events:
            async for event in events:
                seen.append(event)  # noqa: PERF401 - what was seen before the fault counts

    async def fill_the_disk() -> None:
        async with open_virtual_gateway(store=store) as gateway, trio.open_nursery() as nursery:
            runs.append(gateway.submit(request_with(stream=paced)))
            nursery.start_soon(read_on, runs[0])
            await trio.sleep(5.5)
            store.full = True
            await trio.sleep_forever()

    with pytest.raises(OSError, match="No space left"):
        await fill_the_disk()
    assert_sound(seen, ended=False)
    assert len(seen) == runs[0].broadcaster.log.watermark == runs[0].status.event_count


def test_a_cancellation_at_any_step_leaves_sound_logs_and_nothing_unwritten() -> None:
    stores: list[BytesStore] = []

    async def scenario() -> None:
        stores[:] = [BytesStore(at_hand=4, lag=True)]
        async with open_virtual_gateway(store=stores[0], max_running=1) as gateway:
            runs = [gateway.submit(request_with(end_date="2024-01-12")) for _ in range(2)]
            async with trio.open_nursery() as nursery:
                for run in runs:
                    nursery.start_soon(read_all, run)
                    nursery.start_soon(run.wait_finished)

    async def logs() -> list[list[Event]]:
        async with open_virtual_gateway(store=stores[0]) as gateway:
            return [await read_all(run) for run in gateway.runs()]

    def check() -> None:
        ends = [record.events[-1] for record in stores[0].records.values()]
        for log in in_virtual_time(logs):
            assert_sound(log)
            # It had ended, or it was queued and has gone on.
            assert log[-1].data in ends or log[0].data in ends, "nothing had to be repaired"

    assert cancel_at_every_step(scenario, check=check) > 20
