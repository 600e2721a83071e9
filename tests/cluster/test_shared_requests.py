"""Requests to several gateways over one real database: keys, tickets and rates hold for all.

Doctrine: each gateway has an app of its own, and requests are sent to all of them at the same
moment. What the database has afterwards counts, and that all answers are one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest
import trio
from attrs import frozen
from quart.typing import TestClientProtocol as Client
from support.postgres_stores import new_store_database
from support.raw_http import shake
from support.served import serving_on
from support.served_searches import GRID

from glowback_trio import Gateway, InlineCompute, open_gateway
from glowback_trio.server import Settings, create_app
from glowback_trio.server.app import make_app_state
from glowback_trio.server.state.shared_rates import exchange_for_ever
from glowback_trio.store.postgres import PostgresStore

REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2024-01-01",
    "end_date": "2024-03-31",
    "strategy": {"name": "buy_and_hold"},
}
KEY = {"Idempotency-Key": "once"}
ME = {"X-API-Key": "right"}


@frozen
class Both:
    """Two gateways over one database.

    Attributes:
        url: The database.
        gateways: The gateways.
    """

    url: str
    gateways: list[Gateway]

    def clients(self, **settings: Any) -> list[Client]:
        return [create_app(each, Settings(**settings)).test_client() for each in self.gateways]

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql.encode()).fetchall()


@pytest.fixture
async def both() -> AsyncIterator[Both]:
    url = new_store_database()
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(
                open_gateway(store=PostgresStore(url), compute=InlineCompute())
            )
            for _ in range(2)
        ]
        yield Both(url, gateways)


async def posted(clients: list[Client], path: str, *documents: dict[str, Any]) -> list[Any]:
    """Send requests to all at once, each its own document in turn; return status and body."""
    answers: list[Any] = []

    async def post(client: Client, document: dict[str, Any]) -> None:
        response = await client.post(path, json=document, headers=KEY)
        location = response.headers.get("Location")
        answers.append((response.status_code, location, await response.get_data()))

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            for number, client in enumerate(clients):
                nursery.start_soon(post, client, documents[number % len(documents)])
    return answers


async def test_one_key_at_both_at_the_same_moment_begins_one_run(both: Both) -> None:
    answers = await posted(both.clients() * 3, "/backtests", REQUEST)
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    again = await posted(both.clients(), "/backtests", REQUEST)
    assert set(again) == set(answers)
    assert both.ask("SELECT count(*) FROM runs") == [(1,)]
    assert both.ask("SELECT count(*) FROM idempotency_keys") == [(0,)]


async def test_one_key_with_two_requests_begins_one_of_them(both: Both) -> None:
    other = REQUEST | {"symbols": ["SPY"]}
    answers = await posted(both.clients(), "/backtests", REQUEST, other)
    assert sorted(status for status, _, _ in answers) == [201, 422]
    assert both.ask("SELECT count(*) FROM runs") == [(1,)]


async def test_one_key_begins_one_optimization(both: Both) -> None:
    answers = await posted(both.clients() * 2, "/optimizations", GRID)
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert both.ask("SELECT count(*) FROM optimizations") == [(1,)]


async def test_a_claim_whose_gateway_died_is_taken_over(both: Both) -> None:
    first, second = both.gateways
    assert first.cluster is not None
    assert second.cluster is not None
    with psycopg.connect(both.url) as connection:
        connection.execute(
            "INSERT INTO gateways (name, version, lease_until, fenced) VALUES ('', '', now(), true)"
        )
        connection.execute(
            "INSERT INTO idempotency_keys (kind, key, id, digest, epoch) "
            "SELECT '/backtests', 'k', 'dead', 'd', max(epoch) FROM gateways"
        )
        # The key as it is kept with a run of a client without an API key.
        key = "SELECT encode(sha256(convert_to('', 'UTF8') || '\\x00'::bytea || 'once'), 'hex')"
        connection.execute(f"UPDATE idempotency_keys SET key = ({key})".encode())
    answers = await posted(both.clients(), "/backtests", REQUEST)
    assert len(set(answers)) == 1
    assert answers[0][0] == 201
    assert both.ask("SELECT count(*) FROM runs") == [(1,)]
    assert both.ask("SELECT count(*) FROM idempotency_keys") == [(0,)]


async def test_a_request_whose_commit_was_cut_begins_one_run_wherever_it_is_repeated(
    both: Both,
) -> None:
    clients = both.clients()
    answers: list[Any] = []

    async def post() -> None:
        answers.extend(await posted(clients[:1], "/backtests", REQUEST))

    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database() AND application_name LIKE 'glowback-trio commit%'"
    )
    async with trio.open_nursery() as nursery:
        with psycopg.connect(both.url) as connection:
            connection.execute("LOCK TABLE event_batches IN SHARE MODE")  # no commit, but any look
            nursery.start_soon(post)
            with trio.fail_after(20):
                while not both.ask(waiting):  # noqa: ASYNC110 - no bell rings in a database
                    await trio.sleep(0.01)
            both.ask(f"SELECT pg_terminate_backend(pid) FROM ({waiting}) AS waiting")
            with trio.fail_after(20):
                while not answers:  # noqa: ASYNC110 - the same
                    await trio.sleep(0.01)
    assert answers[0][0] == 503
    again = await posted(clients, "/backtests", REQUEST)
    assert len(set(again)) == 1
    assert again[0][0] == 201
    # Another gateway may have responded with it before the first one could have taken it back.
    assert both.ask("SELECT count(DISTINCT id) FROM changes WHERE kind = 'run'") == [(1,)]


async def test_a_ticket_of_one_is_used_at_the_other(both: Both) -> None:
    first = both.clients(api_keys=("right",))[0]
    response = await first.post("/stream-tickets", headers=ME)
    assert response.status_code == 201
    value = (await response.get_json())["ticket"]
    assert value not in str(both.ask("SELECT * FROM tickets"))
    async with trio.open_nursery() as nursery:
        offered = f"Sec-WebSocket-Protocol: glowback.v1, ticket.{value}"
        for gateway, status in ((both.gateways[1], 101), (both.gateways[0], 401)):
            url = await serving_on(gateway, nursery, log_level="ERROR")(api_keys=("right",))
            assert (await shake(url, "/changes/stream", offered)).status == status
        nursery.cancel_scope.cancel()
    assert both.ask("SELECT count(*) FROM tickets") == [(0,)]


async def test_a_rate_is_spent_at_both_together(both: Both) -> None:
    settings = Settings(rate_limit=50, rate_window=1000.0)
    states = [make_app_state(each, settings) for each in both.gateways]
    shared = [state.shared for state in states]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            for state, each in zip(states, shared, strict=True):
                assert each is not None
                nursery.start_soon(exchange_for_ever, state.access, each)
            while both.ask("SELECT count(*) FROM rates") == [(0,)]:
                states[0].access.request_rates.take("somebody else")
                await trio.sleep(0.1)
            for _ in range(30):
                states[0].access.request_rates.take("caller")
            while states[1].access.request_rates.look("caller").remaining != 20:  # noqa: ASYNC110 - no bell rings
                await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
