"""A client written for the reference gateway, only from its documentation page.

Rule: it uses plain HTTP and no code of this package.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import orjson
import trio
from support.watcher import Watcher

Watch = Callable[..., Awaitable[Watcher]]

REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2024-01-01T00:00:00Z",
    "end_date": "2024-12-31T23:59:59Z",
    "resolution": "day",
    "strategy": {"name": "buy_and_hold"},
    "execution": {"slippage_bps": 1.0, "commission_bps": 0.5},
}

METRICS = {
    "initial_capital",
    "final_value",
    "total_return",
    "annualized_return",
    "volatility",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "max_drawdown",
    "max_drawdown_duration_days",
    "var_95",
    "cvar_95",
    "skewness",
    "kurtosis",
    "total_trades",
    "win_rate",
    "profit_factor",
    "average_win",
    "average_loss",
    "largest_win",
    "largest_loss",
    "total_commissions",
}

EQUITY = {
    "timestamp",
    "value",
    "cash",
    "positions",
    "total_pnl",
    "returns",
    "daily_return",
    "drawdown",
}


async def poll(http: httpx2.AsyncClient, run_id: str) -> dict[str, Any]:
    """Wait as clients of a gateway without a working stream do."""
    with trio.fail_after(10):
        while True:
            status: dict[str, Any] = (await http.get(f"/backtests/{run_id}")).json()
            if status["state"] in {"completed", "failed"}:
                return status


async def test_the_documented_example_works_unchanged(
    url: str, http: httpx2.AsyncClient, watch: Watch
) -> None:
    created = await http.post("/backtests", json=REQUEST)
    assert created.status_code == 201
    run_id = created.json()["run_id"]
    status = await poll(http, run_id)
    assert (status["state"], status["progress"], status["error"]) == ("completed", 1.0, None)
    listed = (await http.get("/backtests", params={"state": "completed", "limit": 10})).json()
    assert [each["run_id"] for each in listed] == [run_id]
    result = (await http.get(f"/backtests/{run_id}/results")).json()
    assert result.keys() >= {"metrics_summary", "equity_curve", "trades", "exposures", "logs"}
    assert result["metrics_summary"].keys() >= METRICS
    assert result["equity_curve"][0].keys() >= EQUITY
    assert result["equity_curve"][0]["timestamp"].endswith("+00:00")
    stream = await watch(f"{url}/backtests/{run_id}/stream?last_event_id=0")
    events = [orjson.loads(message) for message in stream.messages]
    assert [event["event_id"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["payload"] == {"state": "queued", "message": "Run queued"}
    assert events[-1]["payload"]["state"] == "completed"
    assert stream.code == 1000


async def test_the_manifest_replays_the_result(http: httpx2.AsyncClient) -> None:
    run_id = (await http.post("/backtests", json=REQUEST)).json()["run_id"]
    await poll(http, run_id)
    first = (await http.get(f"/backtests/{run_id}/results")).json()
    again = await http.post("/backtests", json=first["manifest"]["replay_request"])
    assert again.status_code == 201
    await poll(http, again.json()["run_id"])
    second = (await http.get(f"/backtests/{again.json()['run_id']}/results")).json()
    assert second["equity_curve"] == first["equity_curve"]
    assert second["metrics_summary"] == first["metrics_summary"]
