"""What gateways share besides runs: keys of requests, tickets and rates, over one real database.

Doctrine: two and more members do the same at the same moment, and exactly one of them may win.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest
import trio
from support.clusters import Member, joined

from glowback_trio.store.cluster import FencedError
from glowback_trio.store.shared_state import KeyClaim

T = TypeVar("T")


@pytest.fixture
async def three() -> AsyncIterator[list[Member]]:
    async with joined(3) as members:
        yield members


def claim_of(member: Member, digest: str = "d", kind: str = "run") -> KeyClaim:
    return KeyClaim(kind, "key", digest, f"nonce of {member.cluster.epoch}")


async def all_at_once(members: list[Member], do: Callable[[Member], Awaitable[T]]) -> list[T]:
    answers: list[T] = []

    async def one(member: Member) -> None:
        answers.append(await do(member))

    async with trio.open_nursery() as nursery:
        for each in members:
            nursery.start_soon(one, each)
    return answers


async def test_one_claim_of_a_key_holds_for_all(three: list[Member]) -> None:
    for _ in range(5):
        held = await all_at_once(
            three, lambda member: member.cluster.shared.claim_key(claim_of(member))
        )
        assert len(set(held)) == 1
        for member in three:  # a claim that does not hold releases nothing
            if claim_of(member) != held[0]:
                await member.cluster.shared.release_key(claim_of(member))
        assert await three[0].sql("SELECT id FROM idempotency_keys") == [(held[0].nonce,)]
        await three[0].cluster.shared.release_key(held[0])
        assert await three[0].sql("SELECT id FROM idempotency_keys") == []


async def test_another_request_with_the_key_sees_whose_it_is(three: list[Member]) -> None:
    first, second, _ = three
    mine = claim_of(first)
    assert await first.cluster.shared.claim_key(mine) == mine
    assert await second.cluster.shared.claim_key(claim_of(second, "other")) == mine
    other_kind = claim_of(second, kind="optimization")
    assert await second.cluster.shared.claim_key(other_kind) == other_kind


async def test_the_claim_of_a_fenced_gateway_is_taken_over_once(three: list[Member]) -> None:
    first, second, third = three
    await first.cluster.shared.claim_key(claim_of(first))
    await second.expire(first)
    assert await second.cluster.shared.claim_key(claim_of(second)) == claim_of(first)
    await second.cluster.fence([first.cluster.epoch])
    both = [second, third]
    held = await all_at_once(both, lambda each: each.cluster.shared.claim_key(claim_of(each)))
    assert len(set(held)) == 1
    assert held[0] in {claim_of(each) for each in both}
    with pytest.raises(FencedError):
        await first.cluster.shared.claim_key(claim_of(first))


async def test_a_gateway_takes_over_a_claim_of_its_own(three: list[Member]) -> None:
    shared = three[0].cluster.shared
    await shared.claim_key(KeyClaim("run", "key", "d", "left behind"))
    assert (await shared.claim_key(KeyClaim("run", "key", "d", "again"))).nonce == "again"
    await shared.release_key(KeyClaim("run", "key", "d", "left behind"))
    found = await three[1].cluster.shared.claim_key(claim_of(three[1]))
    assert found.nonce == "again"


async def test_a_ticket_is_used_once_wherever_it_is_used(three: list[Member]) -> None:
    await three[0].cluster.shared.keep_ticket(b"digest", "holder", 30)
    found = await all_at_once(three, lambda member: member.cluster.shared.take_ticket(b"digest"))
    assert sorted(found, key=str) == [None, None, "holder"]


async def test_a_ticket_that_has_expired_opens_nothing(three: list[Member]) -> None:
    first, second, _ = three
    await first.cluster.shared.keep_ticket(b"old", "holder", 30)
    await first.sql("UPDATE tickets SET until = clock_timestamp() - interval '1 s'")
    await second.cluster.shared.keep_ticket(b"new", "holder", 30)
    assert await second.cluster.shared.take_ticket(b"old") is None
    assert await first.sql("SELECT count(*) FROM tickets") == [(1,)]
    assert await first.cluster.shared.take_ticket(b"unknown") is None


async def test_what_each_spends_is_told_to_the_others_once(three: list[Member]) -> None:
    first, second, third = (member.cluster.shared for member in three)
    for each in (first, second):
        assert await each.exchange_rates({}) == {}
    assert await first.exchange_rates({"a": 3, "b": 1}) == {}
    assert await second.exchange_rates({"a": 2}) == {"a": 3, "b": 1}
    assert await second.exchange_rates({}) == {}
    assert await first.exchange_rates({"a": 4}) == {"a": 2}
    assert await second.exchange_rates({}) == {"a": 4}
    # Who joins later does not know when that was spent, and counts what is spent from then on.
    assert await third.exchange_rates({}) == {}
    await first.exchange_rates({"a": 1})
    assert await third.exchange_rates({}) == {"a": 1}


async def test_what_could_not_be_told_is_told_later(three: list[Member]) -> None:
    first, second = (member.cluster.shared for member in three[:2])
    await second.exchange_rates({})
    await three[0].sql("ALTER TABLE rates RENAME TO gone")
    with pytest.raises(Exception, match="rates"):
        await first.exchange_rates({"a": 3})
    await three[0].sql("ALTER TABLE gone RENAME TO rates")
    await first.exchange_rates({"a": 1})
    assert await second.exchange_rates({}) == {"a": 4}
