"""The queue of a server: whose run is next.

Doctrine: one run at a time, computed on the event loop, so the order in which runs begin is the
order in which slots were given.
"""

from __future__ import annotations

from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client
from support.held_compute import HeldCompute

from glowback_trio import Gateway, open_gateway
from glowback_trio.server import Settings, create_app
from glowback_trio.wire.requests import parse_request

Document = dict[str, Any]


async def submitted(client: Client, body: Document, key: str, **more: object) -> str:
    response = await client.post("/backtests", json=body | more, headers={"X-API-Key": key})
    assert response.status_code == 201
    document = await response.get_json()
    return str(document["run_id"])


async def order_of_starts(gateway: Gateway) -> list[str]:
    await gateway.wait_idle()
    runs = sorted(gateway.runs(), key=lambda run: run.status.started_at or run.status.created_at)
    return [run.run_id for run in runs]


async def test_keys_take_turns(request_body: Document) -> None:
    compute = HeldCompute()
    async with open_gateway(compute=compute, max_running=1) as gateway:
        settings = Settings(api_keys=("first", "second"))
        client = create_app(gateway, settings).test_client()
        held = gateway.submit(parse_request(request_body))
        many = [await submitted(client, request_body, "first") for _ in range(3)]
        few = await submitted(client, request_body, "second")
        compute.let_go.set()
        starts = await order_of_starts(gateway)
        assert starts == [held.run_id, many[0], few, *many[1:]]


async def test_a_priority_up_to_the_servers_limit_goes_first(request_body: Document) -> None:
    compute = HeldCompute()
    async with open_gateway(compute=compute, max_running=1) as gateway:
        client = create_app(gateway, Settings(max_priority=5)).test_client()
        held = gateway.submit(parse_request(request_body))
        later = await submitted(client, request_body, "", priority=-1)
        usual = await submitted(client, request_body, "")
        first = await submitted(client, request_body, "", priority=5)
        compute.let_go.set()
        assert await order_of_starts(gateway) == [held.run_id, first, usual, later]


@pytest.mark.parametrize(("priority", "limit"), [(1, "0"), (101, "100"), (-101, "-100")])
async def test_a_priority_beyond_the_limit_is_refused_with_the_limit(
    client: Client, request_body: Document, priority: int, limit: str
) -> None:
    response = await client.post("/backtests", json=request_body | {"priority": priority})
    assert response.status_code == 422
    (problem,) = (await response.get_json())["detail"]
    assert problem["loc"] == ["body", "priority"]
    assert limit in problem["msg"]
