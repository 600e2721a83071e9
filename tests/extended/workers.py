"""Workers killed at every moment of a run, and runs cancelled at every step.

Rule: as in `tests/compute/test_any_moment.py`, where a run is short and some moments are tried. Not
collected with the other tests, since it takes some minutes: `nox -s workers`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from attrs import evolve
from support.any_moment import REQUEST, cancel_at, kill_workers_at

from glowback_trio import BacktestRequest, InlineCompute, ProcessCompute, ThreadCompute
from glowback_trio.compute import Compute

#: Several frames of drafts, and a result that no socket's buffer holds.
LONG = evolve(REQUEST, resolution="hour", start_date="2016-01-01", end_date="2017-06-30")


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("request_", [REQUEST, LONG], ids=["short", "long"])
async def test_a_worker_killed_at_any_moment_fails_one_run_at_most_and_says_why(
    request_: BacktestRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await kill_workers_at(1, 1, request_, monkeypatch) > 8


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "compute",
    [InlineCompute, ThreadCompute, partial(ProcessCompute, 1)],
    ids=["inline", "thread", "process"],
)
@pytest.mark.parametrize("request_", [REQUEST, LONG], ids=["short", "long"])
def test_a_run_cancelled_at_any_step_ends_once(
    compute: Callable[[], Compute], request_: BacktestRequest
) -> None:
    assert cancel_at(compute, 1, request_) > 20
