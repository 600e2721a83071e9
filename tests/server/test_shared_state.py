"""What servers of a cluster share: claims of idempotency keys, tickets, and rates.

Doctrine: two servers' parts stand on one model of the tables, in virtual time. What they do
together is compared with what one server alone does.
"""

from __future__ import annotations

import pytest
import trio
from attrs import define, field
from support.model_shared import ModelShared, ModelTables
from trio.testing import MockClock

from glowback_trio.errors import InvalidRequestError, StoreError
from glowback_trio.server.security.access_control import AccessControl
from glowback_trio.server.security.hosts import ServedHosts
from glowback_trio.server.security.peer_identity import PeerIdentity
from glowback_trio.server.security.proxies import Proxies
from glowback_trio.server.security.rate_limit import Buckets
from glowback_trio.server.security.tickets import SharedTickets
from glowback_trio.server.state.idempotency import FirstResponse
from glowback_trio.server.state.key_claims import KeyClaims, make_claim
from glowback_trio.server.state.shared_rates import exchange_for_ever

DIGEST, OTHER = b"d" * 32, b"o" * 32


@pytest.fixture
def tables() -> ModelTables:
    return ModelTables()


@define(eq=False)
class Server:
    """A server that begins something with a key and stores it some time later."""

    tables: ModelTables
    epoch: int
    stored: dict[str, FirstResponse]
    begun: list[str]
    mine: dict[str, FirstResponse] = field(factory=dict)
    claims: KeyClaims = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.claims = KeyClaims(ModelShared(self.tables, self.epoch))

    async def find(self) -> FirstResponse | None:
        await trio.lowlevel.checkpoint()
        return self.mine.get("key") or self.stored.get("key")

    async def submit(self, digest: bytes = DIGEST, storing_s: float = 1.0) -> str:
        claim = make_claim("/backtests", "key", digest)
        async with self.claims.turn("key"):
            if (first := await self.claims.claim(claim, self.find, "sent key")) is not None:
                return first.identity
            identity = f"run {len(self.begun)} of {self.epoch}"
            self.begun.append(identity)
            self.mine["key"] = FirstResponse(identity, b"")
        await trio.sleep(storing_s)
        self.stored["key"] = self.mine["key"]
        await self.claims.release(claim)
        return identity


@pytest.fixture
def servers(tables: ModelTables) -> list[Server]:
    stored: dict[str, FirstResponse] = {}
    begun: list[str] = []
    return [Server(tables, epoch, stored, begun) for epoch in (1, 2)]


async def test_the_same_request_at_two_servers_begins_once(
    servers: list[Server], autojump_clock: MockClock
) -> None:
    answers: list[str] = []

    async def submit(server: Server) -> None:
        answers.append(await server.submit())

    async with trio.open_nursery() as nursery:
        for server in servers * 3:
            nursery.start_soon(submit, server)
    assert len(set(answers)) == 1
    assert answers[0] in servers[0].begun
    assert not servers[0].tables.claims
    assert await servers[1].submit() == answers[0]
    assert not servers[0].tables.claims


async def test_another_request_with_the_key_is_refused_at_once(
    servers: list[Server], autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(servers[0].submit)
        await trio.sleep(0.5)
        with pytest.raises(InvalidRequestError, match="used with a different request"):
            await servers[1].submit(OTHER)
        assert trio.current_time() == pytest.approx(0.5)


async def test_what_a_dead_server_has_claimed_is_begun_by_another(
    servers: list[Server], tables: ModelTables, autojump_clock: MockClock
) -> None:
    with trio.move_on_after(1):
        await servers[0].submit(storing_s=1000.0)
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def fence() -> None:
            await trio.sleep(15)
            tables.fenced.add(1)

        assert (await servers[1].submit()).endswith("of 2")
    assert len(servers[0].begun) == 2
    assert trio.current_time() == pytest.approx(17, abs=0.2)


async def test_what_is_not_stored_for_long_is_answered_with_an_error(
    servers: list[Server], autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(servers[0].submit, DIGEST, 60.0)
        await trio.sleep(1)
        with pytest.raises(StoreError, match="at another gateway for 25 s"):
            await servers[1].submit()
        assert trio.current_time() == pytest.approx(26)
    assert await servers[1].submit() == servers[0].begun[0]


async def test_a_claim_that_cannot_be_given_back_harms_nobody(
    servers: list[Server], tables: ModelTables, autojump_clock: MockClock
) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(servers[0].submit)
        await trio.sleep(0.5)
        tables.away = True
    tables.away = False
    assert tables.claims
    assert await servers[1].submit() == await servers[0].submit() == servers[0].begun[0]


async def test_a_ticket_of_one_server_opens_a_stream_of_another_once(
    tables: ModelTables, autojump_clock: MockClock
) -> None:
    first, second = (SharedTickets(ModelShared(tables, epoch)) for epoch in (1, 2))
    ticket = await first.issue("ann")
    assert ticket.value not in repr(tables)
    assert await second.redeem("another") is None
    assert await second.redeem(ticket.value) == "ann"
    assert await first.redeem(ticket.value) is None
    late = await first.issue("ann")
    await trio.sleep(late.expires_in_s)
    assert await second.redeem(late.value) is None


def access() -> AccessControl:
    proxies = Proxies.read(())
    hosts = ServedHosts.of((), ())
    return AccessControl((), proxies, hosts, Buckets(100, 1000.0), PeerIdentity.of(None))


async def test_a_rate_holds_for_all_servers_together_a_second_later(
    tables: ModelTables, autojump_clock: MockClock
) -> None:
    both = [access(), access()]
    async with trio.open_nursery() as nursery:
        for epoch, each in enumerate(both):
            nursery.start_soon(exchange_for_ever, each, ModelShared(tables, epoch))
        await trio.sleep(0.5)
        for _ in range(60):
            assert both[0].request_rates.take("ann").allowed
        for _ in range(30):
            assert both[0].wrong_keys.take("host").allowed
        tables.away = True
        await trio.sleep(5)
        assert both[1].request_rates.look("ann").remaining == 100
        tables.away = False
        await trio.sleep(2)
        assert both[1].request_rates.look("ann").remaining == 40
        assert both[0].request_rates.look("ann").remaining == 40
        assert both[1].request_rates.look("ben").remaining == 100
        assert not both[1].wrong_keys.look("host").allowed
        for _ in range(40):
            both[0].request_rates.take("ann")
            both[1].request_rates.take("ann")
        await trio.sleep(2)
        assert both[0].request_rates.look("ann").remaining == 0
        nursery.cancel_scope.cancel()
