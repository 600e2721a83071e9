"""Optimizations among faults: workers that die, stores that fail, cancellations at any moment.

Doctrine: a fault ends what it is a fault of, and nothing else. Whatever happens, a log ends soundly
or is gone on with, and what a reader has seen stays true.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from support.fatal_search import Fatal
from support.optimizations import read_log, search_request
from support.sqlite_files import call_inline, new_path
from trio.testing import MockClock

from glowback_trio import (
    BacktestRequest,
    InlineCompute,
    Optimization,
    Parameter,
    ProcessCompute,
    SearchSpace,
    SqliteStore,
    open_gateway,
)
from glowback_trio.compute import TrialsJob
from glowback_trio.errors import StoreError
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.testing import cancel_at_every_step, open_virtual_gateway


def test_a_trial_that_ends_its_worker_fails_alone() -> None:
    base = BacktestRequest(
        symbols=["AAPL"], start_date="2024-01-01", end_date="2024-01-31", strategy=Fatal()
    )
    number = Parameter(name="number", kind="int_range", low=1, high=20, step=1)
    request = search_request(
        base_backtest=base, search_space=SearchSpace(parameters=(number,)), strategy="grid"
    )

    async def search(concurrency: int) -> list[Any]:
        workers = ProcessCompute(workers=2)
        async with open_gateway(compute=workers, strategies=[Fatal]) as gateway:
            log = await read_log(gateway.optimize(evolved(concurrency)))
        assert_sound(log, kind="optimization")
        assert log[-1].payload["state"] == "completed"
        return essence(log)

    def evolved(concurrency: int) -> Any:
        return search_request(
            base_backtest=request.base_backtest,
            search_space=request.search_space,
            strategy="grid",
            concurrency=concurrency,
        )

    found = trio.run(search, 1)
    trials = [payload for kind, payload in found if kind == "trial"]
    failed = {each["parameters"]["number"] for each in trials if each["status"] == "failed"}
    assert failed == {7, 13}
    assert "was killed" in next(each["error"] for each in trials if each["error"])
    assert found == trio.run(search, 2)


class Faults:
    """Carries calls out on the event loop, but lets some commits fail."""

    def __init__(self, *failing: int) -> None:
        self.failing, self.commits = failing, 0

    async def __call__(self, function: Callable[..., Any], *args: Any) -> Any:
        if function.__name__ == "write":
            self.commits += 1
            if self.commits in self.failing:
                await trio.sleep(1)
                raise StoreError("The store cannot be used: the disk is full")
        return await call_inline(function, *args)


async def test_a_store_that_is_full_for_a_while_changes_nothing_in_the_log(
    autojump_clock: MockClock,
) -> None:
    logs = []
    for failing in [(), (2,), (3, 4, 5), (6,)]:
        store = SqliteStore(new_path(), commit_interval_s=0.0, call_in_thread=Faults(*failing))
        async with open_virtual_gateway(store=store) as gateway:
            logs.append(await read_log(gateway.optimize(search_request())))
        assert_sound(logs[-1], kind="optimization")
    assert all(essence(log) == essence(logs[0]) for log in logs)


async def test_bars_that_cannot_be_loaded_end_the_attempt(autojump_clock: MockClock) -> None:
    base = search_request().base_backtest
    async with open_virtual_gateway() as gateway:
        source = gateway.source
        broken = BrokenSource(source)
        gateway._optimizations._equipment.source = broken
        optimization = gateway.optimize(search_request(base_backtest=base), checked=True)
        status = await optimization.wait_finished()
        assert status.state is OptimizationState.FAILED
        assert_sound(await read_log(optimization), kind="optimization")
        assert status.error is not None
        gateway._optimizations._equipment.source = source
        optimization.resume()
        assert (await optimization.wait_finished()).state is OptimizationState.COMPLETED


class BrokenSource:
    """A source whose bars cannot be loaded."""

    def __init__(self, source: Any) -> None:
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def load(self, *_: Any) -> Any:
        raise OSError(5, "Input/output error")


def test_a_gateway_that_is_cancelled_at_any_step_leaves_a_sound_log() -> None:
    made: list[Optimization] = []

    async def scenario() -> None:
        made.clear()
        async with open_virtual_gateway(compute=InlineCompute()) as gateway:
            made.append(gateway.optimize(search_request(max_trials=3)))
            await made[0].wait_finished()

    def check() -> None:
        for optimization in made:
            assert not optimization.needs_task
            assert_sound(optimization.events(), kind="optimization")

    assert cancel_at_every_step(scenario, check=check) > 20


async def test_a_fault_in_a_lane_ends_the_attempt(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise SystemExit(3)

    async with open_virtual_gateway() as gateway:
        with monkeypatch.context() as patch:
            patch.setattr(TrialsJob, "steps", broken)
            optimization = gateway.optimize(search_request())
            status = await optimization.wait_finished()
        assert status.state is OptimizationState.FAILED
        assert "SystemExit" in str(status.error)
        assert_sound(await read_log(optimization), kind="optimization")
        optimization.resume()
        assert (await optimization.wait_finished()).state is OptimizationState.COMPLETED
