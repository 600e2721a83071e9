"""The store in a SQLite file: what no protocol can say, in the file and on the disk.

Doctrine: what every store does is tested in `test_conformance.py`. Here faults are made where they
arise: a file that is full by SQLite's own bound, a lock of another connection, bytes that change on
disk. Commits are made on the event loop, so that no test waits for a thread, but for the one that
is about threads.
"""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import apsw
import pytest
import trio
from support.results import plain, small_result
from support.sqlite_files import inline_store
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Event, RunFilter, SqliteStore
from glowback_trio.errors import StoreError, UnknownRunError
from glowback_trio.model.events import encode
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import EventLog
from glowback_trio.store.sqlite.database import connect
from glowback_trio.store.sqlite.schema import SCRIPTS, upgrade
from glowback_trio.store.sqlite.upkeep import checkpointer
from glowback_trio.wire.json_text import dumps

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")
MOMENT = "2024-01-01T00:00:00.000000+00:00"


def quiet() -> None:
    pass


def queued(run_id: str = "r") -> Event:
    return encode(1, run_id, "state", MOMENT, b'{"state":"queued","message":"Run queued"}')


def note(number: int, length: int = 10) -> Event:
    return encode(number, "r", "log", MOMENT, b'{"message":"%b"}' % (b"x" * length))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteStore]:
    store = inline_store(path)
    async with store.opened(make_registry()):
        yield store


async def written(store: SqliteStore, events: int, length: int = 10) -> EventLog:
    log = store.open_log("r", REQUEST, quiet)
    log.append(queued())
    for number in range(2, events + 1):
        log.append(note(number, length))
    await store.flush()
    return log


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Ask the file by another connection."""
    # Not by the standard library's SQLite: two libraries in one process break each other's locks.
    with closing(connect(path)) as connection:
        return list(connection.execute(sql))


async def test_a_commit_writes_one_row_per_run_that_any_tool_can_read(path: Path) -> None:
    async with opened(path) as store:
        logs = {run_id: store.open_log(run_id, REQUEST, quiet) for run_id in ("r", "other")}
        for run_id, log in logs.items():
            log.append(queued(run_id))
        logs["r"].append(note(2))
        await store.flush()
    batches = query(path, "SELECT run, first_id, count, events FROM event_batches")
    lines = b"%b\n%b\n" % (queued().data, note(2).data)
    assert batches == [(1, 1, 2, lines), (2, 1, 1, queued("other").data + b"\n")]
    assert query(path, "SELECT run_id, state, strategy, symbols, created_at FROM runs") == [
        ("r", "queued", "buy_and_hold", '["A"]', MOMENT),
        ("other", "queued", "buy_and_hold", '["A"]', MOMENT),
    ]


@pytest.mark.parametrize("written_by", ["this version", "version 2"])
async def test_a_rare_type_is_found_in_a_long_log_by_few_queries(
    path: Path, written_by: str
) -> None:
    async with opened(path) as store:
        log = await written(store, 20_000)
        log.append(encode(20_001, "r", "progress", MOMENT, dumps({"progress": 0.5})))
        for number in range(20_002, 40_000):
            log.append(note(number))
        await store.flush()
        store.retire("r")
        if written_by == "version 2":
            with closing(connect(path)) as connection:
                connection.execute("UPDATE event_batches SET types = -1")
        found, cursor, queries = list[Event](), 0, 0
        while cursor < log.watermark:
            some, cursor = await log.select(cursor, 10, {"progress"})
            found, queries = [*found, *some], queries + 1
    assert [each.event_id for each in found] == [20_001]
    assert queries <= (2 if written_by == "this version" else 6)


async def test_readers_are_woken_once_per_commit(path: Path) -> None:
    async with opened(path) as store:
        rung: list[int] = []
        log = store.open_log("r", REQUEST, lambda: rung.append(log.watermark))
        log.append(queued())
        await store.flush()
        for number in range(2, 100):
            log.append(note(number))
        await store.flush()
        assert rung == [1, 99]


async def test_under_load_commits_keep_a_distance_unless_much_is_waiting(
    path: Path, autojump_clock: MockClock
) -> None:
    store = inline_store(path)
    store.commit_interval_s = 1.0
    async with store.opened(make_registry()):
        log = store.open_log("r", REQUEST, quiet)
        begin = trio.current_time()
        log.append(queued())
        await store.flush()
        assert trio.current_time() == begin, "after a pause at once"
        log.append(note(2))
        await store.flush()
        assert trio.current_time() == pytest.approx(begin + 1)
        log.append(note(3, length=1 << 18))
        await store.flush()
        assert trio.current_time() == pytest.approx(begin + 1), "so much does not wait"


async def test_a_log_of_any_length_takes_little_memory_and_is_read_from_anywhere(
    path: Path,
) -> None:
    async with opened(path) as store:
        log = await written(store, 1)
        for start in range(2, 20_002, 500):
            for number in range(start, start + 500):
                log.append(note(number))
            await store.flush()
        assert list(log.read_nowait(0, 10)) == []
        assert sum(len(log.read_nowait(after, 1)) for after in range(20_001)) <= 3000
        for after in (0, 1, 255, 256, 257, 5000, 19_990, 20_000, 20_001):
            events = await log.read(after, 700)
            assert [e.event_id for e in events] == list(range(after + 1, 20_002))[:700]
        store.retire("r")
        assert sum(len(log.read_nowait(after, 1)) for after in range(20_001)) == 64


async def test_the_log_beside_the_file_stays_short_however_many_commits_there_are(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointer, "_PAGES", 2048)
    async with opened(path) as store:
        log = await written(store, 1)
        longest = 0
        for number in range(2, 4000):
            log.append(note(number))
            await store.flush()
            longest = max(longest, path.with_name(f"{path.name}-wal").stat().st_size)
    assert 1 << 20 < longest < 1 << 24


async def test_with_threads_all_is_as_without_them(path: Path) -> None:
    store = SqliteStore(path)
    async with store.opened(make_registry()):
        log = await written(store, 3000)
        await store.keep_result("r", small_result())
        assert [e.event_id for e in await log.read(0, 5000)] == list(range(1, 3001))
    async with store.opened(make_registry()):
        assert plain(await store.result("r")) == plain(small_result())
        stored = await store.reopen("r", quiet)
        assert [e.event_id for e in await stored.log.read(0, 5000)] == list(range(1, 3001))


async def test_the_rows_of_a_forgotten_run_stay_while_its_log_is_read(path: Path) -> None:
    async with opened(path) as store:
        log = await written(store, 5000)
        await store.keep_result("r", small_result())
        store.forget("r")
        await store.flush()
        assert [e.event_id for e in await log.read(0, 9)] == list(range(1, 10))
        assert query(path, "SELECT run_id FROM runs") == [(None,)]
        del log
        await written(store, 1)
        await wait_all_tasks_blocked()
        assert query(path, "SELECT seq, run_id FROM runs") == [(2, "r")]
        assert query(path, "SELECT count(*) FROM event_batches") == [(1,)]
        assert query(path, "SELECT count(*) FROM results") == [(0,)]


async def test_what_a_crash_left_of_forgotten_runs_is_removed_at_the_next_start(
    path: Path,
) -> None:
    async with opened(path) as store:
        await written(store, 10)
    query(path, "UPDATE runs SET run_id = NULL")
    async with opened(path) as store:
        await written(store, 1)
        await wait_all_tasks_blocked()
    assert query(path, "SELECT seq, run_id FROM runs") == [(2, "r")]


async def test_a_second_server_is_refused_and_told_who_has_the_file(path: Path) -> None:
    async with opened(path):
        with pytest.raises(StoreError, match="open in another gateway") as refused:
            async with opened(path):
                pytest.fail("it was opened twice")
    assert f"process {os.getpid()} on {socket.gethostname()}, since 20" in str(refused.value)
    async with opened(path):
        pass


def fill(store: SqliteStore, pages: int) -> None:
    """Let the file grow to so many pages and no further."""
    assert store._open is not None
    store._open.committer.connection.pragma("max_page_count", pages)


async def test_a_full_disk_loses_nothing_shows_nothing_and_recovers(
    path: Path, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(path) as store:
        log = await written(store, 1)
        fill(store, 30)
        log.append(note(2, length=1 << 20))
        with pytest.raises(StoreError, match="the disk is full"):
            await store.flush()
        before = store.writable
        assert log.watermark == 1
        assert len(await log.read(0, 10)) == 1
        log.append(note(3))
        await trio.sleep(10)
        assert log.watermark == 1
        fill(store, 1 << 20)
        await trio.sleep(4)
        assert (before, store.writable) == (False, True)
        assert [e.event_id for e in await log.read(0, 10)] == [1, 2, 3]
    messages = [record.message for record in caplog.records]
    assert len(messages) == 2, "an error is logged once, however often it is tried again"
    assert "the disk is full" in messages[0]
    assert "can be written again" in messages[1]


async def test_a_run_that_ends_while_the_disk_is_full_keeps_its_events(
    path: Path, autojump_clock: MockClock
) -> None:
    async with opened(path) as store:
        log = await written(store, 1)
        fill(store, 30)
        for number in range(2, 500):
            log.append(note(number, length=1 << 12))
        store.retire("r")
        fill(store, 1 << 20)
        await trio.sleep(4)
        assert [e.event_id for e in await log.read(0, 500)] == list(range(1, 500))


async def test_a_disk_that_stays_full_ends_the_block_with_its_error(
    path: Path, autojump_clock: MockClock
) -> None:
    with pytest.raises(StoreError, match="the disk is full"):
        async with opened(path) as store:
            log = await written(store, 1)
            fill(store, 30)
            log.append(note(2, length=1 << 20))
    async with opened(path) as store:
        assert (await store.reopen("r", quiet)).status.event_count == 1


async def test_runs_wait_while_too_much_is_waiting_for_the_disk(
    path: Path, autojump_clock: MockClock
) -> None:
    async with opened(path) as store, trio.open_nursery() as nursery:
        log = await written(store, 1)
        fill(store, 30)
        await store.wait_room()
        for number in range(2, 40):
            log.append(note(number, length=1 << 20))
        waiter = trio.Event()

        async def wait() -> None:
            await store.wait_room()
            waiter.set()

        nursery.start_soon(wait)
        await trio.sleep(10)
        assert not waiter.is_set()
        fill(store, 1 << 20)
        await waiter.wait()


async def test_a_file_that_cannot_be_written_is_tried_until_it_can(
    path: Path, autojump_clock: MockClock
) -> None:
    async with opened(path) as store:
        log = await written(store, 1)
        assert store._open is not None
        store._open.committer.connection.pragma("query_only", 1)
        log.append(note(2))
        with pytest.raises(StoreError, match="is read-only"):
            await store.flush()
        assert len(await log.read(0, 10)) == 1
        store._open.committer.connection.pragma("query_only", 0)
        await trio.sleep(1)
        assert (store.writable, log.watermark) == (True, 2)


async def test_pages_that_are_damaged_are_an_error(path: Path) -> None:
    async with opened(path) as store:
        await written(store, 2000)
    content = bytearray(path.read_bytes())
    content[4096 : 4096 * 20] = b"\xff" * 4096 * 19
    path.write_bytes(content)
    with pytest.raises(StoreError, match="it is damaged"):
        async with opened(path) as store:
            await store.reopen("r", quiet)


async def test_a_lock_of_another_program_is_waited_for(
    path: Path, autojump_clock: MockClock
) -> None:
    async with opened(path) as store:
        log = await written(store, 1)
        other = connect(path)
        other.execute("BEGIN IMMEDIATE")
        log.append(note(2))
        with pytest.raises(StoreError, match="another program holds a lock"):
            await store.flush()
        other.close()
        await trio.sleep(1)
        assert (store.writable, log.watermark) == (True, 2)


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_file_that_is_deleted_or_replaced_is_noticed_at_the_next_write(
    path: Path, autojump_clock: MockClock, *, replaced: bool
) -> None:
    words = "its file was replaced" if replaced else "its file is gone"
    with pytest.raises(StoreError, match=words):
        async with opened(path) as store:
            log = await written(store, 1)
            path.unlink()
            if replaced:
                path.touch()
            log.append(note(2))
            with pytest.raises(StoreError, match=words):
                await store.flush()
            assert (store.writable, log.watermark) == (False, 1)


@pytest.mark.parametrize("content", [b"x" * 4096, b"run_id,state\n"])
async def test_a_file_that_is_no_database_is_refused_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="no SQLite database"):
        async with opened(path):
            pytest.fail("it was opened")
    assert path.read_bytes() == content


async def test_a_database_of_another_program_is_refused_as_it_is(path: Path) -> None:
    query(path, "CREATE TABLE albums (title TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="a database of another program"):
        async with opened(path):
            pytest.fail("it was opened")
    assert path.read_bytes() == before


async def test_a_store_of_a_newer_version_is_refused_as_it_is(path: Path) -> None:
    async with opened(path) as store:
        await written(store, 5)
    query(path, "PRAGMA user_version = 999")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="has version 999, and this package knows versions up to"):
        async with opened(path):
            pytest.fail("it was opened")
    assert path.read_bytes() == before


async def test_a_directory_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"nowhere/runs.*the directory must exist"):
        async with opened(tmp_path / "nowhere" / "runs.sqlite"):
            pytest.fail("it was opened")


OLD_REQUEST = '{"symbols":["A"],"start_date":"2024-01-01","end_date":"2024-02-01"}'
#: How a run was written by each version.
OLD_RUN = {
    1: f"""
        INSERT INTO runs (run_id, request, strategy, symbols, created_at, event_count)
        VALUES ('old', '{OLD_REQUEST}', 'buy_and_hold', '["A"]', '{MOMENT}', 1)
    """,
    2: f"""
        INSERT INTO runs (run_id, strategy, symbols, created_at, event_count)
        VALUES ('old', 'buy_and_hold', '["A"]', '{MOMENT}', 1);
        INSERT INTO requests VALUES (1, '{OLD_REQUEST}');
        INSERT INTO found_by VALUES ('symbol', 'A', 1)
    """,
}
OLD_RUN[3] = OLD_RUN[4] = OLD_RUN[5] = OLD_RUN[2]


@pytest.mark.parametrize("version", range(len(SCRIPTS) + 1))
async def test_a_file_of_every_older_version_is_upgraded(path: Path, version: int) -> None:
    with closing(connect(path)) as connection:
        if version:
            upgrade(connection, SCRIPTS[:version])
            connection.execute(OLD_RUN[version])
    async with opened(path) as store:
        assert list(await store.run_ids()) == ["old"][:version]
        for run_id in await store.run_ids():
            assert (await store.reopen(run_id, quiet)).request == REQUEST
            found = await store.statuses(RunFilter(symbol="A"), None, 10)
            assert [status.run_id for status in found] == [run_id]


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    with closing(connect(path)) as connection:
        upgrade(connection)
        with pytest.raises(apsw.SQLError):
            upgrade(connection, [*SCRIPTS, "CREATE TABLE added (x); CREATE TABLE added (x);"])
        assert connection.pragma("user_version") == len(SCRIPTS)
        assert list(connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'added'")) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE event_batches SET events = CAST(replace(events, 'xx', 'xy') AS BLOB)",
        "UPDATE event_batches SET events = CAST(substr(events, 2) AS BLOB)",
        "UPDATE event_batches SET count = count + 1",
        "DELETE FROM event_batches WHERE first_id > 1 AND first_id < 300",
    ],
)
async def test_damaged_events_are_an_error_and_never_other_events(path: Path, damage: str) -> None:
    async with opened(path) as store:
        await written(store, 1000)
    query(path, damage)
    async with opened(path) as store:
        log = (await store.reopen("r", quiet)).log
        with pytest.raises(StoreError, match=r"damaged|missing"):
            await log.read(0, 1000)


async def test_a_damaged_result_is_an_error(path: Path) -> None:
    async with opened(path) as store:
        await written(store, 1)
        await store.keep_result("r", small_result())
    packed = query(path, "SELECT packed FROM results")[0][0]
    assert isinstance(packed, bytes)
    for position in range(0, len(packed), 7):
        changed = bytearray(packed)
        changed[position] ^= 0xFF
        query(path, f"UPDATE results SET packed = x'{changed.hex()}'")
        async with opened(path) as store:
            with pytest.raises(StoreError, match="The stored result is damaged"):
                await store.result("r")


async def test_a_store_that_is_closed_says_so(path: Path) -> None:
    store = inline_store(path)
    with pytest.raises(StoreError, match="is closed"):
        store.open_log("r", REQUEST, quiet)
    with pytest.raises(StoreError, match="is closed"):
        await store.run_ids()


async def test_an_id_that_is_used_again_replaces_the_older_run(path: Path) -> None:
    async with opened(path) as store:
        await written(store, 5)
        await written(store, 2)
        assert list(await store.run_ids()) == ["r"]
        assert (await store.reopen("r", quiet)).log.watermark == 2
        store.forget("r")
        with pytest.raises(UnknownRunError):
            await store.reopen("r", quiet)
    await wait_all_tasks_blocked()
