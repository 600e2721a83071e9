"""The run actor: its log, its ends, and the slots it waits for.

Doctrine: virtual time, computing on the event loop (one module of tests uses threads, on purpose),
and every test that saw a log ends by holding it to the laws.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import trio
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st
from support.backends import in_virtual_time, open_virtual_gateway
from support.held_compute import HeldCompute
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Catalogue, Event, MaCrossover, Run, State, Stream
from glowback_trio.data.source import no_checkpoint
from glowback_trio.errors import (
    CursorAheadError,
    DataError,
    GatewayClosedError,
    InvalidRequestError,
    NotReadyError,
    QueueFullError,
    RunCancelledError,
    RunFailedError,
    UnknownRunError,
)
from glowback_trio.model.bars import Dataset
from glowback_trio.model.instant import stamp
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.model.result import Result
from glowback_trio.store import MemoryStore
from glowback_trio.store.memory_log import MemoryLog
from glowback_trio.testing import (
    EPOCH,
    cancel_at_every_step,
    seeded_schedule,
)

pytestmark = pytest.mark.usefixtures("backends")


def request_with(**changes: Any) -> BacktestRequest:
    given: dict[str, Any] = {
        "symbols": ["AAPL"],
        "start_date": "2024-01-01",
        "end_date": "2024-03-31",
        "strategy": MaCrossover(short_period=3, long_period=8),
        "stream": Stream(metrics_every=5, progress_steps=10, orders=True),
    }
    return BacktestRequest(**{**given, **changes})


PACED = Stream(metrics_every=1, progress_steps=1, pace_bars_per_s=2.0)


async def read_all(run: Run, after: int = 0) -> list[Event]:
    with run.subscribe(after) as events:
        return [event async for event in events]


async def test_a_run_emits_its_whole_life_and_leaves_a_result(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        assert (run.status.state, run.status.event_count) == (State.QUEUED, 1)
        log = await read_all(run)
        status = await run.wait_finished()
        result = run.result()
    assert_sound(log)
    assert status.state is State.COMPLETED
    assert (status.progress, status.error, status.event_count) == (1.0, None, len(log))
    assert {event.type for event in log} == {"state", "progress", "metric", "trade", "order", "log"}
    assert [e.payload for e in log if e.type == "metric"][-1]["value"] == result.curve.value[-1]
    assert sum(e.type == "trade" for e in log) == len(result.trades)


async def test_a_result_is_there_as_soon_as_the_run_is_seen_to_have_completed(
    autojump_clock: MockClock,
) -> None:
    results: list[Result] = []
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())

        def look() -> None:
            """Read the result during the ring: a reader that is a task reads it later."""
            if run.finished:
                results.append(run.result())
            else:
                with pytest.raises(NotReadyError, match="not ready"):
                    run.result()

        run.broadcaster.watch(look)
        await run.wait_finished()
    [result] = results
    assert result.metrics["total_trades"] == len(result.trades) > 0


async def test_a_subscriber_gets_the_same_log_whenever_it_comes(autojump_clock: MockClock) -> None:
    logs: list[list[Event]] = []

    async def come_after(run: Run, events: int) -> None:
        with run.subscribe() as first:
            for _ in range(events):
                await anext(first)
        logs.append(await read_all(run))

    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        async with trio.open_nursery() as nursery:
            for events in range(40):
                nursery.start_soon(come_after, run, events)
        logs.append(await read_all(run))
        assert run.subscribers == 0
    assert all(log == logs[0] for log in logs)
    assert_sound(logs[0])


async def test_no_event_is_lost_or_sent_twice_however_often_a_reader_comes_back(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        chained: list[Event] = []
        while not run.status.finished or len(chained) < run.status.event_count:
            with run.subscribe(after=len(chained)) as events:
                chained.append(await anext(events))
                assert_sound(chained, ended=events.ended)
        assert chained == await read_all(run)


@given(
    portions=st.lists(st.lists(st.integers(1, 9), max_size=4), max_size=9),
    seed=st.integers(0, 2**32),
)
def test_reading_in_any_portions_under_any_schedule_gives_a_prefix_of_the_log(
    portions: list[list[int]], seed: int
) -> None:
    received: list[Event] = []

    async def read_in_portions(run: Run) -> None:
        for portion in [*portions, [1000] * 1000]:
            with run.subscribe(after=len(received)) as events:
                for limit in portion:
                    received.extend(await events.read(limit))

    async def scenario() -> list[Event]:
        async with open_virtual_gateway() as gateway:
            run = gateway.submit(request_with(end_date="2024-02-15"))
            await read_in_portions(run)
            return await read_all(run)

    with seeded_schedule(seed):
        log = in_virtual_time(scenario)
    assert received == log
    assert_sound(received)


async def test_a_filter_moves_the_cursor_and_never_hides_the_end(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        with run.subscribe(types=["trade"]) as events:
            received = [event async for event in events]
            assert events.cursor == run.status.event_count
            assert events.ended
    assert [event.type for event in received[:-1]] == ["trade"] * (len(received) - 1)
    assert received[-1].payload["state"] == "completed"


async def test_a_cursor_ahead_of_the_log_is_refused_and_at_its_end_is_not(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        await run.wait_stored()
        newest = run.status.event_count
        words = f"it is {newest + 1}, and the newest event is {newest}"
        with pytest.raises(CursorAheadError, match=words):
            run.subscribe(after=newest + 1)
        await run.wait_finished()
        newest = run.status.event_count
        assert await read_all(run, after=newest) == []
        with pytest.raises(CursorAheadError):
            run.subscribe(after=newest + 1)


@pytest.mark.parametrize(
    ("options", "path", "kind"),
    [
        ({"types": ["trades"]}, ("types", 0), "literal_error"),
        ({"types": ["trade", "fill"]}, ("types", 1), "literal_error"),
        ({"types": {7}}, ("types", 0), "literal_error"),
        ({"types": []}, ("types",), "too_short"),
        ({"types": "trade"}, ("types",), "tuple_type"),
        ({"after": -1}, ("after",), "greater_than_equal"),
        ({"after": "3"}, ("after",), "int_type"),
    ],
)
async def test_a_filter_or_cursor_that_http_refuses_is_refused(
    options: dict[str, Any], path: tuple[str | int, ...], kind: str, autojump_clock: MockClock
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        with pytest.raises(InvalidRequestError) as caught:
            run.subscribe(**options)
        await run.wait_finished()
    assert [(problem.path, problem.kind) for problem in caught.value.problems] == [(path, kind)]
    assert run.subscribers == 0


async def test_no_way_to_read_a_log_takes_a_negative_cursor(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        await run.wait_finished()
        with pytest.raises(InvalidRequestError):
            run.events(after=-1)
        with pytest.raises(InvalidRequestError):
            await run.load_events(after=-1)


async def test_a_cancelled_read_loses_nothing(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with(stream=PACED))
        received: list[Event] = []
        with run.subscribe() as events:
            while not events.ended:
                with trio.move_on_after(0.05):
                    received += await events.read()
    assert_sound(received)


async def test_a_queued_run_is_cancelled_with_its_reason(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1) as gateway:
        gateway.submit(request_with(stream=PACED))
        waiting = gateway.submit(request_with())
        waiting.cancel("changed my mind")
        waiting.cancel("a second reason does not count")
        status = await waiting.wait_finished()
        log = await read_all(waiting)
    assert_sound(log)
    assert (status.state, status.error) == (State.CANCELLED, "changed my mind")
    assert status.started_at is None
    assert [event.payload["state"] for event in log] == ["queued", "cancelled"]
    with pytest.raises(RunCancelledError, match="changed my mind"):
        waiting.result()


async def test_a_running_run_is_cancelled_and_a_finished_one_is_not(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with(stream=PACED))
        await trio.sleep(3.25)  # between two bars, so that nothing is on its way to the store
        progress = run.status.event_count
        run.cancel("enough")
        status = await run.wait_finished()
        assert (status.state, status.error) == (State.CANCELLED, "enough")
        assert status.event_count == progress + 1
        done = gateway.submit(request_with())
        await done.wait_finished()
        done.cancel("too late")
        await wait_all_tasks_blocked()
        assert done.status.state is State.COMPLETED
        for ended in (run, done):
            assert_sound(await read_all(ended))


async def test_a_run_cancelled_before_its_task_began_still_emits_its_end(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with())
        run.cancel("at once")
        log = await read_all(run)
    assert_sound(log)
    assert run.status.state is State.CANCELLED


async def test_run_slots_are_given_in_the_order_of_submission(autojump_clock: MockClock) -> None:
    order: list[str] = []

    async def note_start(run: Run) -> None:
        await run.wait_stored()
        with run.subscribe(after=1, types=["state"]) as events:
            await anext(events)
            order.append(run.run_id)

    compute = HeldCompute()
    async with open_virtual_gateway(max_running=2, compute=compute) as gateway:
        runs = [gateway.submit(request_with(stream=PACED)) for _ in range(6)]
        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(note_start, run)
            await trio.sleep(1)
            states = [run.status.state for run in runs]
            assert states == [State.RUNNING] * 2 + [State.QUEUED] * 4
            compute.let_go.set()
    assert sorted(order[:2]) == ["run-1", "run-2"]
    assert sorted(order) == [run.run_id for run in runs]
    starts = [run.status.started_at for run in runs]
    assert starts == sorted(starts, key=str)


async def test_pace_is_kept_on_the_clock_of_the_test(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with(stream=PACED))
        log = await read_all(run)
        bars = len(run.result().curve)
    stamps = [event.decode()["timestamp"] for event in log if event.type == "metric"]
    assert stamps == [stamp(EPOCH + timedelta(seconds=bar / 2)) for bar in range(bars)]


async def test_a_paused_run_emits_nothing_until_it_is_resumed(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with(stream=PACED))
        await trio.sleep(3.2)
        emitted = run.status.event_count
        run.pause()
        run.pause()
        await trio.sleep(100)
        assert (run.status.event_count, run.status.paused) == (emitted, True)
        assert run.status.state is State.RUNNING
        run.resume()
        run.resume()
        assert not run.status.paused
        log = await read_all(run)
        bars = len(run.result().curve)
    assert_sound(log)
    stamps = [event.decode()["timestamp"] for event in log if event.type == "metric"]
    seconds = [bar / 2 if bar / 2 < 3.2 else bar / 2 + 100 for bar in range(bars)]
    assert stamps == [stamp(EPOCH + timedelta(seconds=second)) for second in seconds]


async def test_a_pause_leaves_no_trace_in_the_log(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        plain, paused = gateway.submit(request_with()), gateway.submit(request_with())
        paused.pause()
        await plain.wait_finished()
        assert (paused.status.state, paused.status.event_count) == (State.QUEUED, 1)
        paused.resume()
        assert essence(await read_all(paused)) == essence(await read_all(plain))


async def test_a_paused_run_can_be_cancelled(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1) as gateway:
        running, queued = gateway.submit(request_with(stream=PACED)), gateway.submit(request_with())
        running.pause()
        queued.pause()
        await trio.sleep(5)
        for run in (running, queued):
            run.cancel("enough")
            status = await run.wait_finished()
            assert (status.state, status.paused) == (State.CANCELLED, False)
            assert_sound(await read_all(run))


async def test_leaving_the_gateway_cancels_what_runs_and_what_waits(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway(max_running=1) as gateway:
        runs = [gateway.submit(request_with(stream=PACED)) for _ in range(3)]
        await trio.sleep(1)
    for run in runs:
        assert (run.status.state, run.status.error) == (State.CANCELLED, "the gateway was closed")
        assert_sound(run.events())
    with pytest.raises(GatewayClosedError, match="the gateway was closed"):
        gateway.submit(request_with())


async def test_the_users_own_error_leaves_the_gateway_bare(autojump_clock: MockClock) -> None:
    runs: list[Run] = []

    async def fail_inside() -> None:
        async with open_virtual_gateway() as gateway:
            runs.append(gateway.submit(request_with(stream=PACED)))
            await trio.sleep(1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()
    assert_sound(runs[0].events())


async def test_cancelling_the_program_around_a_gateway_ends_its_runs_soundly(
    autojump_clock: MockClock,
) -> None:
    with trio.move_on_after(1):
        async with open_virtual_gateway() as gateway:
            run = gateway.submit(request_with(stream=PACED))
            await trio.sleep_forever()
    assert run.status.state is State.CANCELLED
    assert_sound(run.events())


def test_a_cancellation_at_any_step_leaves_sound_logs_and_no_task() -> None:
    runs: list[Run] = []

    async def scenario() -> None:
        runs.clear()
        async with open_virtual_gateway(max_running=1) as gateway:
            runs.append(gateway.submit(request_with(end_date="2024-01-20")))
            runs.append(gateway.submit(request_with(end_date="2024-01-20")))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(read_all, runs[0])
                nursery.start_soon(read_all, runs[1])

    def check() -> None:
        for run in runs:
            # A store that keeps it lets a queued run go on in the next gateway.
            assert run.status.finished or run.status.state is State.QUEUED
            assert run.subscribers == 0
            assert_sound(run.events(), ended=run.status.finished)

    assert cancel_at_every_step(scenario, check=check) > 20


@frozen
class BrokenSource:
    """A source whose bars cannot be had."""

    error: Exception

    def problems(self, request: BacktestRequest) -> Iterator[Any]:
        return iter(())

    def load(
        self, request: BacktestRequest, checkpoint: Callable[[], object] = no_checkpoint
    ) -> Dataset:
        raise self.error

    def datasets(self) -> list[Any]:
        return []


async def test_bars_that_cannot_be_loaded_end_the_run_with_a_sentence(
    autojump_clock: MockClock,
) -> None:
    source = BrokenSource(DataError("AAPL_1d.csv, line 3, column 'close': 'x' is no number"))
    async with open_virtual_gateway(data=source) as gateway:
        run = gateway.submit(request_with())
        log = await read_all(run)
    assert_sound(log)
    assert run.status.state is State.FAILED
    assert run.status.error == "AAPL_1d.csv, line 3, column 'close': 'x' is no number"
    with pytest.raises(RunFailedError, match="line 3"):
        run.result()


async def test_an_unexpected_error_ends_one_run_and_discloses_no_secrets(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    source = BrokenSource(KeyError("/secret/path"))
    async with open_virtual_gateway(data=source) as gateway:
        run = gateway.submit(request_with())
        await run.wait_finished()
        assert run.status.error == "The simulation failed unexpectedly (KeyError)"
    assert "/secret/path" in caplog.text


async def test_a_request_that_the_source_refuses_starts_nothing(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(data=Catalogue(allow_sample=False)) as gateway:
        with pytest.raises(InvalidRequestError):
            gateway.submit(request_with())
        assert gateway.runs() == []


async def test_only_so_many_runs_may_wait(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(max_running=1, max_queued=2) as gateway:
        runs = [gateway.submit(request_with(stream=PACED)) for _ in range(3)]
        with pytest.raises(QueueFullError, match="the limit is 2"):
            gateway.submit(request_with())
        runs[0].cancel("make room")
        await wait_all_tasks_blocked()
        gateway.submit(request_with())


async def test_runs_are_listed_newest_first_and_found_by_id(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        runs = [gateway.submit(request_with()) for _ in range(3)]
        assert gateway.runs() == runs[::-1]
        assert gateway.run("run-2") is runs[1]
        with pytest.raises(UnknownRunError, match="Run not found"):
            gateway.run("run-4")


async def test_a_deleted_run_is_gone_while_its_readers_still_reach_its_end(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(request_with(stream=PACED))
        with run.subscribe() as events:
            received = [await anext(events) for _ in range(3)]
            gateway.delete(run.run_id)
            with pytest.raises(UnknownRunError):
                gateway.run(run.run_id)
            received += [event async for event in events]
        assert gateway.runs() == []
    assert_sound(received)
    assert received[-1].payload["error"] == "deleted"


async def test_finished_runs_leave_when_the_store_is_full(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway(store=MemoryStore(keep_runs=2)) as gateway:
        runs = [gateway.submit(request_with()) for _ in range(4)]
        for run in runs:
            await run.wait_finished()
        await wait_all_tasks_blocked()
        kept = gateway.runs()
        assert len(kept) == 2
        assert all(run.result() for run in kept)


class FullLog(MemoryLog):
    """A log that has no room for the tenth event."""

    def append(self, event: Event) -> None:
        if event.event_id == 10:
            raise OSError(28, "No space left on device")
        super().append(event)


class FullDisk(MemoryStore):
    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> MemoryLog:
        return FullLog(on_durable)


async def test_a_log_that_takes_no_more_is_loud_and_stays_whole(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_virtual_gateway(store=FullDisk()) as gateway:
        run = gateway.submit(request_with())
        await trio.sleep(10)
        assert not gateway.closed
        assert gateway.submit(request_with()).status.state == "queued"
    assert "The server is out of disk space at the moment" in caplog.text
    assert run.status.event_count == 9
    assert_sound(run.events(), ended=False)


async def test_the_log_depends_on_nothing_but_the_request(autojump_clock: MockClock) -> None:
    logs = []
    for seed in range(5):
        with seeded_schedule(seed):
            async with open_virtual_gateway(max_running=seed + 1) as gateway:
                runs = [gateway.submit(request_with()) for _ in range(3)]
                logs += [essence(await read_all(run)) for run in runs]
    assert all(log == logs[0] for log in logs)


def test_the_same_seed_gives_the_same_bytes() -> None:
    async def scenario() -> list[bytes]:
        heard: list[bytes] = []

        async def listen(run: Run) -> None:
            with run.subscribe() as events:
                async for event in events:
                    heard.append(event.data)  # noqa: PERF401 - the order among listeners counts

        async with open_virtual_gateway() as gateway, trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(listen, gateway.submit(request_with()))
        return heard

    def heard_under(seed: int) -> list[bytes]:
        with seeded_schedule(seed):
            heard: list[bytes] = in_virtual_time(scenario)
            return heard

    assert heard_under(1) == heard_under(1)
    assert heard_under(1) != heard_under(2)
