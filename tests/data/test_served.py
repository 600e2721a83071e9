"""Prices of every kind through the gateway and over HTTP: listed, run, adjusted, repeated."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import numpy as np
import pytest
from quart.typing import TestClientProtocol as Client

from glowback_trio import InlineCompute, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.data import CACHE_NAME, Catalogue
from glowback_trio.data.tools import write_prices
from glowback_trio.model.bars import Bars
from glowback_trio.server import create_app
from glowback_trio.server.openapi.document import openapi_document
from glowback_trio.server.routes.table import ROUTES
from glowback_trio.wire.requests import parse_request

pytest.importorskip("pyarrow")

PERIOD = {"start_date": "2020-03-01", "end_date": "2020-03-31"}


def bars(symbol: str, step: np.timedelta64) -> Bars:
    time = np.datetime64("2020-03-02") + np.arange(20) * step
    close = 10.0 + np.arange(20) / 7
    return Bars(symbol, time, close, close * 1.01, close * 0.99, close, np.full(20, 1e6))


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    write_prices(tmp_path / "AAPL_1d.csv", bars("AAPL", np.timedelta64(1, "D")))
    write_prices(tmp_path / "MSFT_1d.parquet", bars("MSFT", np.timedelta64(1, "D")))
    write_prices(tmp_path / "SPY_1m.parquet", bars("SPY", np.timedelta64(1, "m")))
    (tmp_path / "BAD_1d.parquet").write_text("no prices")
    factors = "date,price factor,split factor\n2020-03-10,0.9,0.5\n"
    (tmp_path / "AAPL_factors.csv").write_text(factors)
    catalogue = Catalogue(tmp_path, allow_sample=False, cache=Path(CACHE_NAME))
    async with open_gateway(data=catalogue, compute=InlineCompute()) as opened:
        yield opened


@pytest.fixture
def client(gateway: Gateway) -> Client:
    return create_app(gateway).test_client()


async def result_of(gateway: Gateway, client: Client, **changes: Any) -> dict[str, Any]:
    run = gateway.submit(parse_request(PERIOD | changes))
    await run.wait_finished()
    answer = await client.get(f"/backtests/{run.run_id}/results")
    assert answer.status_code == 200, await answer.get_data()
    document: dict[str, Any] = await answer.get_json()
    return document


async def test_files_of_every_format_and_resolution_are_listed_as_described(
    client: Client,
) -> None:
    listed = await (await client.get("/datasets")).get_json()
    assert [(one["symbol"], one["source"], one["resolution"], one["rows"]) for one in listed] == [
        ("AAPL", "csv", "day", 20),
        ("BAD", "parquet", "day", None),
        ("MSFT", "parquet", "day", 20),
        ("SPY", "parquet", "minute", 20),
    ]
    assert "BAD_1d.parquet cannot be read as Parquet" in listed[1]["problem"]
    document: Any = openapi_document(ROUTES)
    described = document["paths"]["/datasets"]["get"]["responses"]["200"]["content"]
    schema = {**described["application/json"]["schema"], "components": document["components"]}
    jsonschema.Draft202012Validator(schema).validate(listed)


async def test_a_run_over_both_formats_says_so_and_can_be_repeated(
    gateway: Gateway, client: Client
) -> None:
    first = await result_of(gateway, client, symbols=["MSFT", "AAPL"])
    replay = first["manifest"]["replay_request"]
    assert first["manifest"]["dataset"]["data_source"] == replay["data_source"] == "default"
    again = await result_of(gateway, client, **{**replay, "symbols": ["AAPL", "MSFT"]})
    for block in ("equity_curve", "trades", "metrics_summary"):
        assert again[block] == first[block]


async def test_an_adjustment_is_in_the_manifest_and_the_digest(
    gateway: Gateway, client: Client
) -> None:
    adjustments = {}
    for adjustment in ("none", "splits", "total"):
        result = await result_of(gateway, client, symbols=["AAPL"], adjustment=adjustment)
        dataset = result["manifest"]["dataset"]
        [validation] = dataset["validation_summaries"]
        assert validation["adjustment"] == adjustment
        assert result["manifest"]["replay_request"]["adjustment"] == adjustment
        adjustments[dataset["digest"]] = adjustment
    assert sorted(adjustments.values()) == ["none", "splits", "total"]


async def test_minute_bars_from_parquet_can_be_run(gateway: Gateway, client: Client) -> None:
    result = await result_of(
        gateway, client, symbols=["SPY"], resolution="minute", data_source="parquet"
    )
    assert result["manifest"]["dataset"]["data_source"] == "parquet"
    assert len(result["equity_curve"]) == 20


async def test_missing_factors_are_422_at_their_symbol(client: Client) -> None:
    document = PERIOD | {"symbols": ["AAPL", "MSFT"], "adjustment": "splits"}
    answer = await client.post("/backtests", json=document)
    assert answer.status_code == 422
    [problem] = (await answer.get_json())["detail"]
    assert problem["loc"] == ["body", "symbols", 1]
    assert "MSFT_factors.csv" in problem["msg"]
