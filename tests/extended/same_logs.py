"""The same random requests on every backend and in every store, one by one and all at once.

Rule: as in `tests/compute/test_same_logs.py`, with more of them. Not collected with the other
tests, since it takes some minutes: `nox -s same_logs`.
"""

from __future__ import annotations

from functools import cache

import pytest
import trio
from support.same_logs import PAIRS, logs_of, random_requests

REQUESTS = random_requests(100, seed=2)


@cache
def usual() -> list[list[bytes]]:
    async def alone() -> list[list[bytes]]:
        return await logs_of(PAIRS[0], REQUESTS, together=False)

    return trio.run(alone)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_logs_are_the_same_one_by_one(pair: tuple[str, str]) -> None:
    async def alone() -> list[list[bytes]]:
        return await logs_of(pair, REQUESTS, together=False)

    assert trio.run(alone) == usual()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_logs_are_the_same_when_a_thousand_runs_are_asked_for_at_once(
    pair: tuple[str, str],
) -> None:
    async def together() -> list[list[bytes]]:
        return await logs_of(pair, 10 * REQUESTS, together=True)

    assert trio.run(together) == 10 * usual()
