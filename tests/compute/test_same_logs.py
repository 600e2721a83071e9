"""The same random requests on every backend and in every store: the same bytes.

Rule: times, ids and the digest that covers them aside. A hundred requests one by one and a thousand
at once: `nox -s same_logs`.
"""

from __future__ import annotations

from support.same_logs import PAIRS, logs_of, random_requests


async def test_logs_depend_neither_on_the_backend_nor_on_the_store_nor_on_company() -> None:
    requests = random_requests(12, seed=1)
    usual = await logs_of(PAIRS[0], requests, together=False)
    assert len({tuple(log) for log in usual}) > 9
    for pair in PAIRS:
        assert await logs_of(pair, requests, together=True) == usual, pair
    assert await logs_of(("process", "sqlite"), requests[:6], together=False) == usual[:6]
