"""Every kind of job on Ray, and what a strategy may do there: as in worker processes.

Doctrine: answers are those of the event loop. Whatever a strategy raises or does to its process
ends its own run only, with a sentence that says what to do.
"""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from attrs import evolve, frozen
from support.any_moment import REQUEST
from support.misbehaving import RAISED, Misbehaving
from support.optimizations import read_log, search_request
from support.ray_cluster import RayCluster

from glowback_trio import (
    BacktestRequest,
    Gateway,
    InlineCompute,
    MaCrossover,
    RayCompute,
    Run,
    State,
    open_gateway,
)
from glowback_trio.model.invariants import assert_sound, essence

pytestmark = pytest.mark.usefixtures("connected")


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    async with open_gateway(compute=RayCompute("auto")) as opened:
        yield opened


def misbehaving(deed: str, trace: Path | None = None) -> BacktestRequest:
    return evolve(REQUEST, strategy=Misbehaving(deed, str(trace or "")))


async def error_of(gateway: Gateway, request: BacktestRequest) -> str:
    """Carry out a run that fails, and another one, which must not."""
    run, after = gateway.submit(request), gateway.submit(REQUEST)
    status = await run.wait_finished()
    assert status.state is State.FAILED
    assert_sound(run.events(limit=100_000))
    assert (await after.wait_finished()).state is State.COMPLETED
    return str(status.error)


async def test_a_search_finds_what_it_finds_inline() -> None:
    found = []
    for compute in InlineCompute(), RayCompute("auto"):
        async with open_gateway(compute=compute) as opened:
            search = opened.optimize(search_request(max_trials=60, concurrency=4))
            log = await read_log(search)
            trials = [event for event in log if event.type == "trial"]
            found.append(essence(trials))
            assert len(trials) == 60
    assert found[0] == found[1]


async def test_a_run_is_verified_and_a_strategy_checked(gateway: Gateway) -> None:
    run = gateway.submit(REQUEST)
    await run.wait_finished()
    assert (await gateway.verify(run.run_id)).same
    report = await gateway.check_strategy(REQUEST)
    assert report == await _checked_inline()


async def _checked_inline() -> object:
    async with open_gateway(compute=InlineCompute()) as opened:
        return await opened.check_strategy(REQUEST)


@pytest.mark.parametrize("deed", RAISED)
async def test_whatever_a_strategy_raises_fails_its_run_as_inline(
    deed: str, gateway: Gateway
) -> None:
    async with open_gateway(compute=InlineCompute()) as opened:
        usual = await opened.submit(misbehaving(deed)).wait_finished()
    assert await error_of(gateway, misbehaving(deed)) == usual.error


@pytest.mark.parametrize("deed", ["exits", "is killed", "crashes"])
async def test_a_process_that_ends_fails_its_run_alone(deed: str, gateway: Gateway) -> None:
    assert await error_of(gateway, misbehaving(deed)) == (
        "The process that computed the run on a Ray node has ended: the strategy ended it, it "
        "crashed, or it was killed, as systems do that run out of memory"
    )


async def test_a_result_beyond_its_bound_fails_its_run() -> None:
    async with open_gateway(compute=RayCompute("auto"), max_result_bytes=10_000) as opened:
        status = await opened.submit(REQUEST).wait_finished()
    assert "GLOWBACK_MAX_RESULT_BYTES" in str(status.error)


async def test_an_allocation_beyond_the_memory_of_a_run_fails_it() -> None:
    async with open_gateway(compute=RayCompute("auto", memory_bytes=1 << 30)) as opened:
        assert "MemoryError" in await error_of(opened, misbehaving("allocates"))


async def test_a_run_beyond_its_processor_time_fails() -> None:
    async with open_gateway(compute=RayCompute("auto", cpu_s=1)) as opened:
        assert "GLOWBACK_MAX_RUN_SECONDS" in await error_of(opened, misbehaving("loops"))


async def test_a_strategy_that_cannot_be_sent_fails_with_what_to_do(gateway: Gateway) -> None:
    @frozen
    class Local(Misbehaving):
        pass

    error = await error_of(gateway, evolve(REQUEST, strategy=Local()))
    assert error.startswith("The strategy or its data cannot be sent to a Ray node")


async def test_a_strategy_that_no_node_can_import_fails_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gateway: Gateway
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    module = tmp_path / "own_strategy.py"
    module.write_text(
        "from attrs import frozen\nfrom support.misbehaving import Misbehaving\n\n"
        '@frozen\nclass Own(Misbehaving):\n    name, title = "own", "Own"\n'
    )
    strategy = importlib.import_module("own_strategy").Own()
    run = gateway.submit(evolve(REQUEST, strategy=strategy))
    assert (await run.wait_finished()).state is State.COMPLETED
    importlib.invalidate_caches()
    module.rename(tmp_path / "gone_strategy.py")
    gone = importlib.import_module("gone_strategy").Own()
    (tmp_path / "gone_strategy.py").unlink()
    error = await error_of(gateway, evolve(REQUEST, strategy=gone))
    assert error.startswith("The strategy cannot be imported on the Ray node")
    assert "No module named 'gone_strategy'" in error
    assert "install its module there" in error


async def _has_begun(run: Run) -> None:
    with run.subscribe() as events:
        async for event in events:
            if event.event_id > 5:
                return


#: What the log of a paused run says besides.
_PAUSES = ("paused", "resumed")
LONG = evolve(
    REQUEST,
    symbols=("AAPL",),
    resolution="minute",
    start_date="2016-01-01",
    end_date="2016-12-31",
    strategy=MaCrossover(short_period=5, long_period=20),
    stream=evolve(REQUEST.stream, metrics_every=500, orders=False),
)


async def test_paused_runs_leave_their_cpus_to_others_and_go_on_as_they_were(
    gateway: Gateway,
) -> None:
    async with open_gateway(compute=InlineCompute()) as opened:
        usual = opened.submit(LONG)
        await usual.wait_finished()
    runs = [gateway.submit(LONG) for _ in range(2)]
    for run in runs:
        await _has_begun(run)
        run.pause()
    # Both CPUs of the cluster are those of paused runs.
    for _ in range(4):
        with trio.fail_after(60):
            assert (await gateway.submit(REQUEST).wait_finished()).state is State.COMPLETED
    for run in runs:
        run.resume()
        await run.wait_finished()
        told = [one for one in essence(run.events(limit=100_000)) if one[0] not in _PAUSES]
        assert told == essence(usual.events(limit=100_000))


async def test_cancelling_ends_a_job_that_looks_and_one_that_never_returns(
    tmp_path: Path, gateway: Gateway, connected: RayCluster
) -> None:
    for deed in "loops", "holds the lock":
        run = gateway.submit(misbehaving(deed, tmp_path / deed))
        while not await trio.Path(tmp_path / deed).exists():
            await trio.lowlevel.checkpoint()
        with trio.fail_after(0.25):
            run.cancel("enough")
            assert (await run.wait_finished()).state is State.CANCELLED
        # Both CPUs are free again.
        runs = [gateway.submit(REQUEST) for _ in range(2)]
        for after in runs:
            with trio.fail_after(60):
                assert (await after.wait_finished()).state is State.COMPLETED
