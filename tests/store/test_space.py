"""The space of a SQLite file: what is deleted makes it smaller, and old runs leave by its rules.

Doctrine: the size of the file on disk is what counts, after the store has had its turns. Commits
are made on the event loop, so that a test can wait until all tasks are blocked.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from support.results import small_result
from support.sqlite_files import call_inline
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, InlineCompute, SqliteStore, open_gateway
from glowback_trio.errors import UnknownRunError
from glowback_trio.model.events import encode
from glowback_trio.model.instant import stamp
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store.sqlite.database import connect

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01", tags=["t"])
DAY = datetime(2024, 1, 1, tzinfo=UTC)
TABLES = ("runs", "requests", "event_batches", "results", "labels", "found_by")


def quiet() -> None:
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@asynccontextmanager
async def opened(path: Path, **keep: Any) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, commit_interval_s=0.0, call_in_thread=call_inline, **keep)
    async with store.opened(make_registry()):
        yield store


async def write(
    store: SqliteStore, run_id: str, events: int = 1, length: int = 1000, day: int = 0
) -> None:
    """Write a run that has failed, with so many events before its end."""
    log, moment = store.open_log(run_id, REQUEST, quiet), stamp(DAY + timedelta(days=day))
    log.append(encode(1, run_id, "state", moment, b'{"state":"queued"}'))
    for number in range(2, events + 2):
        log.append(encode(number, run_id, "log", moment, b'{"message":"%b"}' % (b"x" * length)))
        if number % 500 == 0:
            await store.flush()
    log.append(encode(events + 2, run_id, "state", moment, b'{"state":"failed","error":"no"}'))
    await store.flush()


def counts(path: Path) -> dict[str, int]:
    with closing(connect(path, read_only=True)) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").get for table in TABLES}


def batches_of(path: Path, seq: int) -> int:
    with closing(connect(path, read_only=True)) as connection:
        sql = "SELECT count(*) FROM event_batches WHERE run = ?"
        return int(connection.execute(sql, (seq,)).get)


def size(path: Path) -> int:
    """Return the bytes of the file and of the log beside it."""
    return sum(each.stat().st_size for each in (path, path.with_name(path.name + "-wal")))


async def test_a_deleted_run_makes_the_file_smaller(path: Path) -> None:
    async with opened(path) as store:
        await write(store, "first")
        for number in range(4):
            await write(store, f"long-{number}", events=4000)
        await write(store, "last")
        await store.keep_result("last", small_result())
        assert size(path) > 16_000_000
        for number in range(4):
            store.forget(f"long-{number}")
        await wait_all_tasks_blocked()
        assert size(path) < 500_000
        assert (await store.reopen("last", quiet)).log.watermark == 3
        assert await store.result("last") is not None
    assert counts(path)["event_batches"] == 2


async def test_no_row_is_left_of_a_deleted_run(path: Path) -> None:
    async with opened(path) as store:
        await write(store, "r", events=300)
        await store.keep_result("r", small_result())
        store.label("r", Labels(name="n", tags=["a", "b"], note="n"))
        await store.flush()
        store.forget("r")
        await wait_all_tasks_blocked()
        assert counts(path) == dict.fromkeys(TABLES, 0)


async def test_events_of_others_are_written_while_space_is_given_back(path: Path) -> None:
    async with opened(path) as store:
        await write(store, "long", events=50_000, length=10)
        log = store.open_log("live", REQUEST, quiet)
        log.append(encode(1, "live", "state", stamp(DAY), b'{"state":"queued"}'))
        store.forget("long")
        left = [batches_of(path, 1)]
        for number in range(2, 20):
            log.append(encode(number, "live", "log", stamp(DAY), b"{}"))
            await store.flush()
            assert log.watermark == number
            left.append(batches_of(path, 1))
        assert len(set(left)) > 2, "in steps"
        assert left[-1] == 0


KEPT = [
    ({"keep_runs": 2}, ["run-3", "run-4"]),
    ({"keep_bytes": 250_000}, ["run-3", "run-4"]),
    ({"keep_bytes": 1}, ["run-4"]),
    ({"keep_days": 2.5}, ["run-2", "run-3", "run-4"]),
    ({"keep_days": 1.5, "keep_runs": 1}, ["run-4"]),
    ({}, [f"run-{number}" for number in range(5)]),
]


@pytest.mark.parametrize(("keep", "left"), KEPT)
async def test_a_file_keeps_what_its_rules_say(
    path: Path, keep: dict[str, Any], left: list[str]
) -> None:
    async with opened(path, **keep) as store:
        for number in range(5):
            await write(store, f"run-{number}", events=100, day=number)
        live = store.open_log("live", REQUEST, quiet)
        live.append(encode(1, "live", "state", stamp(DAY), b'{"state":"queued"}'))
        await store.flush()
        assert store.expires == bool(keep)
        while expired := await store.expired(DAY + timedelta(days=4)):
            for run_id in expired:
                store.forget(run_id)
            await store.flush()
        assert list(await store.run_ids()) == [*left, "live"]


async def test_a_gateway_lets_old_runs_go_in_the_background(
    path: Path, autojump_clock: MockClock
) -> None:
    store = SqliteStore(path, commit_interval_s=0.0, call_in_thread=call_inline, keep_runs=2)
    async with open_gateway(store=store, compute=InlineCompute()) as gateway:
        runs = [gateway.submit(REQUEST) for _ in range(5)]
        await gateway.wait_idle()
        await trio.sleep(20)
        assert [status.run_id for status in await gateway.statuses()] == [
            run.run_id for run in reversed(runs[3:])
        ]
        for run in runs[:3]:
            with pytest.raises(UnknownRunError):
                gateway.run(run.run_id)
            with pytest.raises(UnknownRunError):
                await gateway.load_run(run.run_id)


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Free nothing that is part of a cycle, as a server does for a long time."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("ended", [True, False])
async def test_a_run_that_is_deleted_leaves_nothing_that_waits_for_the_garbage_collector(
    path: Path, autojump_clock: MockClock, no_collection: None, *, ended: bool
) -> None:
    store = SqliteStore(path, commit_interval_s=0.0, call_in_thread=call_inline)
    async with open_gateway(store=store, compute=InlineCompute()) as gateway:
        run_id = gateway.submit(REQUEST).run_id
        await gateway.run(run_id).wait_stored()
        if ended:
            await gateway.wait_idle()
        gateway.delete(run_id)
        await trio.sleep(10)
        assert counts(path) == dict.fromkeys(TABLES, 0)
