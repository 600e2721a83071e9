"""The difference of two logs over HTTP.

Rule: what is found is compared with a loop over both logs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from quart.typing import TestClientProtocol as Client
from support.backends import SERVED_STORES

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.store import Store


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


async def difference(client: Client, run: Run, other: Run) -> dict[str, Any]:
    response = await client.get(f"/backtests/{run.run_id}/difference?with={other.run_id}")
    document: dict[str, Any] = await response.get_json()
    assert response.status_code == 200, document
    return document


async def test_the_same_request_gives_equal_logs(
    client: Client, gateway: Gateway, finished: Run
) -> None:
    again = gateway.submit(finished.request)
    count = (await again.wait_finished()).event_count
    assert await difference(client, finished, again) == {
        "equal": True,
        "events": [count, count],
        "at": None,
        "events_there": [None, None],
    }


async def test_logs_part_at_their_first_other_event(
    client: Client, finished: Run, submit: Callable[..., Run]
) -> None:
    other = submit(
        strategy={"name": "ma_crossover", "params": {"short_period": 4, "long_period": 8}},
        stream={"orders": True},
    )
    await other.wait_finished()
    found = await difference(client, finished, other)
    logs = [await run.load_events(limit=10_000) for run in (finished, other)]
    at = next(
        one.event_id
        for one, two in zip(*logs, strict=False)
        if (one.type, one.payload) != (two.type, two.payload)
    )
    assert (found["equal"], found["at"]) == (False, at)
    assert found["events"] == [len(log) for log in logs]
    assert found["events_there"] == [log[at - 1].decode() for log in logs]


async def test_a_log_that_is_shorter_has_no_event_there(
    client: Client, finished: Run, endless: Run
) -> None:
    found = await difference(client, finished, endless)
    assert not found["equal"]
    assert found["at"] <= endless.status.event_count + 1


async def test_another_run_that_is_not_there_is_named(client: Client, finished: Run) -> None:
    for query in ("with=nobody", ""):
        response = await client.get(f"/backtests/{finished.run_id}/difference?{query}")
        assert response.status_code == 422
        (complaint,) = (await response.get_json())["detail"]
        assert complaint["loc"] == ["query", "with"]
