"""A server whose store is a file: what it promises to clients, and what it says when it cannot.

Doctrine: two servers, one after the other, on one file; the second is a new process for all that a
client can see. The file is full by SQLite's own bound.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from quart.typing import TestClientProtocol as Client
from support.sqlite_files import inline_store
from trio.testing import MockClock

from glowback_trio import InlineCompute, SqliteStore, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import create_app


@asynccontextmanager
async def served(path: Path) -> AsyncIterator[tuple[Client, Gateway, SqliteStore]]:
    store = inline_store(path)
    async with open_gateway(store=store, compute=InlineCompute()) as gateway:
        yield create_app(gateway).test_client(), gateway, store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.sqlite"


async def test_readiness_names_what_is_promised(path: Path, client: Client) -> None:
    assert (await (await client.get("/readyz")).get_json())["durability"] == "memory"
    async with served(path) as (other, _, store):
        assert (await (await other.get("/readyz")).get_json())["durability"] == "process"
        store.synchronous = "FULL"
        assert (await (await other.get("/readyz")).get_json())["durability"] == "power"


async def test_a_run_is_stored_when_its_client_learns_its_id(
    path: Path, request_body: dict[str, Any], autojump_clock: MockClock
) -> None:
    async with served(path) as (client, gateway, _):
        run_id = (await (await client.post("/backtests", json=request_body)).get_json())["run_id"]
        assert gateway.run(run_id).broadcaster.log.watermark >= 1


async def test_a_request_that_is_repeated_at_the_next_server_gets_the_first_answer(
    path: Path, request_body: dict[str, Any], autojump_clock: MockClock
) -> None:
    key = {"Idempotency-Key": "once"}
    async with served(path) as (client, gateway, _):
        first = await client.post("/backtests", json=request_body, headers=key)
        await gateway.wait_idle()
    async with served(path) as (client, gateway, _):
        again = await client.post("/backtests", json=request_body, headers=key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert await again.get_data() == await first.get_data()
        other = request_body | {"symbols": ["SPY"]}
        assert (await client.post("/backtests", json=other, headers=key)).status_code == 422
        assert len(await gateway.statuses()) == 1
        sent = {**key, "X-API-Key": "somebody else"}
        assert (await client.post("/backtests", json=request_body, headers=sent)).status_code == 201
        assert len(await gateway.statuses()) == 2


async def test_equal_requests_at_the_same_time_start_one_run(
    path: Path, request_body: dict[str, Any], autojump_clock: MockClock
) -> None:
    answers: list[bytes] = []

    async def post(client: Client) -> None:
        key = {"Idempotency-Key": "once"}
        response = await client.post("/backtests", json=request_body, headers=key)
        answers.append(await response.get_data(as_text=False))

    async with served(path) as (client, gateway, _):
        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(post, client)
        assert len(set(answers)) == 1
        assert len(await gateway.statuses()) == 1


async def test_a_run_that_cannot_be_stored_is_refused_and_was_never_there(
    path: Path, request_body: dict[str, Any], autojump_clock: MockClock
) -> None:
    key = {"Idempotency-Key": "once"}
    async with served(path) as (client, gateway, store):
        assert store._open is not None
        disk = store._open.committer.connection
        disk.pragma("max_page_count", disk.pragma("page_count"))
        large = request_body | {"symbols": [f"SYMBOL{number}" for number in range(1000)]}
        for _ in range(2):
            refused = await client.post("/v1/backtests", json=large, headers=key)
            assert refused.status_code == 503
            assert refused.headers["Retry-After"]
            error = (await refused.get_json())["error"]
            assert error["code"] == "unavailable"
            assert str(path) not in error["message"]
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert gateway.runs() == []
        disk.pragma("max_page_count", 1 << 20)
        await trio.sleep(10)
        assert (await client.get("/readyz")).status_code == 200
        assert (await client.post("/backtests", json=request_body, headers=key)).status_code == 201
