"""Processes and nodes that are killed in the midst of runs and of a search.

Doctrine: a run whose process dies fails once and says why, and no other run does. Trials that were
lost are evaluated again, and each arrives once: the log of the search is that of a search that
nobody has disturbed. Nothing is left when a gateway is closed.
"""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trio
from attrs import evolve
from support.any_moment import REQUEST
from support.misbehaving import Misbehaving
from support.optimizations import read_log, search_request
from support.ray_cluster import RayCluster

from glowback_trio import InlineCompute, RayCompute, Run, State, open_gateway
from glowback_trio.extras import RAY
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Parameter, SearchSpace

LONG = evolve(
    REQUEST,
    symbols=("AAPL",),
    resolution="minute",
    start_date="2016-01-01",
    end_date="2016-12-31",
    stream=evolve(REQUEST.stream, metrics_every=500, orders=False),
)
SPACE = SearchSpace(
    parameters=(
        Parameter(name="short_period", kind="int_range", low=2, high=60),
        Parameter(name="long_period", kind="int_range", low=61, high=250),
    )
)
SEARCH = search_request(
    max_trials=4_000,
    search_space=SPACE,
    strategy="random",
    concurrency=4,
    base_backtest=evolve(
        search_request().base_backtest, start_date="2015-01-01", end_date="2019-12-31"
    ),
)


@pytest.fixture
def node(connected: RayCluster) -> Iterator[int]:
    """The raylet of a third node, which the test kills."""
    alive = _alive()
    yield connected.start_node()
    # Until Ray knows that it is gone, it gives work to it that waits.
    while _alive() > alive:
        pass


def _alive() -> int:
    """Count the nodes that Ray believes to be alive."""
    return sum(node["Alive"] for node in RAY.load("ray").nodes())


def kill_workers(cluster: RayCluster) -> int:
    """Kill all processes that carry out jobs; return how many that were."""
    at_work = cluster.processes("ray::carry_out")
    for pid in at_work:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(at_work)


async def begun(run: Run) -> None:
    with run.subscribe() as events:
        async for event in events:
            if event.event_id > 5:
                return


async def test_a_killed_process_fails_its_run_once_and_says_why(connected: RayCluster) -> None:
    async with open_gateway(compute=RayCompute("auto")) as gateway:
        run = gateway.submit(LONG)
        await begun(run)
        assert kill_workers(connected) == 1
        status = await run.wait_finished()
        assert status.state is State.FAILED
        assert str(status.error).startswith("The process that computed the run on a Ray node")
        assert_sound(run.events(limit=100_000))
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


async def searched(
    request: OptimizationRequest, compute: RayCompute | InlineCompute, disturb: Callable[[], bool]
) -> object:
    """Search, do something after each tenth of the trials until it is done; return the trials."""
    done = False
    async with open_gateway(compute=compute) as gateway:
        search = gateway.optimize(request)
        with search.subscribe() as events:
            async for event in events:
                if event.event_id % (request.max_trials // 10) == 0:
                    done = done or bool(disturb())
        log = await read_log(search)
        assert search.status.state is OptimizationState.COMPLETED
        trials = [event for event in log if event.type == "trial"]
        assert len(trials) == request.max_trials
        return [(event.payload["trial_number"], event.payload["metrics"]) for event in trials]


async def test_a_search_whose_processes_are_killed_has_every_trial_once(
    connected: RayCluster,
) -> None:
    usual = await searched(SEARCH, InlineCompute(), lambda: True)
    killed: list[int] = []

    def kill() -> bool:
        killed.append(kill_workers(connected))
        return killed[-1] > 0

    assert await searched(SEARCH, RayCompute("auto"), kill) == usual
    assert killed[-1] > 0


@pytest.mark.timeout(300)
async def test_a_search_of_which_a_node_is_killed_has_every_trial_once(node: int) -> None:
    usual = await searched(SEARCH, InlineCompute(), lambda: True)

    def kill() -> bool:
        os.kill(node, signal.SIGKILL)
        return True

    assert await searched(SEARCH, RayCompute("auto"), kill) == usual


@pytest.mark.timeout(300)
async def test_a_killed_node_fails_its_runs_alone(node: int) -> None:
    async with open_gateway(compute=RayCompute("auto"), max_running=3) as gateway:
        # Long enough for none of them to end before the node does.
        runs = [gateway.submit(evolve(LONG, end_date="2018-12-31")) for _ in range(3)]
        for run in runs:
            await begun(run)
        os.kill(node, signal.SIGKILL)
        for run in runs:
            await run.wait_finished()
            assert_sound(run.events(limit=100_000))
        ends = [(run.status.state, run.status.error) for run in runs]
        lost = [error for state, error in ends if state is State.FAILED]
        assert len(lost) == 1
        assert "has died" in str(lost[0]) or "has ended" in str(lost[0])
        assert ends.count((State.COMPLETED, None)) == 2
        assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED


@pytest.mark.timeout(300)
async def test_a_process_that_holds_the_lock_ends_with_its_node(
    node: int, connected: RayCluster, tmp_path: Path
) -> None:
    async with open_gateway(compute=RayCompute("auto"), max_running=3) as gateway:
        traces = [tmp_path / str(number) for number in range(3)]
        endless = [Misbehaving("holds the lock", str(trace)) for trace in traces]
        for one in endless:
            gateway.submit(evolve(REQUEST, strategy=one))
        for trace in traces:
            while not await trio.Path(trace).exists():
                await trio.lowlevel.checkpoint()
        on_node = connected.processes("ray::carry_out", of=node)
        assert len(on_node) == 1
        os.kill(node, signal.SIGKILL)
        with trio.fail_after(10):
            while connected.processes("ray::carry_out") & on_node:
                await trio.lowlevel.checkpoint()


async def test_a_gateway_leaves_no_task_actor_or_object(
    connected: RayCluster, tmp_path: Path
) -> None:
    ray = RAY.load("ray")
    before = ray.available_resources()
    async with open_gateway(compute=RayCompute("auto")) as gateway:
        traces = [tmp_path / "first", tmp_path / "second"]
        endless = [Misbehaving("holds the lock", str(trace)) for trace in traces]
        runs = [gateway.submit(evolve(REQUEST, strategy=one)) for one in endless]
        for trace in traces:
            while not await trio.Path(trace).exists():
                await trio.lowlevel.checkpoint()
    assert {run.status.state for run in runs} == {State.CANCELLED}
    with trio.fail_after(30):
        while ray.available_resources() != before:
            await trio.lowlevel.checkpoint()
        while connected.processes("ray::Gate") | connected.processes("ray::carry_out"):
            await trio.lowlevel.checkpoint()


PROGRAM = """
import sys, threading, trio
sys.path.insert(0, sys.argv[1])
from support.any_moment import REQUEST
from glowback_trio import RayCompute, open_gateway

async def main():
    async with open_gateway(compute=RayCompute("local", workers=1)) as gateway:
        assert (await gateway.submit(REQUEST).wait_finished()).state == "completed"
    assert "ray" not in " ".join(one.name for one in threading.enumerate())

trio.run(main)
"""


def _shared_memory() -> set[str]:
    """Name all objects in shared memory but those of databases, which others may start here."""
    names = {path.name for path in Path("/dev/shm").iterdir()}
    return {name for name in names if not name.startswith("PostgreSQL")}


def test_a_cluster_that_was_started_here_ends_with_the_gateway() -> None:
    token, shared = secrets.token_hex(32), _shared_memory()
    program = [sys.executable, "-c", PROGRAM, str(Path(__file__).parents[2])]
    environment = {**os.environ, "RAY_AUTH_TOKEN": token}
    subprocess.run(program, check=True, timeout=100, env=environment)
    assert RayCluster("", token, Path()).processes() == set()
    assert _shared_memory() <= shared
