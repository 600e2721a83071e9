"""Windows of a result over HTTP.

Rule: a window is compared with the rows of the whole result that lie in it.
"""

from __future__ import annotations

from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client
from support.backends import SERVED_STORES

from glowback_trio import Run
from glowback_trio.store import Store

CUT = ("equity_curve", "exposures", "benchmark_curve", "trades", "order_events")
MET = {
    "benchmark_symbol": "MSFT",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 3, "long_period": 8}},
}


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


@pytest.fixture
async def finished(submit: Any) -> Run:
    run: Run = submit(**MET)
    await run.wait_finished()
    return run


async def results(client: Client, run: Run, **query: Any) -> dict[str, Any]:
    response = await client.get(f"/backtests/{run.run_id}/results", query_string=query)
    assert response.status_code == 200, await response.get_data()
    document: dict[str, Any] = await response.get_json()
    return document


def inside(rows: list[dict[str, Any]], first: str, last: str) -> list[dict[str, Any]]:
    return [row for row in rows if first <= row["timestamp"] <= last]


@pytest.mark.parametrize(
    ("window", "first", "last"),
    [
        ({"from": "2024-02-01", "to": "2024-02-15"}, "2024-02-01", "2024-02-16"),
        ({"from": "2024-02-05T00:00:00Z"}, "2024-02-05", "9"),
        ({"from": "2024-02-05T00:00:00.000001Z"}, "2024-02-06", "9"),
        ({"to": "2024-02-05T00:00:00+00:00"}, "", "2024-02-05T00:00:00+00:00"),
        ({"to": "2024-02-04T23:59:59Z"}, "", "2024-02-05"),
        ({"from": "1999-01-01", "to": "2100-01-01"}, "", "9"),
        ({"from": "2030-01-01"}, "2030", "9"),
    ],
)
async def test_a_window_has_the_rows_between_its_ends(
    client: Client, finished: Run, window: dict[str, str], first: str, last: str
) -> None:
    whole = await results(client, finished)
    part = await results(client, finished, **window)
    for name in CUT:
        assert whole[name]
        assert part[name] == inside(whole[name], first, last), name
    kept = [name for name in whole if name not in CUT]
    assert {name: part[name] for name in kept} == {name: whole[name] for name in kept}


async def test_a_window_is_cut_before_it_is_thinned(client: Client, finished: Run) -> None:
    whole = await results(client, finished)
    window = {"from": "2024-02-01", "to": "2024-03-15"}
    there = inside(whole["equity_curve"], "2024-02-01", "2024-03-16")
    part = await results(client, finished, **window, max_points=20)
    thinned = part["equity_curve"]
    assert len(thinned) <= 20 < len(there)
    assert (thinned[0], thinned[-1]) == (there[0], there[-1])
    assert all(row in there for row in thinned)
    values = [row["value"] for row in there]
    assert {min(values), max(values)} <= {row["value"] for row in thinned}
    times = [row["timestamp"] for row in thinned]
    assert times == [row["timestamp"] for row in part["benchmark_curve"]]
    assert part["trades"] == inside(whole["trades"], "2024-02-01", "2024-03-16")
    small = await results(client, finished, **{"from": "2024-03-20"}, max_points=20)
    assert small["equity_curve"] == inside(whole["equity_curve"], "2024-03-20", "9")


async def test_what_is_not_included_is_empty_in_a_window_too(client: Client, finished: Run) -> None:
    part = await results(client, finished, include="trades", **{"from": "2024-02-01"})
    assert part["trades"]
    assert part["equity_curve"] == part["order_events"] == []


@pytest.mark.parametrize(
    ("query", "place", "words"),
    [
        ("from=2024-03-01&to=2024-02-01", "to", "should not end before it begins, at 2024-03-01"),
        ("from=soon", "from", "RFC 3339"),
        ("to=", "to", "RFC 3339"),
        ("from=1700-01-01", "from", "1900 to 2200"),
    ],
)
async def test_a_window_that_makes_no_sense_is_refused(
    client: Client, finished: Run, query: str, place: str, words: str
) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results?{query}")
    assert response.status_code == 422
    (complaint,) = (await response.get_json())["detail"]
    assert complaint["loc"] == ["query", place]
    assert words in complaint["msg"]


async def test_the_field_behind_a_parameter_is_no_parameter(client: Client, finished: Run) -> None:
    response = await client.get(f"/backtests/{finished.run_id}/results?from_=2024-01-01")
    assert response.status_code == 422
    (complaint,) = (await response.get_json())["detail"]
    assert "'from'" in complaint["msg"]
