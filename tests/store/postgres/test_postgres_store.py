"""What a store in PostgreSQL does besides what every store must do.

Doctrine: real servers, and whole outages: a server that is stopped and started, connections that
are cut before, in and after a commit, a lease that is fenced. What is not stored is told to nobody,
what is stored is there once, and a store goes on by itself.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import psycopg
import pytest
import trio
from attrs import define
from support.postgres import postgres_server, shared_server
from support.postgres_stores import inline_postgres_store, new_store_database
from support.results import plain, small_result
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Event
from glowback_trio.errors import RunExistsError, StoreError, UnknownRunError
from glowback_trio.model.events import encode
from glowback_trio.model.instant import start_instant
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import EventLog, RunFilter
from glowback_trio.store.cluster import FencedError, HeldElsewhereError
from glowback_trio.store.durable import writer
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.postgres import PostgresStore, committer, cutting, reader
from glowback_trio.store.postgres.schema import SCRIPTS, check_version, upgrade

_commit: Callable[..., Any] = committer._commit
REQUEST = BacktestRequest(symbols=["A", "B"], start_date="2024-01-01", end_date="2024-02-01")


def quiet() -> None:
    pass


def event(number: int, kind: Any = "log", payload: bytes = b'{"message":"m"}') -> Event:
    return encode(number, "r", kind, "2024-01-01T00:00:00.000000Z", payload)


QUEUED = event(1, "state", b'{"state":"queued"}')
ENDED = b'{"state":"failed","error":"no bars"}'


@asynccontextmanager
async def opened(url: str | None = None, **options: Any) -> AsyncIterator[PostgresStore]:
    store = inline_postgres_store(url)
    for name, value in options.items():
        setattr(store, name, value)
    async with store.opened(make_registry()):
        yield store


async def begun(store: PostgresStore, run_id: str = "r", events: int = 1) -> EventLog:
    log = store.open_log(run_id, REQUEST, quiet)
    log.append(QUEUED)
    for number in range(2, events + 1):
        log.append(event(number))
    await store.flush()
    return log


async def ended(store: PostgresStore, run_id: str) -> None:
    log = await begun(store, run_id)
    log.append(event(2, "state", ENDED))
    await store.flush()


def rows_of(store: PostgresStore, table: str) -> int:
    with psycopg.connect(store.url, autocommit=True) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_database_of_another_program_is_left_alone() -> None:
    url = shared_server().new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (a integer)")
    with pytest.raises(StoreError, match="tables of another program: name an empty database"):
        async with opened(url):
            pytest.fail("it was opened")


async def test_a_database_of_a_newer_version_is_left_alone() -> None:
    url = new_store_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("UPDATE glowback_schema SET version = 1000")
    with pytest.raises(StoreError, match="has version 1000, and this package knows versions up to"):
        async with opened(url):
            pytest.fail("it was opened")


def test_every_version_is_upgraded_and_only_once() -> None:
    for version in range(len(SCRIPTS)):
        with psycopg.connect(shared_server().new_database(), autocommit=True) as connection:
            upgrade(connection, SCRIPTS[:version])
            for _ in range(2):
                upgrade(connection)
                assert check_version(connection) == len(SCRIPTS)


def test_a_schema_file_that_fails_leaves_the_database_as_it_was() -> None:
    with psycopg.connect(new_store_database(), autocommit=True) as connection:
        broken = "CREATE TABLE more (a integer); SELECT * FROM nowhere"
        with pytest.raises(psycopg.errors.UndefinedTable):
            upgrade(connection, [*SCRIPTS, broken])
        assert check_version(connection) == len(SCRIPTS)
        upgrade(connection, [*SCRIPTS, "CREATE TABLE more (a integer)"])


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://me:secret@127.0.0.1:1/runs", "postgresql://me@127.0.0.1:1/runs"),
        ("postgresql://127.0.0.1:1/runs?user=me&password=secret", "postgresql://127.0.0.1:1/runs"),
    ],
)
async def test_no_password_is_ever_said(
    url: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = inline_postgres_store(url)
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        async with store.opened(make_registry()):
            pytest.fail("there is no server")
    assert store.address == said
    for text in (repr(store), str(caught.value), caplog.text):
        assert said in text
        assert "secret" not in text


async def test_a_url_that_names_no_database_is_an_error_that_repeats_no_password() -> None:
    with pytest.raises(StoreError, match="input should be like postgresql://") as caught:
        inline_postgres_store("postgresql://me:secret@host:port:port/runs?nonsense=1")
    assert "secret" not in str(caught.value)


async def test_two_stores_share_a_database_and_read_each_others_runs() -> None:
    url = new_store_database()
    async with opened(url) as one, opened(url) as two:
        await ended(one, "a")
        await ended(two, "b")
        await one.keep_result("a", small_result())
        one.label("a", Labels(tags=["x"], note="y"))
        await one.flush()
        for store in (one, two):
            assert list(await store.run_ids()) == ["a", "b"]
            listed = await store.statuses(RunFilter(tag="x"), None, 9)
            assert [status.run_id for status in listed] == ["a"]
            assert plain(await store.result("a")) == plain(small_result())
            log = (await store.reopen("a", quiet)).log
            assert [each.event_id for each in await log.read(0, 9)] == [1, 2]
        one.forget("b")
        await one.flush()
        with pytest.raises(UnknownRunError):
            await two.reopen("b", quiet)


async def test_a_run_that_two_gateways_import_at_once_is_there_once() -> None:
    url = new_store_database()
    log = [QUEUED, event(2, "state", ENDED)]
    refused = 0

    async def import_into(store: PostgresStore) -> None:
        nonlocal refused
        try:
            await store.import_run("r", REQUEST, log, small_result())
        except RunExistsError:
            refused += 1

    async with opened(url) as one, opened(url) as two:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(import_into, one)
            nursery.start_soon(import_into, two)
        assert refused == 1
        assert list(await one.run_ids()) == ["r"]
        assert list(await (await two.reopen("r", quiet)).log.read(0, 9)) == log
        assert rows_of(one, "runs") == 1


async def test_the_events_of_what_another_gateway_holds_are_refused_and_all_others_stored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with opened() as store:
        lost, kept = await begun(store, "lost"), await begun(store, "kept")
        with psycopg.connect(store.url, autocommit=True) as connection:
            connection.execute("UPDATE runs SET held_by = 99 WHERE run_id = 'lost'")
        for log in (lost, kept):
            log.append(event(2))
        await store.flush()
        assert (lost.watermark, kept.watermark) == (1, 2)
        assert "another gateway holds it" in caplog.text
        with pytest.raises(HeldElsewhereError, match="were not stored: another gateway holds it"):
            lost.append(event(2))
        assert list(await lost.read(0, 9)) == [QUEUED]
        assert store.writable


async def test_a_log_takes_what_another_gateway_has_told_and_reads_what_it_has_stored() -> None:
    url = new_store_database()
    rung: list[int] = []
    async with opened(url) as one, opened(url) as two:
        held = await begun(one, events=3)
        followed = (await two.reopen("r", lambda: rung.append(followed.watermark))).log
        assert isinstance(followed, DurableLog)
        for number in range(4, 2000):
            held.append(event(number))
        await one.flush()
        followed.take_told([event(4), event(5)])
        assert list(followed.read_nowait(3, 9)) == [event(4), event(5)]
        followed.note_stored(1999)
        followed.note_stored(5)
        assert (followed.watermark, rung) == (1999, [5, 1999])
        assert list(await followed.read(3, 2000)) == [event(number) for number in range(4, 2000)]


async def test_a_fenced_gateway_writes_nothing_more_and_goes_on_with_a_new_lease(
    autojump_clock: MockClock,
) -> None:
    async with opened() as store:
        log = await begun(store)
        cluster = store.cluster
        assert cluster is not None
        with psycopg.connect(store.url, autocommit=True) as connection:
            connection.execute("UPDATE gateways SET fenced = true")
        log.append(event(2))
        store.label("r", Labels(tags=["late"]))
        with pytest.raises(FencedError, match="was paused or cut off for longer than its lease"):
            await store.flush()
        await cluster.wait_fenced()
        store.label("r", Labels(tags=["later"]))
        await cluster.rejoin()
        assert (log.watermark, list(await log.read(0, 9))) == (1, [QUEUED])
        other = await begun(store, "other", events=2)
        assert other.watermark == 2
        assert (await store.reopen("r", quiet)).status.labels == Labels()
        assert await cluster.claim(("run", "r"))
        log.append(event(2))
        await store.flush()
        assert log.watermark == 2


async def test_a_stopped_database_shows_nothing_that_is_not_stored_and_all_recovers() -> None:
    with postgres_server() as server:
        async with opened(server.new_database()) as store:
            stored = trio.Event()
            log = store.open_log("r", REQUEST, lambda: stored.set() if log.watermark == 2 else None)
            log.append(QUEUED)
            await store.flush()
            server.stop()
            log.append(event(2))
            with pytest.raises(StoreError, match="cannot be used"):
                await store.flush()
            with pytest.raises(StoreError, match="cannot be used"):
                await store.run_ids()
            assert (store.writable, log.watermark) == (False, 1)
            assert list(await log.read(0, 9)) == [QUEUED], "what is in memory can be read"
            server.start()
            with trio.fail_after(20):
                await stored.wait()
            assert store.writable
            assert list(await store.run_ids()) == ["r"]


@define
class Cut:
    """Cuts the connection of a commit: before it arrives, or after it was made."""

    after: bool
    cuts: int = 0

    def __call__(self, connection: Any, *args: Any) -> Any:
        """Be `_commit`."""
        if self.cuts:
            return _commit(connection, *args)
        self.cuts += 1
        if self.after:
            _commit(connection, *args)
        connection.close()
        raise psycopg.OperationalError("the connection was lost") from None


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_commit_whose_outcome_was_lost_is_made_once(
    when: str, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with opened() as store:
        log = await begun(store)
        cut = Cut(after=when == "after")
        monkeypatch.setattr(committer, "_commit", cut)
        log.append(event(2))
        store.open_log("new", REQUEST, quiet).append(QUEUED)
        await wait_all_tasks_blocked()
        log.append(event(3))
        await trio.sleep(5)
        assert cut.cuts == 1
        assert log.watermark == 3
        assert list(await store.run_ids()) == ["r", "new"]
        with psycopg.connect(store.url) as connection:
            rows = connection.execute("SELECT first_id, count FROM event_batches ORDER BY run")
            assert sorted(rows) == [(1, 1), (1, 1), (2, 1), (3, 1)]


async def test_connections_that_were_cut_while_idle_are_no_error() -> None:
    async with opened() as store:
        await begun(store)
        await store.run_ids()
        shared_server().terminate_backends(store.url.rpartition("/")[2])
        assert list(await store.run_ids()) == ["r"]


async def test_finished_runs_expire_by_number_age_and_size() -> None:
    now = start_instant("2024-01-10")
    async with opened() as store:
        for name in "abc":
            await ended(store, name)
        await begun(store, "running")
        assert [store.expires] == [False]
        assert list(await store.expired(now)) == []
        store.keep_runs = 2
        assert [store.expires] == [True]
        assert list(await store.expired(now)) == ["a"]
        store.keep_runs, store.keep_days = None, 5.0
        assert list(await store.expired(now)) == ["a", "b", "c"]
        assert list(await store.expired(start_instant("2024-01-03"))) == []
        store.keep_days, store.keep_bytes = None, 1
        assert list(await store.expired(now)) == ["a", "b"]


async def test_nothing_is_left_of_a_forgotten_run() -> None:
    request = BacktestRequest(
        symbols=["A"], start_date="2024-01-01", end_date="2024-02-01", tags=["t"]
    )
    async with opened() as store:
        store.open_log("r", request, quiet).append(QUEUED)
        await store.keep_result("r", small_result())
        store.forget("r")
        await store.flush()
        await wait_all_tasks_blocked()
        for table in ("runs", "requests", "event_batches", "results", "labels", "found_by"):
            assert rows_of(store, table) == 0, table


async def test_a_store_leaves_no_connection_behind() -> None:
    async with opened() as store:
        await begun(store)
        await store.run_ids()
    database = store.url.rpartition("/")[2]
    asked = "SELECT count(*) FROM pg_sleep(0.01), pg_stat_activity WHERE datname = %s"
    # A process of the server ends some time after its connection was closed.
    assert 0 in (left for _ in range(500) for left in shared_server().ask(asked, database))


async def test_an_error_with_a_character_that_no_text_holds_is_stored() -> None:
    end = event(2, "state", b'{"state":"failed","error":"a\\u0000b"}')
    async with opened() as store:
        log = await begun(store)
        log.append(end)
        await store.flush()
        stored = await store.reopen("r", quiet)
        assert stored.status.error == "a\N{REPLACEMENT CHARACTER}b"
        assert list(await stored.log.read(1, 9)) == [end]
        await store.import_run("other", REQUEST, [QUEUED, end], None)
        assert (await store.reopen("other", quiet)).status.finished


async def test_a_log_is_read_beyond_the_largest_small_integer() -> None:
    async with opened() as store:
        log = await begun(store, events=33_500)
        events = await (await store.reopen("r", quiet)).log.read(32_000, 1500)
        assert [each.event_id for each in events] == [*range(32_001, 33_501)]
        found, until = await log.select(0, 3, {"state"})
        assert (list(found), until) == ([QUEUED], log.watermark)


@pytest.mark.parametrize("mode", ["fast", "immediate"])
async def test_a_database_that_was_restarted_while_nothing_was_written_refuses_no_commit(
    mode: str,
) -> None:
    with postgres_server() as server:
        store = PostgresStore(server.new_database())
        async with store.opened(make_registry()):
            log = await begun(store)
            server.restart(mode)
            log.append(event(2))
            await store.flush()
            assert log.watermark == 2


async def test_a_frozen_database_is_given_up_and_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "PATIENCE_S", 0.3)
    with postgres_server() as server:
        store = PostgresStore(server.new_database())
        async with store.opened(make_registry()):
            await begun(store)
            server.pause()
            try:
                with pytest.raises(StoreError, match="it does not answer within"):
                    await store.run_ids()
            finally:
                server.resume()
            monkeypatch.setattr(reader, "PATIENCE_S", 20.0)
            assert list(await store.run_ids()) == ["r"]


async def test_a_commit_that_a_frozen_database_does_not_answer_is_made_once_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cutting, "PATIENCE_S", 0.3)
    with postgres_server() as server:
        store = PostgresStore(f"{server.new_database()}?connect_timeout=2")
        async with store.opened(make_registry()):
            log = await begun(store)
            server.pause()
            try:
                log.append(event(2))
                with pytest.raises(StoreError, match="it cannot be reached"):
                    await store.flush()
                assert not store.writable
            finally:
                server.resume()
            monkeypatch.setattr(cutting, "PATIENCE_S", 20.0)
            log.append(event(3))
            while log.watermark < 3:
                with suppress(StoreError):  # what the attempt before has come to
                    await store.flush()
            kept = await store.reopen("r", quiet)
            assert [each.event_id for each in await kept.log.read(0, 9)] == [1, 2, 3]


async def test_a_store_whose_database_is_frozen_closes_and_leaves_no_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module, name in ((cutting, "PATIENCE_S"), (reader, "_CLOSE_S"), (writer, "_CLOSE_S")):
        monkeypatch.setattr(module, name, 0.3)
    with postgres_server() as server:
        store = PostgresStore(f"{server.new_database()}?connect_timeout=2")

        async def freeze_while_it_is_open() -> None:
            async with store.opened(make_registry()):
                log = await begun(store)
                server.pause()
                log.append(event(2))

        before = threads_at_work()
        with pytest.raises(StoreError, match="it cannot be reached"):
            await freeze_while_it_is_open()
        assert threads_at_work() == before
        server.resume()
    gc.collect()  # an error of the driver holds its socket, in a circle


def threads_at_work() -> int:
    """Count the threads that wait in the driver of the database."""
    frames = (frame for frame in sys._current_frames().values())
    return sum("psycopg" in frame.f_code.co_filename for frame in frames)
