"""Leases, fences, claims and hints of gateways over one real database.

Doctrine: two and more members of a cluster, each with connections of its own, do what gateways do.
Expiry is brought about in the rows, so that no test waits for a clock. What must hold under
concurrency is tried by members that do the same at the same time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import psycopg
import pytest
import trio
from support.clusters import Member, changes_of, joined

from glowback_trio.store.cluster import FencedError, Held, LeftOut, Named
from glowback_trio.store.postgres.cluster.leases import check_lease

A: Named = ("run", "a")
B: Named = ("run", "b")
STUDY: Named = ("optimization", "o")


@pytest.fixture
async def three() -> AsyncIterator[list[Member]]:
    async with joined(3) as members:
        yield members


def named(held: object) -> list[str]:
    assert isinstance(held, list)
    return [each.named[1] for each in held]


async def begin_optimization(member: Member, identity: str = "o") -> int:
    seq = await member.insert(
        "optimizations", optimization_id=identity, request="{}", held_by=member.cluster.epoch
    )
    await member.insert("attempts", optimization=seq, number=1, event_count=3)
    return seq


async def test_members_see_each_other_with_what_they_hold(three: list[Member]) -> None:
    first, second, third = three
    second.cluster.advertise("http://b:1")
    assert await second.cluster.renew()
    await first.submit("a", "b")
    await begin_optimization(first)
    leases = await third.cluster.leases()
    assert [lease.epoch for lease in leases] == [each.cluster.epoch for each in three]
    assert [lease.runs for lease in leases] == [3, 0, 0]
    assert [lease.address for lease in leases] == [None, "http://b:1", None]
    assert all(0 < lease.seconds_left <= 15 and lease.alive for lease in leases)


async def test_only_an_expired_lease_is_fenced_and_only_once(three: list[Member]) -> None:
    first, second, third = three
    await first.submit("a")
    epoch = first.cluster.epoch
    assert await second.cluster.fence([epoch]) == []
    await second.expire(first)
    both: list[list[Held]] = []

    async def fence(member: Member) -> None:
        both.append(list(await member.cluster.fence([epoch])))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fence, second)
        nursery.start_soon(fence, third)
    assert sorted(both, key=len) == [[], [Held(A, "")]]
    assert await second.cluster.holders([A]) == {A: None}
    assert [lease.epoch for lease in await second.cluster.leases()] == [
        second.cluster.epoch,
        third.cluster.epoch,
    ]


async def test_a_renewed_lease_is_not_fenced(three: list[Member]) -> None:
    first, second, _ = three
    await second.expire(first)
    assert await first.cluster.renew()
    assert await second.cluster.fence([first.cluster.epoch]) == []
    assert not first.cluster.fenced


async def test_a_fenced_member_learns_it_at_the_next_thing_it_does(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a")
    await second.expire(first)
    await second.cluster.fence([first.cluster.epoch])
    assert not await first.cluster.renew()
    assert first.cluster.fenced
    with trio.fail_after(1):
        await first.cluster.wait_fenced()
    for attempt in (
        first.cluster.claim(A),
        first.cluster.claim_queued(1),
        first.cluster.release([A]),
        first.cluster.fence([second.cluster.epoch]),
    ):
        with pytest.raises(FencedError, match="was paused or cut off for longer than its lease"):
            await attempt
    assert await first.cluster.positions([A]) == {A: 1}
    assert await first.cluster.holders([A]) == {A: None}


async def test_a_member_that_was_fenced_joins_again_with_a_later_epoch(three: list[Member]) -> None:
    first, second, third = three
    await first.submit("a")
    await second.expire(first)
    await second.cluster.fence([first.cluster.epoch])
    with pytest.raises(FencedError):
        await first.cluster.claim(A)
    old = first.cluster.epoch
    assert await first.cluster.rejoin() == first.cluster.epoch > third.cluster.epoch > old
    assert first.dropped == 1
    assert not first.cluster.fenced
    first.cluster.note_fenced(old)  # late news of the old lease
    assert not first.cluster.fenced
    assert await first.cluster.claim(A)


async def test_a_fence_waits_for_a_commit_under_way(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a")
    epoch = first.cluster.epoch
    await second.expire(first)
    fenced = trio.Event()

    async def fence() -> None:
        assert await second.cluster.fence([epoch]) == [Held(A, "")]
        fenced.set()

    connection = psycopg.connect(first.url)
    with connection, trio.fail_after(10):
        connection.execute("SELECT begin_commit(%s, 1)", (epoch,))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fence)
            while not await second.sql("SELECT 1 FROM pg_locks WHERE NOT granted"):  # noqa: ASYNC110 - no bell rings
                await trio.sleep(0.01)
            assert not fenced.is_set()
            connection.execute("UPDATE runs SET event_count = 2 WHERE run_id = 'a'")
            connection.commit()
    assert await second.cluster.positions([A]) == {A: 2}
    with pytest.raises(psycopg.errors.Error) as refused, psycopg.connect(first.url) as late:
        late.execute("SELECT begin_commit(%s, 2)", (epoch,))
    assert refused.value.sqlstate == "GB001"


async def test_a_fence_ends_a_commit_that_is_frozen(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a")
    await second.expire(first)
    connection = psycopg.connect(first.url)
    with trio.fail_after(20):
        connection.execute("SELECT begin_commit(%s, 1)", (first.cluster.epoch,))
        connection.execute("UPDATE runs SET event_count = 2 WHERE run_id = 'a'")
        assert await second.cluster.fence([first.cluster.epoch]) == [Held(A, "")]
    with pytest.raises(psycopg.OperationalError):
        connection.commit()
    connection.close()
    assert await second.cluster.positions([A]) == {A: 1}


async def test_a_fence_ends_a_claim_that_is_frozen(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a")
    await second.expire(first)
    with trio.fail_after(20), psycopg.connect(first.url) as connection:
        check_lease(connection, first.cluster.epoch)
        assert await second.cluster.fence([first.cluster.epoch]) == [Held(A, "")]
        with pytest.raises(psycopg.OperationalError):
            connection.commit()


async def test_one_holds_what_nobody_else_holds(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a")
    await begin_optimization(first)
    for each in (A, STUDY):
        assert not await second.cluster.claim(each)
        assert await first.cluster.claim(each)
        await first.cluster.release([each])
        assert await second.cluster.claim(each)
        assert not await first.cluster.claim(each)
    assert second.holding == [(A, 1), (STUDY, 3)]
    holders = await first.cluster.holders([A, STUDY, B])
    assert {each: holder and holder.epoch for each, holder in holders.items()} == {
        A: second.cluster.epoch,
        STUDY: second.cluster.epoch,
    }


async def test_what_has_ended_is_held_by_nobody_else(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a", state="failed", finished_at="2024-01-01T00:00:00Z", event_count=4)
    assert not await second.cluster.claim(A)
    assert await second.cluster.holders([A]) == {}
    assert await second.cluster.positions([A, B]) == {A: 4}
    assert await second.cluster.free() == []


async def test_claims_of_the_queue_are_disjoint_and_together_all_of_it(
    three: list[Member],
) -> None:
    first, second, third = three
    every = [f"r{n:02}" for n in range(40)]
    await first.submit(*every)
    taken: dict[str, list[str]] = {"second": [], "third": []}

    async def take(member: Member, name: str) -> None:
        while found := named(await member.cluster.claim_queued(3)):
            taken[name] += found

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, second, "second")
        nursery.start_soon(take, third, "third")
    assert sorted(taken["second"] + taken["third"]) == every
    for member, name in ((second, "second"), (third, "third")):
        for run_id in taken[name]:
            assert await member.cluster.claim(("run", run_id))
    assert not await first.cluster.claim(("run", "r00"))


async def test_the_queue_is_taken_by_priority_then_fairly_then_in_order(
    three: list[Member],
) -> None:
    first, second, _ = three
    await first.submit("busy running", owner="busy", begun=True, state="running")
    await first.submit("busy 1", "busy 2", owner="busy")
    await first.submit("calm 1", "calm 2", "calm 3", owner="calm")
    await first.submit("urgent", owner="busy", priority=5)
    await first.submit("paused", owner="new", paused=True)
    order = ["urgent", "calm 1", "calm 2", "busy 1", "calm 3", "busy 2"]
    assert named(await second.cluster.claim_queued(4)) == order[:4]
    assert named(await second.cluster.claim_queued(9)) == order[4:]
    assert named(await second.cluster.claim_queued(9)) == []


async def test_what_was_taken_and_not_begun_is_given_out_again(three: list[Member]) -> None:
    first, second, third = three
    await first.submit("a")
    assert named(await first.cluster.claim_queued(1)) == []  # it has it already
    assert named(await second.cluster.claim_queued(1)) == ["a"]
    for each in three:
        assert named(await each.cluster.claim_queued(1)) == []
    for each in (second, third, second):
        await first.sql("UPDATE runs SET taken_at = taken_at - interval '6 s'")
        assert named(await each.cluster.claim_queued(1)) == ["a"]
    await first.sql("UPDATE runs SET taken_at = taken_at - interval '6 s'")
    assert await second.cluster.claim(A)
    assert named(await third.cluster.claim_queued(1)) == []


async def test_what_is_left_out_keeps_no_other_run_from_being_taken(three: list[Member]) -> None:
    first, second, third = three
    await first.submit("a", "b", fingerprint="x", priority=9)
    await first.submit("c", fingerprint="y", owner="own")
    await first.submit("d", "e", "f")
    left_out = LeftOut(["x", "z"], ["d"])
    assert await second.cluster.claim_queued(1, left_out) == [
        Held(("run", "c"), "own", fingerprint="y")
    ]
    assert named(await second.cluster.claim_queued(5, left_out)) == ["e", "f"]
    assert named(await second.cluster.claim_queued(5, left_out)) == []
    assert named(await third.cluster.claim_queued(5)) == ["a", "b", "d"]


async def test_what_is_left_out_is_found_in_the_queue_whoever_holds_it(
    three: list[Member],
) -> None:
    first, second, _ = three
    await first.submit("a", "b", "c", "d", fingerprint="x")
    await first.submit("paused", fingerprint="x", paused=True)
    await first.submit("e", fingerprint="y")
    await first.submit("f")
    assert await first.cluster.claim(A)  # it begins
    left_out = LeftOut(["x"], ["f"])
    assert named(await second.cluster.queued(left_out)) == ["b", "c", "d", "f"]
    assert named(await second.cluster.queued(LeftOut())) == []


async def test_what_was_kept_of_an_origin_is_told(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a", owner="own", fingerprint="x", paused=True)
    assert await second.cluster.origin(A) == Held(A, "own", paused=True, fingerprint="x")
    assert await second.cluster.origin(B) is None
    await begin_optimization(first)
    assert await second.cluster.origin(STUDY) == Held(STUDY, "")


async def test_what_nobody_holds_is_told_with_its_fingerprint(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a", begun=True, state="running", fingerprint="x")
    await begin_optimization(first)
    await first.sql("UPDATE optimizations SET fingerprint = 'y'")
    await first.cluster.leave()
    assert [each.fingerprint for each in await second.cluster.free()] == ["x", "y"]


async def test_what_a_fenced_member_had_only_queued_is_queued_again(three: list[Member]) -> None:
    first, second, third = three
    await first.submit("a", "b")
    assert await first.cluster.claim(A)
    assert await first.cluster.claim(B)
    await first.sql("UPDATE runs SET state = 'running', event_count = 2 WHERE run_id = 'b'")
    await begin_optimization(first)
    assert named(await second.cluster.claim_queued(5)) == []
    await second.expire(first)
    held = await second.cluster.fence([first.cluster.epoch])
    assert [each.named for each in held] == [A, B, STUDY]
    assert [each.named for each in await third.cluster.free()] == [B, STUDY]
    assert named(await third.cluster.claim_queued(5)) == ["a"]
    assert await third.cluster.claim(B)
    assert await third.cluster.claim(STUDY)
    assert await third.cluster.free() == []


async def test_a_member_that_leaves_holds_nothing_from_then_on(three: list[Member]) -> None:
    first, second, _ = three
    await first.submit("a")
    await first.submit("b", begun=True, state="running")
    await first.cluster.leave()
    assert [each.named for each in await second.cluster.free()] == [B]
    assert named(await second.cluster.claim_queued(1)) == ["a"]
    assert first.cluster.epoch not in [each.epoch for each in await second.cluster.leases()]


async def test_changes_of_others_are_told_and_ones_own_are_not(three: list[Member]) -> None:
    first, second, _ = three
    found, since = await second.cluster.changed(None)
    assert not found
    with psycopg.connect(first.url) as connection:
        connection.execute("SELECT begin_commit(%s, 1)", (first.cluster.epoch,))
        connection.execute(
            "INSERT INTO runs (seq, run_id, strategy, symbols, held_by, state, finished_at) "
            "VALUES (0, 'a', '', '{}', %s, 'failed', now())",
            (first.cluster.epoch,),
        )
        # Neither what is not committed can be seen, nor is it missed later.
        assert changes_of(await second.cluster.changed(since)) == set()
        _, late = await second.cluster.changed(since)
        connection.commit()
        assert changes_of(await second.cluster.changed(late)) == {A}
        assert changes_of(await first.cluster.changed(late)) == set()
        connection.execute("UPDATE runs SET run_id = NULL")
    await first.submit("b")
    await begin_optimization(first)
    assert changes_of(await second.cluster.changed(since)) == {A, B, STUDY}
    _, since = await second.cluster.changed(since)
    await trio.sleep(0.15)
    _, since = await second.cluster.changed(since)
    assert changes_of(await second.cluster.changed(since)) == set()
    sql = "UPDATE runs SET event_count = 2, changed_at = clock_timestamp() WHERE run_id = 'b'"
    await first.sql(sql)
    assert changes_of(await second.cluster.changed(since)) == {B}


async def test_hints_reach_the_others_and_not_oneself(three: list[Member]) -> None:
    first, second, third = three
    many: list[Named] = [("run", f"{n:0100}") for n in range(200)]
    with trio.fail_after(10):
        await listening(first)
        first.cluster.news.tell([A])
        assert list(await second.cluster.wait_news()) == [A]
        first.cluster.news.tell(many)
        found: set[Named] = set()
        while len(found) < 200:
            found.update(await second.cluster.wait_news())
        found = set()
        while len(found) < 201:
            found.update(await third.cluster.wait_news())
    with trio.move_on_after(0):
        await first.cluster.wait_news()
        pytest.fail("it heard itself")


async def test_hints_come_again_after_the_connections_were_cut(three: list[Member]) -> None:
    first, second, _ = three
    with trio.fail_after(20):
        await listening(first)
        await first.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'news' AND datname = current_database()"
        )
        heard = trio.Event()

        async def hear() -> None:
            await second.cluster.wait_news()
            heard.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(hear)
            while not heard.is_set():
                first.cluster.news.tell([A])
                await trio.sleep(0.05)


async def listening(member: Member) -> None:
    """Wait until all three members listen."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'news' AND query = 'LISTEN glowback' AND state = 'idle'"
    )
    while await member.sql(sql) != [(3,)]:  # noqa: ASYNC110 - no bell rings in the database
        await trio.sleep(0.01)
