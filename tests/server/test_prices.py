"""Bars and the quality of datasets over HTTP.

Rule: what is returned is compared with what the source loads.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from quart.typing import TestClientProtocol as Client

from glowback_trio import BacktestRequest, InlineCompute, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.data import MemoryCatalogue
from glowback_trio.model.bars import Bars
from glowback_trio.server import create_app

DAYS = """\
timestamp,open,high,low,close,volume
2024-01-02,10,12,9,11,100
2024-01-03,11,13,10,12,
2024-01-04,12,12.5,11,11.5,300
2024-01-05,11.5,14,11,13,50
2024-01-05,11.5,14,11,13,50
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    (tmp_path / "AAA_1d.csv").write_text(DAYS)
    (tmp_path / "BTC%2FUSDT_1d.csv").write_text(DAYS.replace(",10,12,9,11", ",10,12,9,11.25"))
    minutes = "".join(f"2024-01-02T10:0{minute}:00Z,1,2,0.5,1.5,{minute}\n" for minute in range(6))
    (tmp_path / "AAA_1m.csv").write_text("timestamp,open,high,low,close,volume\n" + minutes)
    first, *_, last = DAYS.splitlines(keepends=True)[1:]
    (tmp_path / "GAP_1d.csv").write_text(DAYS.splitlines(keepends=True)[0] + first + last)
    (tmp_path / "BAD_1d.csv").write_text("timestamp,open\n2024-01-02,x\n")
    return tmp_path


@pytest.fixture
async def gateway(prices: Path) -> AsyncIterator[Gateway]:
    async with open_gateway(data=prices, compute=InlineCompute()) as opened:
        yield opened


async def got(client: Client, path: str, status: int = 200) -> Any:
    response = await client.get(path)
    document = await response.get_json()
    assert response.status_code == status, document
    return document


def run_of(gateway: Gateway, **changes: Any) -> str:
    wanted = {"symbols": ["AAA"], "start_date": "2024-01-01", "end_date": "2024-01-04"}
    return gateway.submit(BacktestRequest(**wanted | changes)).run_id


async def test_a_chart_of_a_run_has_the_bars_of_its_range(client: Client, gateway: Gateway) -> None:
    document = await got(client, f"/backtests/{run_of(gateway)}/bars")
    assert document == {
        "symbol": "AAA",
        "resolution": "day",
        "source": "csv",
        "columns": ["timestamp", "open", "high", "low", "close", "volume"],
        "rows": [
            ["2024-01-02T00:00:00+00:00", 10.0, 12.0, 9.0, 11.0, 100.0],
            ["2024-01-03T00:00:00+00:00", 11.0, 13.0, 10.0, 12.0, None],
            ["2024-01-04T00:00:00+00:00", 12.0, 12.5, 11.0, 11.5, 300.0],
        ],
        "bars": 3,
        "per_row": 1,
    }


async def test_bars_are_merged_to_the_points_that_are_wanted(
    client: Client, gateway: Gateway
) -> None:
    path = f"/v1/backtests/{run_of(gateway)}/bars?max_points=2"
    document = await got(client, path)
    assert (document["bars"], document["per_row"]) == (3, 2)
    assert document["rows"] == [
        ["2024-01-02T00:00:00+00:00", 10.0, 13.0, 9.0, 12.0, 100.0],
        ["2024-01-04T00:00:00+00:00", 12.0, 12.5, 11.0, 11.5, 300.0],
    ]
    one = await got(client, f"{path}&from=2024-01-03&to=2024-01-03")
    assert (one["bars"], one["per_row"], len(one["rows"])) == (1, 1, 1)
    none = await got(client, f"{path}&from=2024-01-06")
    assert (none["bars"], none["rows"]) == (0, [])


async def test_a_chart_of_several_symbols_is_of_the_one_that_is_named(
    client: Client, gateway: Gateway
) -> None:
    run_id = run_of(gateway, benchmark_symbol="BTC/USDT")
    path = f"/backtests/{run_id}/bars"
    assert (await got(client, f"{path}?symbol=AAA"))["rows"][0][4] == 11.0
    other = await got(client, f"{path}?symbol=BTC/USDT")
    assert (other["symbol"], other["rows"][0][4]) == ("BTC/USDT", 11.25)
    (complaint,) = (await got(client, path, 422))["detail"]
    assert complaint["loc"] == ["query", "symbol"]
    assert complaint["msg"].endswith("known: AAA, BTC/USDT")
    (complaint,) = (await got(client, f"{path}?symbol=AAB", 422))["detail"]
    assert complaint["msg"].endswith("did you mean 'AAA'?")


async def test_bars_that_are_gone_are_a_conflict_that_says_so(
    client: Client, gateway: Gateway, prices: Path
) -> None:
    run_id = run_of(gateway)
    (prices / "AAA_1d.csv").unlink()
    refused = await got(client, f"/backtests/{run_id}/bars", 409)
    assert refused["detail"].startswith("These bars cannot be read now: ")
    assert "'AAA'" in refused["detail"]


async def test_a_chart_of_a_dataset_has_all_its_bars(client: Client) -> None:
    document = await got(client, "/datasets/AAA/bars")
    assert (document["resolution"], document["bars"]) == ("day", 4)
    minutes = await got(client, "/datasets/AAA/bars?resolution=minute&max_points=3")
    assert (minutes["bars"], minutes["per_row"]) == (6, 2)
    assert [row[5] for row in minutes["rows"]] == [1.0, 5.0, 9.0]
    part = await got(client, "/datasets/AAA/bars?from=2024-01-03&to=2024-01-04")
    assert [row[0][:10] for row in part["rows"]] == ["2024-01-03", "2024-01-04"]


async def test_a_slash_in_a_symbol_is_escaped_twice(client: Client) -> None:
    document = await got(client, "/datasets/BTC%252FUSDT/bars")
    assert (document["symbol"], document["bars"]) == ("BTC/USDT", 4)


@pytest.mark.parametrize("rest", ["bars", "quality"])
async def test_a_dataset_that_is_not_there_is_404(client: Client, rest: str) -> None:
    lacks = await got(client, f"/datasets/AAA/{rest}?resolution=hour", 404)
    known = "'AAA' has no bars of resolution 'hour'; known: day, minute"
    assert lacks["detail"] == f"Not Found: {known}"
    unknown = await got(client, f"/datasets/ZZZ/{rest}", 404)
    assert "no prices of 'ZZZ'" in unknown["detail"]
    wrong = await got(client, f"/datasets/%25x/{rest}", 404)
    assert "is not a symbol" in wrong["detail"]


async def test_the_quality_of_a_dataset_is_what_a_run_finds(client: Client) -> None:
    report = await got(client, "/datasets/AAA/quality")
    assert (report["symbol"], report["resolution"], report["source"]) == ("AAA", "day", "csv")
    assert (report["rows"], report["bars"], report["duplicate_timestamps"]) == (5, 4, 1)
    assert [*report["critical"], *report["warnings"]] == [
        "AAA: 1 row with the timestamp of a later row, which was kept instead",
        "AAA: 1 row without a volume, which is recorded as unknown",
    ]
    minutes = await got(client, "/datasets/AAA/quality?resolution=minute")
    assert (minutes["rows"], minutes["bars"]) == (6, 6)


# The calendars warn about the pandas that they use.
@pytest.mark.filterwarnings("ignore")
async def test_a_calendar_says_which_days_are_missing(client: Client) -> None:
    assert (await got(client, "/datasets/GAP/quality"))["missing_intervals"] == 0
    pytest.importorskip("exchange_calendars")
    report = await got(client, "/datasets/GAP/quality?calendar=XNYS")
    assert report["missing_intervals"] == 2
    (warning,) = report["warnings"]
    assert warning.startswith("GAP: 2 days between its first and its last bar have no bar")
    (complaint,) = (await got(client, "/datasets/AAA/quality?calendar=NOWHERE", 422))["detail"]
    assert complaint["loc"] == ["query", "calendar"]


async def test_a_file_that_cannot_be_read_is_a_finding(client: Client) -> None:
    report = await got(client, "/datasets/BAD/quality")
    assert (report["rows"], report["source"]) == (0, None)
    (finding,) = report["critical"]
    assert finding.startswith("BAD_1d.csv")
    refused = await got(client, "/datasets/BAD/bars", 409)
    assert "BAD_1d.csv" in refused["detail"]


async def test_generated_prices_have_the_time_that_is_asked_for() -> None:
    noon = datetime(2024, 3, 1, 12, tzinfo=UTC)
    async with open_gateway(compute=InlineCompute()) as gateway:
        client = create_app(gateway, clock=lambda: noon).test_client()
        year = await got(client, "/datasets/ANY/bars")
        assert (year["source"], year["resolution"]) == ("sample", "day")
        assert year["rows"][0][0] >= "2023-03-02"
        assert year["rows"][-1][0] == "2024-03-01T00:00:00+00:00"
        since = await got(client, "/datasets/ANY/bars?resolution=hour&from=2024-02-29")
        assert since["rows"][0][0] >= "2024-02-29"
        assert since["rows"][-1][0] <= "2024-03-01T12"
        many = await got(client, "/datasets/ANY/bars?resolution=second&from=2000-01-01", 409)
        assert "147,522,601 timestamps; the limit is 2,000,000" in many["detail"]


async def test_bars_in_memory_are_a_dataset() -> None:
    time = np.array(["2024-01-02", "2024-01-03"], "M8[ns]")
    ones = np.ones(2)
    source = MemoryCatalogue([Bars("MEM", time, ones, ones, ones, ones, ones)])
    async with open_gateway(data=source, compute=InlineCompute()) as gateway:
        client = create_app(gateway).test_client()
        document = await got(client, "/datasets/MEM/bars")
        assert (document["source"], document["bars"]) == ("memory", 2)
        report = await got(client, "/datasets/MEM/quality")
        assert (report["source"], report["bars"]) == ("memory", 2)
