"""Bodies that no client should send: each gets 201 or 422, and each problem has a path.

Rule: hypothesis changes one or several places of a valid request into values of every kind.
"""

from __future__ import annotations

import copy
from typing import Any

import orjson
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st
from support.served_searches import search

from glowback_trio import InlineCompute, open_gateway
from glowback_trio.server import create_app

BODY = search(
    objectives=[{"metric": "sharpe_ratio", "weight": 1.0}],
    metric_constraints=["max_drawdown <= 90"],
    ray_cluster={"address": "head"},
    max_trials=2,
    strategy="random",
)
BODY["search_space"]["constraints"] = ["short_period < long_period"]


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, from its root down."""
    inner = document.items() if isinstance(document, dict) else enumerate(document)
    found = [path] if path else []
    for key, value in inner:
        if isinstance(value, dict | list):
            found += places(value, (*path, key))
        else:
            found.append((*path, key))
    return found


ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["short_period", "sharpe_ratio", "1e400", "a < b", "<", "\x00", "2018-01-01"])
    | st.lists(st.integers() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=5), st.none() | st.integers(), max_size=2)
)


@settings(max_examples=150)
@given(changes=st.lists(st.tuples(st.sampled_from(places(BODY)), ODD), min_size=1, max_size=3))
def test_a_changed_body_is_taken_or_refused_with_paths(changes: list[Any]) -> None:
    document = copy.deepcopy(BODY)
    for path, value in changes:
        place = document
        try:
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = value
        except (TypeError, KeyError, IndexError):
            continue  # an earlier change took the place away
    try:
        body = orjson.dumps(document)
    except (TypeError, orjson.JSONEncodeError):
        return  # no JSON has such a number
    trio.run(post_and_cancel, body, clock=trio.testing.MockClock(autojump_threshold=0))


async def post_and_cancel(body: bytes) -> None:
    async with open_gateway(compute=InlineCompute()) as gateway:
        client = create_app(gateway).test_client()
        headers = {"Content-Type": "application/json"}
        response = await client.post("/optimizations", data=body, headers=headers)
        answer = await response.get_json()
        if response.status_code != 201:
            assert response.status_code == 422
            assert answer["detail"]
            assert all(
                problem["loc"][0] == "body" and problem["msg"] for problem in answer["detail"]
            )
        for optimization in gateway.optimizations():
            optimization.cancel("by a test")
