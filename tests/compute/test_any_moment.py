"""A worker that is killed, and a run that is cancelled, at any moment of a run.

Doctrine: moments are counted, not timed: the gateway's operations on a worker's socket, and the
steps of tasks. Whatever the moment, the run ends once, in a way that says why, its log is sound,
and the next run is computed. Here at some moments where a process has to be started for each; at
all of them: `nox -s workers`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from support.any_moment import REQUEST, Killer, cancel_at, kill_workers_at

from glowback_trio import InlineCompute, ProcessCompute, State, ThreadCompute, open_gateway
from glowback_trio.compute import Compute


async def test_a_worker_killed_at_any_moment_fails_one_run_at_most_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert await kill_workers_at(1, 3, REQUEST, monkeypatch) > 8


async def test_workers_killed_before_they_are_ready_cost_no_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    killer = Killer.planted(monkeypatch)
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        killer.left = 1
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED
        assert killer.left < 0


@pytest.mark.parametrize(
    ("compute", "every"),
    [(InlineCompute, 1), (ThreadCompute, 1), (partial(ProcessCompute, 1), 9)],
)
def test_a_run_cancelled_at_any_step_ends_once(compute: Callable[[], Compute], every: int) -> None:
    assert cancel_at(compute, every, REQUEST) > 20
