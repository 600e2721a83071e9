"""The same logs on Ray as everywhere: one by one, a hundred and a thousand runs at once.

Rule: as in `tests/compute/test_same_logs.py`. Not collected with the other tests, since Ray takes
700 MB and seconds to start: `nox -s ray`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
import trio
from support.ray_cluster import RayCluster
from support.same_logs import logs_of, random_requests

from glowback_trio import BacktestRequest


def logs(pair: tuple[str, str], requests: Sequence[BacktestRequest], *, together: bool) -> object:
    return trio.run(partial(logs_of, pair, requests, together=together))


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_logs_are_those_of_inline(store: str, connected: RayCluster) -> None:
    requests = random_requests(12, seed=1)
    usual = logs(("inline", "memory"), requests, together=False)
    assert logs(("ray", store), requests, together=True) == usual
    assert logs(("ray", store), requests, together=False) == usual


@pytest.mark.timeout(600)
def test_a_thousand_runs_at_once_are_those_of_a_thousand_alone(connected: RayCluster) -> None:
    requests = random_requests(100, seed=2)
    usual = logs(("inline", "memory"), requests, together=False)
    assert isinstance(usual, list)
    assert logs(("ray", "memory"), requests, together=True) == usual
    assert logs(("ray", "sqlite"), 10 * requests, together=True) == 10 * usual
