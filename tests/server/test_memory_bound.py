"""The bound on memory over HTTP: new work is refused, by the name of what is full, and told apart.

Doctrine: the bound is filled by hand, so that no test has to hold much. Unfinished bodies come over
a real socket, because only the connection sees them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest
import trio
import trio.lowlevel
import trio.testing
from quart.typing import TestClientProtocol as Client
from support.raw_http import connect, read_response
from support.served import serving_on

from glowback_trio import InlineCompute, MemoryStore, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import create_app

LIMIT = 1 << 20


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(
        store=MemoryStore(), compute=InlineCompute(), max_memory=LIMIT
    ) as opened:
        yield opened


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return create_app(gateway).test_client()


async def test_a_full_server_takes_no_run_and_says_what_is_full(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    logs = gateway.memory.account("logs")
    logs.add(LIMIT)
    refused = await client.post("/v1/backtests", json=request_body)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    error = (await refused.get_json())["error"]
    assert error["code"] == "unavailable"
    assert error["message"] == (
        "The server is out of memory for logs (GLOWBACK_MAX_MEMORY is 1,048,576 bytes) at the "
        "moment; try again later"
    )
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200
    logs.release(LIMIT)
    assert (await client.get("/readyz")).status_code == 200
    assert (await client.post("/backtests", json=request_body)).status_code == 201


async def test_metrics_say_who_holds_what_until_it_is_deleted(
    client: Client, gateway: Gateway, request_body: dict[str, Any]
) -> None:
    key = {"Idempotency-Key": "k"}
    run_id = (await (await client.post("/backtests", json=request_body, headers=key)).get_json())[
        "run_id"
    ]
    await gateway.run(run_id).wait_finished()
    await trio.testing.wait_all_tasks_blocked()
    held = gateway.memory.held
    assert min(held["logs"], held["results"], held["idempotency"]) > 1000
    text = await (await client.get("/metrics")).get_data(as_text=True)
    assert f'glowback_memory_held_bytes{{account="logs"}} {float(held["logs"])}' in text
    assert "glowback_memory_limit_bytes 1.048576e+06" in text
    await client.delete(f"/backtests/{run_id}")
    await trio.testing.wait_all_tasks_blocked()
    assert (gateway.memory.held["logs"], gateway.memory.held["results"]) == (0, 0)


async def test_a_log_that_is_deleted_counts_until_its_reader_lets_go(
    gateway: Gateway, submit: Any
) -> None:
    run = submit()
    await run.wait_finished()
    await trio.testing.wait_all_tasks_blocked()
    reader, whole = run.subscribe(), gateway.memory.held["logs"]
    gateway.delete(run.run_id)
    del run
    await trio.testing.wait_all_tasks_blocked()
    assert gateway.memory.held["logs"] == whole > 0
    del reader
    assert gateway.memory.held["logs"] == 0


async def test_bodies_that_never_end_have_a_sum(gateway: Gateway, nursery: trio.Nursery) -> None:
    url = await serving_on(gateway, nursery)()
    head = (
        b"POST /backtests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 700000\r\n\r\n"
    )
    async with AsyncExitStack() as opened:
        streams = [await opened.enter_async_context(await connect(url)) for _ in range(4)]
        for stream in streams:
            await stream.send_all(head + b" " * 500_000)
        with trio.fail_after(10):
            answer = await read_response(streams[-1])
        assert answer.status == 503
        assert b"no memory left for request bodies" in answer.body
        assert gateway.memory.account("bodies").held <= LIMIT
        async with httpx2.AsyncClient(base_url=url) as http:
            assert (await http.get("/healthz")).status_code == 200
    with trio.fail_after(10):
        while gateway.memory.account("bodies").held:
            await trio.lowlevel.checkpoint()


async def test_a_run_whose_result_finds_no_memory_left_fails_and_gives_it_back(
    gateway: Gateway, submit: Any
) -> None:
    results = gateway.memory.account("results")
    run = submit(start_date="1960-01-01")
    results.add(LIMIT - 100_000)
    status = await run.wait_finished()
    assert status.state == "failed"
    assert status.error == (
        "The server is out of memory for results (GLOWBACK_MAX_MEMORY is 1,048,576 bytes) at the "
        "moment; try again later"
    )
    await trio.testing.wait_all_tasks_blocked()
    assert results.held == LIMIT - 100_000
