"""Name, tags and note of runs over HTTP, and the lists that find runs by them.

Doctrine: labels are part of statuses and of nothing else: no event, result or digest of a run
differs by them. Each test is run with a store in memory and one in a file; both must answer alike.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from support.sqlite_files import inline_store
from trio.testing import MockClock

from glowback_trio import Gateway, InlineCompute, MemoryStore, open_gateway
from glowback_trio.server import create_app
from glowback_trio.store import Store

BODY = {"symbols": ["A", "B"], "start_date": "2024-01-01", "end_date": "2024-03-01"}
STORES: dict[str, Callable[[], Store]] = {"memory": MemoryStore, "file": inline_store}


@pytest.fixture(params=STORES)
async def gateway(
    request: pytest.FixtureRequest, autojump_clock: MockClock
) -> AsyncIterator[Gateway]:
    async with open_gateway(store=STORES[request.param](), compute=InlineCompute()) as opened:
        yield opened


@pytest.fixture
def client(gateway: Gateway) -> Any:
    return create_app(gateway).test_client()


async def submitted(client: Any, **more: object) -> Any:
    response = await client.post("/backtests", json=BODY | more)
    assert response.status_code == 201, await response.get_json()
    return await response.get_json()


async def test_labels_of_the_request_are_in_the_status(client: Any) -> None:
    labels = {"name": "First", "tags": ["a", "b"], "note": "two\nlines"}
    status = await submitted(client, **labels)
    assert {name: status[name] for name in labels} == labels
    again = await (await client.get(f"/backtests/{status['run_id']}")).get_json()
    assert {name: again[name] for name in labels} == labels


async def test_a_patch_changes_what_it_names(client: Any, gateway: Gateway) -> None:
    status = await submitted(client, name="First", tags=["a"])
    path = f"/backtests/{status['run_id']}"
    changes: list[dict[str, object]] = [{"note": "n"}, {"tags": []}, {"name": ""}, {"name": None}]
    for change in [*changes, {}]:
        response = await client.patch(path, json=change)
        assert response.status_code == 200
        status |= {name: value for name, value in change.items() if value is not None}
        changed = await response.get_json()
        for name in ("name", "tags", "note"):
            assert changed[name] == status[name]
            assert (await (await client.get(path)).get_json())[name] == status[name]
    await gateway.wait_idle()
    assert (await client.patch(path, json={"name": "After"})).status_code == 200


async def test_labels_are_no_part_of_log_and_result(client: Any, gateway: Gateway) -> None:
    texts = []
    for more in ({}, {"name": "n", "tags": ["t"], "note": "n"}):
        run_id = (await submitted(client, **more))["run_id"]
        await gateway.run(run_id).wait_finished()
        await client.patch(f"/backtests/{run_id}", json={"name": "other"})
        result = await (await client.get(f"/backtests/{run_id}/results")).get_json()
        events = await (await client.get(f"/backtests/{run_id}/events")).get_json()
        # The second run is one more trial in the ledger.
        del result["run_id"], result["overfit"]
        texts.append((result, [(event["type"], event["payload"]) for event in events][:-1]))
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("change", "loc"),
    [
        ({"name": "x" * 129}, ["body", "name"]),
        ({"name": "two\nlines"}, ["body", "name"]),
        ({"note": "x" * 4001}, ["body", "note"]),
        ({"note": "\x1b[2J"}, ["body", "note"]),
        ({"tags": "a"}, ["body", "tags"]),
        ({"tags": ["a", "x" * 65]}, ["body", "tags", 1]),
        ({"tags": ["a,b"]}, ["body", "tags", 0]),
        ({"tags": [""]}, ["body", "tags", 0]),
        ({"tags": ["a", "b", "a"]}, ["body", "tags", 2]),
        ({"tags": [str(n) for n in range(33)]}, ["body", "tags"]),
    ],
)
async def test_labels_out_of_bounds_are_refused_with_their_path(
    client: Any, change: dict[str, object], loc: list[object]
) -> None:
    run_id = (await submitted(client))["run_id"]
    for response in (
        await client.patch(f"/backtests/{run_id}", json=change),
        await client.post("/backtests", json=BODY | change),
    ):
        assert response.status_code == 422
        assert loc in [problem["loc"] for problem in (await response.get_json())["detail"]]


async def test_a_patch_of_an_unknown_field_or_run_is_refused(client: Any) -> None:
    run_id = (await submitted(client))["run_id"]
    response = await client.patch(f"/backtests/{run_id}", json={"symbols": ["C"]})
    assert response.status_code == 422
    assert (await client.patch("/backtests/unknown", json={})).status_code == 404


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("tag=even", [4, 2, 0]),
        ("q=RUN", [5, 4, 3, 2, 1, 0]),
        ("q=run 3", [3]),
        ("tag=even&q=4", [4]),
        ("symbol=B&tag=even", [4, 2, 0]),
        ("symbol=Z", []),
        ("strategy=buy_and_hold", [5, 4, 3, 2, 1, 0]),
        ("strategy=rsi", []),
        ("since=2000-01-01", [5, 4, 3, 2, 1, 0]),
        ("since=2199-01-01T00:00:00Z", []),
        ("state=completed&tag=even", [4, 2, 0]),
    ],
)
async def test_a_list_holds_the_runs_that_meet_its_conditions(
    client: Any, gateway: Gateway, query: str, numbers: list[int]
) -> None:
    for number in range(6):
        tags = ["even"] if number % 2 == 0 else []
        await submitted(client, name=f"Run {number}", tags=tags)
    await gateway.wait_idle()
    listed = await (await client.get(f"/backtests?{query}")).get_json()
    assert [status["name"] for status in listed] == [f"Run {number}" for number in numbers]
    # Page by page, the links lead through the same runs.
    found, path = [], f"/backtests?{query}&limit=2"
    while path:
        page = await client.get(path)
        found += [status["name"] for status in await page.get_json()]
        path = page.headers.get("Link", "").partition(">")[0].lstrip("<")
    assert found == [status["name"] for status in listed]


@pytest.mark.parametrize("query", ["since=yesterday", "q=", f"tag={'x' * 129}", "symbol="])
async def test_a_condition_that_cannot_be_read_is_refused(client: Any, query: str) -> None:
    response = await client.get(f"/backtests?{query}")
    assert response.status_code == 422
    [problem] = (await response.get_json())["detail"]
    assert problem["loc"] == ["query", query.partition("=")[0]]
