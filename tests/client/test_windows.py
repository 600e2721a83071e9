"""What charts and comparisons need of a server: windows of results, bars, quality, differences.

Rule: what the client returns is the document of the server, and what is asked for is what is said.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
import trio
from attrs import evolve
from support.served import completed

from glowback_trio import BacktestRequest, Run
from glowback_trio.actors import Gateway
from glowback_trio.client import Client
from glowback_trio.client.sync import connect
from glowback_trio.errors import InvalidRequestError, ServerRefusedError, UnknownRunError


async def test_a_window_of_a_result_has_its_rows_only(client: Client, finished: Run) -> None:
    whole = await client.results(finished.run_id)
    stamps = [row["timestamp"] for row in whole["equity_curve"]]
    ends = stamps[10], stamps[40]
    for from_, to in (
        ends,
        [datetime.fromisoformat(each) for each in ends],
        [date.fromisoformat(each[:10]) for each in ends],
    ):
        window = await client.results(finished.run_id, from_=from_, to=to)
        assert window["equity_curve"] == whole["equity_curve"][10:41]
    thin = await client.results(finished.run_id, from_=ends[0], to=ends[1], max_points=12)
    assert len(thin["equity_curve"]) <= 12
    assert [thin["equity_curve"][end]["timestamp"] for end in (0, -1)] == [*ends]
    with pytest.raises(InvalidRequestError, match="to: "):
        await client.results(finished.run_id, from_=ends[1], to=ends[0])


async def test_bars_of_a_run_and_of_a_symbol_are_the_same(client: Client, finished: Run) -> None:
    symbol = finished.request.symbols[0]
    of_run = await client.prices.of_run(finished.run_id, max_points=20)
    assert (of_run["symbol"], len(of_run["rows"]) <= 20) == (symbol, True)
    first, last = of_run["rows"][0][0], of_run["rows"][-1][0]
    start = datetime.fromisoformat(first)
    cut: Any = await client.prices.of_run(finished.run_id, symbol=symbol, to=last)
    whole = await client.prices.of_symbol(
        symbol, resolution="day", from_=start, to=date(2199, 1, 1)
    )
    assert whole["rows"][0][0] == cut["rows"][0][0] == first
    assert cut["bars"] == len(cut["rows"]) <= of_run["bars"] <= whole["bars"]
    with pytest.raises(UnknownRunError):
        await client.prices.of_run("no-such-run")
    with pytest.raises(InvalidRequestError, match="symbol: Input should be a symbol of the run"):
        await client.prices.of_run(finished.run_id, symbol="OTHER")
    with pytest.raises(ServerRefusedError, match="404"):
        await client.prices.of_symbol("A/B")


async def test_the_quality_of_a_dataset_is_checked(client: Client) -> None:
    report = await client.prices.quality("AAPL", resolution="day")
    assert (report["symbol"], report["critical"]) == ("AAPL", [])
    assert report["rows"] == report["bars"] > 100
    with pytest.raises(InvalidRequestError, match="calendar: "):
        await client.prices.quality("AAPL", calendar="NONE")


async def test_two_runs_part_where_their_events_do(
    client: Client, gateway: Gateway, finished: Run, backtest: BacktestRequest
) -> None:
    same = await completed(gateway, backtest)
    found = await client.difference(finished.run_id, same.run_id)
    assert (found["equal"], found["at"], found["events_there"]) == (True, None, [None, None])
    other = await completed(gateway, evolve(backtest, initial_capital=5000.0))
    found = await client.difference(finished.run_id, other.run_id)
    one, two = found["events_there"]
    assert not found["equal"]
    assert one["event_id"] == two["event_id"] == found["at"]
    assert one["payload"] != two["payload"]
    with pytest.raises(UnknownRunError):
        await client.difference("no-such-run", same.run_id)
    with pytest.raises(InvalidRequestError, match="with: Input should be the run_id"):
        await client.difference(same.run_id, "no-such-run")


async def test_the_blocking_client_does_the_same(url: str, finished: Run) -> None:
    def ask() -> tuple[Any, ...]:
        with connect(url) as client:
            return (
                client.results(finished.run_id, to="1999-01-01")["equity_curve"],
                client.prices.of_run(finished.run_id, max_points=1)["rows"],
                client.prices.of_symbol("AAPL", to=datetime(2199, 1, 1, tzinfo=UTC))["symbol"],
                client.prices.quality("AAPL")["symbol"],
                client.difference(finished.run_id, finished.run_id)["equal"],
            )

    curve, rows, *rest = await trio.to_thread.run_sync(ask)
    assert (curve, len(rows), rest) == ([], 1, ["AAPL", "AAPL", True])
