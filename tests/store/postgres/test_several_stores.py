"""Stores of several gateways over one real database: what one writes, and what it must not.

Doctrine: each store is whole, with its writer and connections. What a fenced gateway hands over is
never in the database, and what another one holds has one writer's events only; both are read back
by a third store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import psycopg
import pytest
import trio
from support.several_stores import expire, opened_beside, opened_stores

from glowback_trio import BacktestRequest, Event, MaCrossover
from glowback_trio.errors import StoreError
from glowback_trio.model.events import encode
from glowback_trio.model.instant import stamp
from glowback_trio.model.ledger.entry import Tally
from glowback_trio.model.ledger.family import Family
from glowback_trio.store import EventLog
from glowback_trio.store.cluster import Cluster, FencedError, HeldElsewhereError, LeftOut, Named
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.postgres import PostgresStore
from glowback_trio.wire.json_text import dumps

REQUEST = BacktestRequest(
    symbols=["A"],
    start_date="2024-01-01",
    end_date="2024-02-01",
    strategy=MaCrossover(short_period=3, long_period=8),
)
RUN: Named = ("run", "r")


@pytest.fixture
async def three() -> AsyncIterator[list[PostgresStore]]:
    with trio.fail_after(60):
        async with opened_stores(3) as stores:
            yield stores


def event(number: int, run_id: str = "r") -> Event:
    moment = stamp(datetime(2024, 1, 1, 0, 0, number % 60, tzinfo=UTC))
    if number == 1:
        return encode(1, run_id, "state", moment, dumps({"state": "queued"}))
    if number == 2:
        return encode(2, run_id, "state", moment, dumps({"state": "running", "error": None}))
    return encode(number, run_id, "log", moment, dumps({"message": f"event {number}"}))


def end(number: int, run_id: str = "r") -> Event:
    moment = stamp(datetime(2024, 1, 2, tzinfo=UTC))
    return encode(number, run_id, "state", moment, dumps({"state": "failed", "error": "over"}))


def quiet() -> None:
    pass


def tally(name: str, origin_id: str) -> Tally:
    dataset = f"sha256:{'a' * 64}"
    return Tally.of(
        [0.1, None], family=Family(name), dataset=dataset, origin="run", origin_id=origin_id
    )


def cluster_of(store: PostgresStore) -> Cluster:
    assert store.cluster is not None
    return store.cluster


async def begun(store: PostgresStore, events: int = 2, run_id: str = "r") -> DurableLog:
    """Open a run that this gateway holds, with so many events."""
    log = store.open_log(run_id, REQUEST, quiet)
    log.append(event(1, run_id))
    await store.flush()
    assert await cluster_of(store).claim(("run", run_id))
    for number in range(2, events + 1):
        log.append(event(number, run_id))
    await store.flush()
    assert log.watermark == events
    return log


async def stored(store: PostgresStore, run_id: str = "r") -> Sequence[Event]:
    """Read a run's log as a gateway does that has just begun."""
    log: EventLog = (await store.reopen(run_id, quiet)).log
    return await log.read(0, 1000)


async def fence(finder: PostgresStore, lost: PostgresStore) -> None:
    expire(lost)
    held = await cluster_of(finder).fence([cluster_of(lost).epoch])
    assert [each.named for each in held] == [RUN]


async def test_what_one_stores_all_others_read(three: list[PostgresStore]) -> None:
    first, second, third = three
    log = await begun(first, 50)
    for other in (second, third):
        assert list(await stored(other)) == [event(n) for n in range(1, 51)]
        assert (await other.reopen("r", quiet)).status.event_count == 50
    assert await cluster_of(third).positions([RUN]) == {RUN: 50}
    log.append(end(51))
    await first.flush()
    assert (await third.reopen("r", quiet)).status.finished
    assert await cluster_of(third).holders([RUN]) == {}


async def test_a_fenced_gateway_writes_nothing_more(three: list[PostgresStore]) -> None:
    first, second, third = three
    log = await begun(first, 5)
    await fence(second, first)
    log.append(event(6))
    with pytest.raises(FencedError, match="was paused or cut off for longer than its lease"):
        await first.flush()
    assert cluster_of(first).fenced
    assert log.watermark == 5
    assert await cluster_of(second).claim(RUN)
    other = (await second.reopen("r", quiet)).log
    other.append(end(6))
    await second.flush()
    assert list(await stored(third)) == [*(event(n) for n in range(1, 6)), end(6)]
    await cluster_of(first).rejoin()


async def test_what_was_handed_over_before_a_fence_is_never_written(
    three: list[PostgresStore],
) -> None:
    first, second, third = three
    log = await begun(first, 5)
    await fence(second, first)
    for number in range(6, 20):
        log.append(event(number))
    first.ledger.append(tally("a", "x"))
    with pytest.raises(FencedError):
        await first.flush()
    old = cluster_of(first).epoch
    assert await cluster_of(first).rejoin() > old
    assert not cluster_of(first).fenced
    await first.flush()
    assert log.watermark == 5
    assert list(await stored(third)) == [event(n) for n in range(1, 6)]
    assert await third.ledger.head() is None
    # It goes on as one that follows, or holds the run again.
    assert await cluster_of(first).claim(RUN)
    log.append(end(6))
    await first.flush()
    assert list(await stored(third)) == [*(event(n) for n in range(1, 6)), end(6)]


async def test_a_commit_that_hangs_is_ended_by_the_fence(three: list[PostgresStore]) -> None:
    first, second, third = three
    log = await begun(first, 3)
    with psycopg.connect(first.url) as connection:
        # What holds the commit up here is as good as a gateway that was frozen in the middle.
        connection.execute("LOCK TABLE event_batches IN ACCESS EXCLUSIVE MODE")
        log.append(event(4))
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while connection.execute(waiting).fetchone() == (0,):  # noqa: ASYNC110 - no bell rings
            await trio.sleep(0.01)
        await fence(second, first)
        connection.rollback()
    # Until the commit is tried again, the store knows only that its connection was ended.
    await cluster_of(first).wait_fenced()
    with pytest.raises(FencedError):
        await first.flush()
    assert list(await stored(third)) == [event(n) for n in range(1, 4)]
    await cluster_of(first).rejoin()
    assert log.watermark == 3


async def test_a_gateway_that_joins_again_follows_what_another_has_taken_over(
    three: list[PostgresStore],
) -> None:
    first, second, _ = three
    log = await begun(first, 3)
    await fence(second, first)
    assert await cluster_of(second).claim(RUN)
    other = (await second.reopen("r", quiet)).log
    other.append(event(4))
    other.append(event(5))
    await second.flush()
    log.append(end(4))
    with pytest.raises(StoreError):
        await first.flush()
    await cluster_of(first).rejoin()
    log.take_told([event(4)])
    assert log.watermark == 4
    log.note_stored(5)
    assert list(await log.read(0, 10)) == [event(n) for n in range(1, 6)]
    assert not await cluster_of(first).claim(RUN)


async def test_events_of_a_run_that_another_holds_are_refused(three: list[PostgresStore]) -> None:
    first, second, third = three
    log = await begun(first, 3)
    await cluster_of(first).release([RUN])
    assert await cluster_of(second).claim(RUN)
    log.append(end(4))
    await first.flush()
    assert log.watermark == 3
    with pytest.raises(HeldElsewhereError, match="another gateway holds it"):
        log.append(event(5))
    # The other runs of that gateway are written as before.
    await begun(first, 3, run_id="s")
    assert list(await stored(third)) == [event(n) for n in range(1, 4)]
    assert len(await stored(third, "s")) == 3


async def test_a_queued_run_is_begun_by_one_of_those_who_want_it(
    three: list[PostgresStore],
) -> None:
    first, second, third = three
    for n in range(12):
        log = first.open_log(f"r{n}", REQUEST, quiet)
        cluster_of(first).note_origin(("run", f"r{n}"), f"owner {n % 2}", "bars")
        log.append(event(1, f"r{n}"))
    await first.flush()
    taken: list[str] = []

    async def take(store: PostgresStore) -> None:
        while found := await cluster_of(store).claim_queued(2, LeftOut(["other bars"])):
            for each in found:
                await begin_one(store, each.named)

    async def begin(store: PostgresStore) -> None:
        for n in range(12):
            await begin_one(store, ("run", f"r{n}"))

    async def begin_one(store: PostgresStore, named: Named) -> None:
        if await cluster_of(store).claim(named):
            taken.append(named[1])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, second)
        nursery.start_soon(take, third)
        nursery.start_soon(begin, first)
    assert sorted(taken) == sorted(f"r{n}" for n in range(12))


async def test_entries_of_several_gateways_form_one_chain(three: list[PostgresStore]) -> None:
    async def enter(store: PostgresStore, name: str) -> None:
        for n in range(20):
            store.ledger.append(tally(name, f"{name} {n}"))
            if n % 3 == 0:
                await store.flush()
        await store.flush()

    async with trio.open_nursery() as nursery:
        for store, name in zip(three, "abc", strict=True):
            nursery.start_soon(enter, store, name)
    assert await three[0].ledger.broken() is None
    entries = await three[1].ledger.entries(None, None, None, 0, 100)
    assert [entry.number for entry in entries] == list(range(1, 61))
    assert await three[2].ledger.head() == entries[-1]
    for name in "abc":  # those of each gateway in its order
        own = [each.tally.origin_id for each in entries if each.tally.family.name == name]
        assert own == [f"{name} {n}" for n in range(20)]


async def test_a_store_that_is_closed_leaves_its_runs_to_others(
    three: list[PostgresStore],
) -> None:
    first, second, _ = three
    async with opened_beside(first) as fourth:
        log = await begun(fourth, 3)
        queued = fourth.open_log("q", REQUEST, quiet)
        queued.append(event(1, "q"))
        log.append(event(4))
    assert [each.named for each in await cluster_of(second).free()] == [RUN]
    assert [each.named[1] for each in await cluster_of(second).claim_queued(5)] == ["q"]
    assert len(await stored(second)) == 4


async def test_others_are_told_of_what_was_written(three: list[PostgresStore]) -> None:
    first, second, _ = three
    _, since = await cluster_of(second).changed(None)
    heard: set[object] = set()
    done = trio.Event()

    async def hear() -> None:
        while RUN not in heard:
            heard.update(await cluster_of(second).wait_news())
        done.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear)
        log = await begun(first, 2)
        number = 3
        while not done.is_set():  # a hint may be lost while the others begin to listen
            log.append(event(number))
            await first.flush()
            number += 1
            await trio.sleep(0.05)
    assert RUN in (await cluster_of(second).changed(since))[0]


async def test_everything_goes_on_after_all_connections_were_cut(
    three: list[PostgresStore],
) -> None:
    first, second, third = three
    log = await begun(first, 3)
    for number in range(4, 40):
        if number % 9 == 0:
            cut(first)
        log.append(event(number))
        await trio.sleep(0.01)
    while log.watermark < 39:  # noqa: ASYNC110 - the log tells nobody here
        await trio.sleep(0.05)
    for store in (second, third):
        while True:  # what is asked on a connection that was cut fails
            try:
                assert list(await stored(store)) == [event(n) for n in range(1, 40)]
                break
            except StoreError:
                await trio.sleep(0.05)


def cut(store: PostgresStore) -> None:
    with psycopg.connect(store.url) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
