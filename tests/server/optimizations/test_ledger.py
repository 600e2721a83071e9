"""The ledger over HTTP: everybody's trials are counted, a key sees its own entries.

Rule: numbers are compared with what was submitted; hashes are worked out again from the entries.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client
from support.served_searches import GRID, NINE, ended, search

from glowback_trio import Run
from glowback_trio.actors import Gateway, Optimization
from glowback_trio.wire.requests import parse_request


@pytest.fixture
async def finished(gateway: Gateway) -> Run:
    run = gateway.submit(parse_request(GRID["base_backtest"] | {"end_date": "2019-06-30"}))
    await run.wait_finished()
    return run


async def ledger(client: Client, query: str = "", **headers: str) -> Any:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    response = await client.get(f"/ledger?{query}", headers=sent)
    assert response.status_code == 200
    return await response.get_json()


async def test_an_empty_ledger_says_so(client: Client) -> None:
    found = await ledger(client)
    assert found == {
        "head": f"sha256:{'0' * 64}",
        "damage": None,
        "trials": 0,
        "effective": 0,
        "rated": 0,
        "totals": [],
        "entries": [],
    }


async def test_trials_of_searches_and_runs_are_counted_by_strategy_and_bars(
    client: Client, completed: Optimization, finished: Run
) -> None:
    found = await ledger(client)
    assert found["trials"] == NINE + 1
    assert {each["strategy"] for each in found["totals"]} == {"ma_crossover"}
    assert sorted(each["trials"] for each in found["totals"]) == [1, NINE]
    digest = finished.result().manifest["dataset"]["digest"]
    one = await ledger(client, f"dataset={digest}")
    assert (one["trials"], [entry["tally"]["origin"] for entry in one["entries"]]) == (1, ["run"])
    assert (await ledger(client, "strategy=rsi"))["trials"] == 0
    by_alias = await ledger(client, "strategy=moving_average_crossover")
    assert by_alias["trials"] == found["trials"]


async def test_every_entry_is_bound_to_all_before_it(
    client: Client, completed: Optimization, finished: Run
) -> None:
    found = await ledger(client)
    previous = f"sha256:{'0' * 64}"
    for number, entry in enumerate(found["entries"], start=1):
        assert (entry["number"], entry["previous"]) == (number, previous)
        content = {"number": number, "previous": previous, **entry["tally"]}
        text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        previous = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
        assert entry["hash"] == previous
    assert found["head"] == previous


async def test_pages_lead_through_all_entries(client: Client, gateway: Gateway) -> None:
    for name in "ab":
        await ended(gateway, name=name)
    wanted = [entry["number"] for entry in (await ledger(client))["entries"]]
    page, seen = "/v1/ledger?limit=1&strategy=ma_crossover", list[int]()
    while page:
        response = await client.get(page)
        seen += [entry["number"] for entry in (await response.get_json())["entries"]]
        page = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert not page or page.startswith("/v1/ledger?strategy=ma_crossover")
    assert seen == wanted


async def test_a_key_sees_everybodys_counts_and_its_own_entries(
    client_of: Callable[..., Client], gateway: Gateway
) -> None:
    client = client_of(api_keys=("a", "b"))
    for key, trials in (("a", 2), ("b", 3)):
        body = search(strategy="random", max_trials=trials)
        created = await client.post("/optimizations", json=body, headers={"X-API-Key": key})
        identity = (await created.get_json())["optimization_id"]
        await gateway.optimization(identity).wait_finished()
    for key, trials in (("a", 2), ("b", 3)):
        found = await ledger(client, X_API_Key=key)
        assert found["trials"] == 5
        assert sum(entry["tally"]["trials"] for entry in found["entries"]) == trials
        assert "a" not in {entry["tally"]["owner"] for entry in found["entries"]}
    assert (await client.get("/ledger")).status_code == 401


@pytest.mark.parametrize("query", ["dataset=abc", "limit=0", "after=-1", "strategies=rsi"])
async def test_a_bad_query_is_422(client: Client, query: str) -> None:
    assert (await client.get(f"/ledger?{query}")).status_code == 422


async def test_a_deleted_optimization_stays_counted(
    client: Client, completed: Optimization
) -> None:
    await client.delete(f"/optimizations/{completed.optimization_id}")
    assert (await ledger(client))["trials"] == NINE
