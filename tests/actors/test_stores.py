"""A gateway on each store, closed or killed, and the next gateway on what was kept.

Doctrine: whatever the store, the second gateway must say what the first one said: events byte for
byte, results bit for bit, order, keys. A kill is a copy of the store's file between two turns of
the event loop, which is what a process leaves that ends without a word.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve
from support.backends import STORES
from support.held_compute import HeldCompute
from support.optimizations import search_request
from support.results import plain
from support.sqlite_files import call_inline, inline_store, new_path
from trio.testing import MockClock

from glowback_trio import (
    BacktestRequest,
    Event,
    Gateway,
    InlineCompute,
    MaCrossover,
    Momentum,
    Run,
    RunFilter,
    SqliteStore,
    State,
    Stream,
    open_gateway,
)
from glowback_trio.errors import (
    InvalidRequestError,
    StoreError,
    UnknownRunError,
)
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.model.lifecycle import fold
from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.store import Store
from glowback_trio.store.durable import session
from glowback_trio.store.sqlite.database import connect
from glowback_trio.testing import virtual_now
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import request_document

_numbers = count(1)

PACED = Stream(metrics_every=1, progress_steps=5, pace_bars_per_s=2.0)


def request_with(**changes: Any) -> BacktestRequest:
    given: dict[str, Any] = {
        "symbols": ["AAPL"],
        "start_date": "2024-01-01",
        "end_date": "2024-02-15",
        "strategy": MaCrossover(short_period=3, long_period=8),
        "stream": Stream(metrics_every=5, progress_steps=10, orders=True),
    }
    return BacktestRequest(**{**given, **changes})


@asynccontextmanager
async def gateway_on(store: Store, **options: Any) -> AsyncIterator[Gateway]:
    options = {"compute": InlineCompute(), "clock": virtual_now, **options}
    new_id = lambda: f"run-{next(_numbers)}"  # noqa: E731 - an argument with a name
    async with open_gateway(store=store, new_id=new_id, **options) as gateway:
        yield gateway


async def read_all(run: Run, after: int = 0) -> list[Event]:
    with run.subscribe(after) as events:
        return [event async for event in events]


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return STORES[request.param]()


async def test_the_next_gateway_says_what_the_first_one_said(
    store: Store, autojump_clock: MockClock
) -> None:
    async with gateway_on(store) as gateway:
        runs = [gateway.submit(request_with(), key="first")]
        runs.append(gateway.submit(request_with(stream=PACED, strategy=Momentum())))
        runs[1].cancel("enough")
        runs.append(gateway.submit(request_with(symbols=["MSFT", "AAPL"]), key="third"))
        await gateway.wait_idle()
        logs = [await read_all(run) for run in runs]
        results = [plain(await runs[index].load_result()) for index in (0, 2)]
        statuses = await gateway.statuses()
        assert [status.run_id for status in statuses] == [run.run_id for run in runs[::-1]]
    async with gateway_on(store) as gateway:
        assert await gateway.statuses() == statuses
        for run, log in zip(runs, logs, strict=True):
            again = await gateway.load_run(run.run_id)
            assert again is gateway.run(run.run_id)
            assert (again.request, again.status) == (run.request, run.status)
            assert evolve(again.status, metrics=None) == fold(log, again.request)
            for cursor in (0, 1, len(log) // 2, len(log)):
                assert await read_all(again, cursor) == log[cursor:]
        loaded = [await gateway.load_run(runs[index].run_id) for index in (0, 2)]
        assert [plain(await run.load_result()) for run in loaded] == results
        found = [await gateway.find_key(key) for key in ("first", "second", "third")]
        assert found == [loaded[0], None, loaded[1]]


async def test_statuses_come_in_pages_newest_first(store: Store, autojump_clock: MockClock) -> None:
    async with gateway_on(store) as gateway:
        runs = [gateway.submit(request_with()) for _ in range(7)]
        runs[3].cancel("enough")
        await gateway.wait_idle()
    newest_first = [run.run_id for run in runs[::-1]]
    async with gateway_on(store) as gateway:
        before: str | None = None
        pages = []
        while page := await gateway.statuses(before=before, limit=3):
            pages += [status.run_id for status in page]
            before = page[-1].run_id
        assert pages == newest_first
        cancelled = await gateway.statuses(RunFilter(state=State.CANCELLED))
        assert [status.run_id for status in cancelled] == [runs[3].run_id]
        with pytest.raises(UnknownRunError):
            await gateway.statuses(before="no such run")


async def test_a_deleted_run_is_gone_for_good(store: Store, autojump_clock: MockClock) -> None:
    async with gateway_on(store) as gateway:
        runs = [gateway.submit(request_with(), key=f"key-{number}") for number in range(2)]
        await gateway.wait_idle()
        gateway.delete(runs[0].run_id)
        with pytest.raises(UnknownRunError):
            await gateway.load_run(runs[0].run_id)
        assert len(await read_all(runs[0])) == runs[0].status.event_count
    async with gateway_on(store) as gateway:
        assert [status.run_id for status in await gateway.statuses()] == [runs[1].run_id]
        with pytest.raises(UnknownRunError):
            await gateway.load_run(runs[0].run_id)
        assert await gateway.find_key("key-0") is None


async def test_a_run_that_is_deleted_while_it_is_loaded_does_not_come_back(
    store: Store, autojump_clock: MockClock
) -> None:
    async with gateway_on(store) as gateway:
        run_id = gateway.submit(request_with()).run_id
        await gateway.wait_idle()
    found: list[Run] = []

    async def load() -> None:
        with suppress(UnknownRunError):
            found.append(await gateway.load_run(run_id))

    async with gateway_on(store) as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(load)
        await gateway.load_run(run_id)
        nursery.start_soon(load)
        gateway.delete(run_id)
        nursery.start_soon(load)
        await trio.testing.wait_all_tasks_blocked()
        assert not gateway.holds(run_id)
        assert await gateway.statuses() == []
        await gateway.flush()
        assert await gateway.statuses() == []


def killed(store: SqliteStore) -> SqliteStore:
    """The store as it is found when its process has been killed at this moment."""
    copy = new_path()
    for suffix in ("", "-wal"):
        source = Path(f"{store.path}{suffix}")
        shutil.copy(source, f"{copy}{suffix}")
    return inline_store(copy)


async def stages(request: BacktestRequest, every: float) -> list[tuple[int, SqliteStore]]:
    """Kill a gateway with one run again and again; what it left, by the events that were seen."""
    store = inline_store()
    found: list[tuple[int, SqliteStore]] = []
    async with gateway_on(store) as gateway:
        run = gateway.submit(request)
        await run.wait_stored()
        while not run.finished:
            found.append((run.broadcaster.log.watermark, killed(store)))
            await trio.sleep(every)
    return found


async def told(store: SqliteStore) -> list[Event]:
    """The log of the only run, once it has ended in the next gateway."""
    async with gateway_on(store) as gateway:
        [status] = await gateway.statuses()
        run = await gateway.load_run(status.run_id)
        await run.wait_finished()
        log = await read_all(run)
        assert_sound(log)
        assert evolve(run.status, metrics=None) == fold(log, run.request)
        return log


async def test_a_killed_run_has_failed_and_every_event_that_was_seen_is_there(
    autojump_clock: MockClock,
) -> None:
    for seen, store in (await stages(request_with(stream=PACED), every=1.7))[1:]:
        for _ in range(2):  # the interruption is noted once
            log = await told(store)
            assert len(log) == seen + 1
            assert log[-1].payload["error"] == "interrupted by restart"


async def test_a_queued_run_starts_again_under_its_id(autojump_clock: MockClock) -> None:
    store = inline_store()
    async with gateway_on(store, max_running=1, compute=HeldCompute()) as gateway:
        runs = [gateway.submit(request_with(stream=PACED)) for _ in range(3)]
        await trio.sleep(2)
        left = killed(store)
    async with gateway_on(left, max_running=1) as gateway:
        states = [gateway.run(run.run_id).status.state for run in runs]
        assert states == [State.FAILED, State.QUEUED, State.QUEUED]
        await gateway.wait_idle()
        logs = [await read_all(gateway.run(run.run_id)) for run in runs]
    assert [log[-1].payload["state"] for log in logs] == ["failed", "completed", "completed"]
    assert essence(logs[1]) == essence(logs[2])
    for log in logs:
        assert_sound(log)


async def test_a_run_that_asks_for_it_is_computed_again_and_told_on(
    autojump_clock: MockClock,
) -> None:
    request = request_with(stream=PACED, on_restart="rerun")
    begin = trio.current_time()
    usual = await told_by(request)
    took = trio.current_time() - begin
    for seen, store in await stages(request, every=2.3):
        async with gateway_on(store) as gateway:
            [run] = gateway.runs()
            before = list(await run.load_events(limit=seen))
            begin = trio.current_time()
            await run.wait_finished()
            assert trio.current_time() - begin <= took, "what was told is not waited for again"
            log = await read_all(run)
        assert_sound(log)
        assert log[:seen] == before
        assert essence(log) == essence(usual)


async def told_by(request: BacktestRequest) -> list[Event]:
    async with gateway_on(inline_store()) as gateway:
        return await read_all(gateway.submit(request))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"strategy": MaCrossover(short_period=3, long_period=9)}, "differs from its log at event"),
        ({"end_date": "2024-01-20"}, "differs from its log at event"),
    ],
)
async def test_a_run_that_comes_out_differently_says_where(
    change: dict[str, Any], words: str, autojump_clock: MockClock
) -> None:
    request = request_with(on_restart="rerun", stream=evolve(PACED, orders=True))
    seen, store = (await stages(request, every=2.3))[-1]
    other = request_with(**{"on_restart": "rerun", "stream": request.stream, **change})
    change_request(store, other)
    log = await told(store)
    error = log[-1].payload["error"]
    assert words in error
    assert len(log) == seen + 1


def change_request(store: SqliteStore, request: BacktestRequest) -> None:
    """Let the run have been asked for otherwise, as if its data or its strategy had changed."""
    connection = connect(store.path)
    text = dumps(request_document(request)).decode()
    connection.execute("UPDATE requests SET document = ?", (text,))
    connection.close()


async def test_a_gateway_holds_few_of_the_runs_that_a_file_has(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "_RUNS_AT_HAND", 3)
    store = inline_store()
    async with gateway_on(store) as gateway:
        runs = [gateway.submit(request_with()) for _ in range(8)]
        await gateway.wait_idle()
        assert len(gateway.runs()) == 3
        assert len(await gateway.statuses()) == 8
    async with gateway_on(store) as gateway:
        assert gateway.runs() == []
        for run in runs:
            assert (await gateway.load_run(run.run_id)).status == run.status
        assert len(gateway.runs()) == 3
        with pytest.raises(UnknownRunError):
            gateway.run(runs[0].run_id)


class BadSector:
    """Carries calls out on the event loop; while it is `there`, a query reads nothing."""

    def __init__(self, query: str) -> None:
        self.query = query
        self.there = False

    async def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        if self.there and function.__name__ == "_ask" and args[0].__name__ == self.query:
            await trio.sleep(0.1)
            raise StoreError("The store cannot be used: the disk reports an error")
        return await call_inline(function, *args)


@pytest.mark.parametrize("lasts_s", [3.0, 3600.0])
async def test_a_run_that_is_computed_again_waits_out_a_disk_that_cannot_be_read_for_a_while(
    lasts_s: float, autojump_clock: MockClock
) -> None:
    request = request_with(stream=PACED, on_restart="rerun")
    _, left = (await stages(request, every=2.3))[-1]
    disk = BadSector("read_events")
    store = SqliteStore(left.path, commit_interval_s=0.0, call_in_thread=disk)
    async with gateway_on(store) as gateway:
        [run] = gateway.runs()
        disk.there = True
        await trio.sleep(lasts_s)
        disk.there = False
        status = await run.wait_finished()
        assert_sound(await run.load_events(limit=10_000))
    if lasts_s < 10:
        assert status.state is State.COMPLETED
    else:
        assert status.error == ("The run cannot be computed again: its log cannot be read")


@pytest.mark.parametrize("on_restart", ["fail", "rerun"])
async def test_a_run_that_could_not_be_read_at_the_start_is_taken_up_when_it_is_asked_for(
    on_restart: str, autojump_clock: MockClock
) -> None:
    request = request_with(stream=PACED, on_restart=on_restart)
    _, left = (await stages(request, every=2.3))[-1]
    disk = BadSector("find_run")
    store = SqliteStore(left.path, commit_interval_s=0.0, call_in_thread=disk)
    disk.there = True
    async with gateway_on(store) as gateway:
        assert gateway.runs() == []
        disk.there = False
        [status] = await gateway.statuses()
        loaded: list[Run] = []

        async def load() -> None:
            loaded.append(await gateway.load_run(status.run_id))

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(load)
        assert len(set(map(id, loaded))) == 1
        end = await loaded[0].wait_finished()
        assert end.state is (State.FAILED if on_restart == "fail" else State.COMPLETED)
        assert_sound(await loaded[0].load_events(limit=10_000))


async def test_text_that_some_database_cannot_store_is_found_nowhere(store: Store) -> None:
    odd = "a\0b"
    async with gateway_on(store) as gateway:
        run = gateway.submit(request_with())
        await run.wait_finished()
        with pytest.raises(UnknownRunError):
            await gateway.load_run(odd)
        with pytest.raises(UnknownOptimizationError):
            await gateway.load_optimization(odd)
        assert await gateway.find_key(odd) is None
        for name in ("tag", "q", "search", "strategy", "symbol"):
            condition: dict[str, Any] = {name: odd}
            assert not await gateway.statuses(RunFilter(**condition)), name


async def test_a_key_or_owner_that_some_database_cannot_store_is_refused(store: Store) -> None:
    async with gateway_on(store) as gateway:
        for key in ("", "a\0b", "a\udfff", "k" * 256):
            with pytest.raises(InvalidRequestError, match="key"):
                gateway.submit(request_with(), key=key)
            with pytest.raises(InvalidRequestError, match="key"):
                gateway.optimize(search_request(), key=key)
        for owner in ("a\0b", "a\udfff"):
            with pytest.raises(InvalidRequestError, match="owner"):
                gateway.submit(request_with(), owner=owner)
        # An index of a database has a limit for what it holds.
        run = gateway.submit(request_with(), key="😀" * 255, owner="😀" * 5_000)
        await run.wait_finished()
        assert await gateway.find_key("😀" * 255) is run
