"""Custom strategies of the operator as clients meet them: listed, described, checked, run.

Rule: a custom strategy is treated like a built-in one in every place where one is named.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, ClassVar

import openapi_spec_validator
import pytest
from attrs import frozen
from quart.typing import TestClientProtocol as Client

from glowback_trio import BarStrategy, Context, InlineCompute, OnBar, assert_sound, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.errors import StrategyError
from glowback_trio.model.bounds import Ge, Le
from glowback_trio.server import Settings, create_app
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.requests import parse_request

REQUEST = {"symbols": ["AAPL"], "start_date": "2024-01-01", "end_date": "2024-03-31"}


@frozen
class Status(BarStrategy):
    """Buy on the first bar; its class has the name of another component.

    Attributes:
        units: How many.
    """

    name: ClassVar[str] = "first_bar"
    aliases: ClassVar[tuple[str, ...]] = ("first",)
    title: ClassVar[str] = "First Bar"

    units: Annotated[int, Ge(1), Le(9)] = 3
    fails_at: int = 0

    def start(self) -> OnBar:
        """Begin a run."""

        def on_bar(context: Context) -> None:
            bars = context.count("AAPL")
            if bars == 1:
                context.order("AAPL", self.units)
                context.log("bought")
            if bars == self.fails_at:
                raise LookupError("lost")

        return on_bar


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(compute=InlineCompute(), strategies=[Status]) as opened:
        yield opened


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return create_app(gateway, Settings()).test_client()


def asking(**params: object) -> dict[str, Any]:
    return {**REQUEST, "strategy": {"name": "first", "params": params}}


async def test_they_are_listed_after_the_built_in_ones(client: Client) -> None:
    *_, last = await (await client.get("/strategies")).get_json()
    assert last == {
        "name": "first_bar",
        "aliases": ["first"],
        "title": "First Bar",
        "description": "Buy on the first bar; its class has the name of another component.",
        "parameters": [
            {
                "name": "units",
                "type": "integer",
                "minimum": 1,
                "maximum": 9,
                "description": "How many.",
                "default": 3,
            },
            {"name": "fails_at", "type": "integer", "default": 0},
        ],
    }


async def test_the_document_describes_them_beside_what_has_the_same_name(client: Client) -> None:
    document = await (await client.get("/openapi.json")).get_json()
    openapi_spec_validator.validate(document)
    schemas = document["components"]["schemas"]
    assert "run_id" in schemas["Status"]["properties"]
    own = schemas["Strategy"]["discriminator"]["mapping"]["first"].rpartition("/")[2]
    assert schemas[own]["properties"]["name"]["enum"] == ["first_bar", "first"]
    params = schemas[own]["properties"]["params"]["$ref"].rpartition("/")[2]
    assert schemas[params]["properties"]["units"]["maximum"] == 9


async def test_a_request_names_one_and_its_replay_gives_the_same(
    client: Client, gateway: Gateway
) -> None:
    answer = await client.post("/backtests", json=asking(units=5))
    assert answer.status_code == 201
    run = gateway.run((await answer.get_json())["run_id"])
    await run.wait_finished()
    result = run.result()
    assert result.trades.quantity.tolist() == [5.0]
    assert "bought" in result.logs
    replay = parse_request(result.manifest["replay_request"], make_converter(gateway.strategies))
    again = gateway.submit(replay)
    await again.wait_finished()
    assert again.result().curve.value.tolist() == result.curve.value.tolist()
    assert again.result().manifest == result.manifest


async def test_its_parameters_are_refused_with_all_complaints(client: Client) -> None:
    answer = await client.post("/backtests", json=asking(units=10, unit=1))
    assert answer.status_code == 422
    complaints = {tuple(each["loc"]): each["msg"] for each in (await answer.get_json())["detail"]}
    where = ("body", "strategy", "params")
    assert complaints[(*where, "units")] == "Input should be less than or equal to 9"
    assert "did you mean 'units'" in complaints[(*where, "unit")]


async def test_a_strategy_that_raises_ends_its_run_with_a_message(
    client: Client, gateway: Gateway
) -> None:
    answer = await client.post("/backtests", json=asking(fails_at=2))
    run = gateway.run((await answer.get_json())["run_id"])
    status = await run.wait_finished()
    assert status.state == "failed"
    assert status.error is not None
    assert status.error.startswith("first_bar failed at the bar of 2024-01-02: ")
    assert status.error.endswith(": LookupError: lost")
    with run.subscribe() as events:
        received = [event async for event in events]
    assert_sound(received)
    assert {"log", "trade"} < {event.type for event in received}  # all there was before


async def test_a_gateway_does_not_open_with_invalid_strategies() -> None:
    with pytest.raises(StrategyError, match="'first_bar' is taken by Status"):
        async with open_gateway(strategies=[Status, Status]):
            pass
