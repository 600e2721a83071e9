"""Leak checks over HTTP: `POST /strategies/{name}/check`, and the clients.

Doctrine: the body is checked as that of a run, the report is that of `check_strategy` on the same
bars, and what cannot be checked is refused in a sentence.
"""

from __future__ import annotations

from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client
from support.planted_leaks import HONEST, LEAKS

from glowback_trio import (
    BacktestRequest,
    InlineCompute,
    LeakReport,
    MaCrossover,
    ProcessCompute,
    Rsi,
    ThreadCompute,
    check_strategy,
    load_dataset,
    open_gateway,
)
from glowback_trio.client import open_client
from glowback_trio.errors import (
    GatewayClosedError,
    InvalidRequestError,
    ServerRefusedError,
    VerificationError,
)
from glowback_trio.wire.leak_reports import leak_report_document, parse_leak_report

RANGE: dict[str, Any] = {"start_date": "2015-01-01", "end_date": "2017-12-31"}
BODY: dict[str, Any] = {"symbols": ["AAPL"], **RANGE}

CLOSED = {"start_date": "2016-01-02", "end_date": "2016-01-03"}  # a weekend


def of(strategy: Any, **fields: Any) -> BacktestRequest:
    return BacktestRequest(**{**BODY, "strategy": strategy, **fields})


def here(request: BacktestRequest, **more: Any) -> LeakReport:
    return check_strategy(request, load_dataset(request, "sample"), **more)


async def test_a_strategy_is_checked(client: Client) -> None:
    body = {**BODY, "strategy": {"params": {"short_period": 5}}}
    answer = await client.post("/v1/strategies/ma_crossover/check?cuts=80", json=body)
    report = await answer.get_json()
    assert answer.status_code == 200
    expected = here(of(MaCrossover(short_period=5)), cuts=80)
    assert report == leak_report_document(expected)
    assert parse_leak_report(report) == expected
    assert (report["verdict"], report["cuts"], report["changed"]) == ("clean", 80, None)


async def test_an_alias_and_a_named_strategy_are_taken(client: Client) -> None:
    alias = await client.post("/strategies/moving_average_crossover/check", json=BODY)
    assert (await alias.get_json())["strategy"] == "ma_crossover"
    named = {**BODY, "strategy": {"name": "rsi"}}
    assert (await client.post("/strategies/rsi/check", json=named)).status_code == 200


@pytest.mark.parametrize(
    ("path", "change", "status", "words"),
    [
        ("rs/check", {}, 404, "did you mean 'rsi'"),
        ("rsi/check", {"strategy": {"name": "momentum"}}, 422, "the strategy of the path"),
        ("rsi/check", {"strategy": {"params": {"lookback_period": 0}}}, 422, "lookback_period"),
        ("rsi/check", {"strategy": "rsi"}, 422, "should be an object"),
        ("rsi/check", {"end_date": "2014-01-01"}, 422, "after start_date"),
        ("rsi/check", {"data_source": "csv"}, 422, "data_source"),
        ("rsi/check", {"priority": 99}, 422, "the server's limit"),
        ("rsi/check?cuts=0", {}, 422, "greater than or equal to 1"),
        ("rsi/check?cuts=1025", {}, 422, "1024"),
        ("rsi/check?cut=5", {}, 422, "cuts"),
        (
            "target_weights/check",
            {"portfolio_construction": {"target_weights": {"AAPL": 0.5}}},
            422,
            "no strategy to check",
        ),
        ("rsi/check", CLOSED, 409, "market is closed"),
    ],
)
async def test_what_cannot_be_checked_is_refused_in_a_sentence(
    client: Client, path: str, change: Any, status: int, words: str
) -> None:
    refused = await client.post(f"/strategies/{path}", json={**BODY, **change})
    assert refused.status_code == status, await refused.get_json()
    assert words in str(await refused.get_json())


async def test_a_body_that_is_no_object_is_refused(client: Client) -> None:
    assert (await client.post("/strategies/rsi/check", json=[])).status_code == 422
    assert (await client.post("/strategies/rsi/check", data=b"{")).status_code == 422


async def test_the_client_has_a_strategy_checked(serve_with: Any) -> None:
    url = await serve_with()
    async with open_client(url) as client:
        assert await client.check_strategy(of(Rsi())) == here(of(Rsi()))
        assert (await client.check_strategy(BODY, cuts=70)).strategy == "buy_and_hold"
        with pytest.raises(ServerRefusedError, match="no strategy 'nope'"):
            await client.check_strategy({**BODY, "strategy": {"name": "nope"}})
        with pytest.raises(InvalidRequestError, match="end_date"):
            await client.check_strategy({**BODY, "end_date": "2014-01-01"})


@pytest.mark.parametrize("compute", [InlineCompute, ThreadCompute, ProcessCompute])
async def test_a_gateway_checks_on_every_backend(compute: Any) -> None:
    async with open_gateway(data="sample", compute=compute()) as gateway:
        for strategy in (Rsi(), MaCrossover()):
            request = of(strategy, symbols=["AAPL", "SPY"])
            assert await gateway.check_strategy(request) == here(request)


async def test_a_gateway_finds_leaks_of_its_custom_strategies() -> None:
    given = [LEAKS[0], LEAKS[-1], HONEST[0]]
    kinds = [type(one) for one in given]
    async with open_gateway(data="sample", compute=ThreadCompute(), strategies=kinds) as gateway:
        verdicts = [(await gateway.check_strategy(of(one))).verdict for one in given]
    assert verdicts == ["leaks", "leaks", "clean"]


async def test_a_gateway_refuses_what_cannot_be_checked() -> None:
    async with open_gateway(data="sample", compute=InlineCompute()) as gateway:
        with pytest.raises(InvalidRequestError, match="cuts"):
            await gateway.check_strategy(of(Rsi()), cuts=0)
        with pytest.raises(InvalidRequestError, match="data directory"):
            await gateway.check_strategy(of(Rsi(), data_source="csv"))
        with pytest.raises(VerificationError, match="cannot be checked: AAPL has no bars"):
            await gateway.check_strategy(of(Rsi(), **CLOSED))
    with pytest.raises(GatewayClosedError):
        await gateway.check_strategy(of(Rsi()))
