"""A run whose worker is killed, or that is cancelled, at a moment that is counted."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

import pytest
import trio
from attrs import define, evolve
from support.at_step import AtStep

from glowback_trio import (
    BacktestRequest,
    Gateway,
    MaCrossover,
    ProcessCompute,
    Run,
    State,
    Stream,
    open_gateway,
)
from glowback_trio.compute import Compute
from glowback_trio.compute.process.worker_process import WorkerProcess
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.model.lifecycle import fold

__all__ = ["REQUEST", "Killer", "cancel_at", "kill_workers_at"]

REQUEST = BacktestRequest(
    symbols=["AAPL", "SPY"],
    start_date="2017-01-01",
    end_date="2019-12-31",
    strategy=MaCrossover(short_period=5, long_period=20),
    stream=Stream(metrics_every=2, orders=True),
)
KILLED = "The worker process was killed, as systems do that run out of memory"


@define(eq=False)
class Killer:
    """Kills a worker before the n-th operation on its socket, counted from `left` down."""

    left: int = 0

    @classmethod
    def planted(cls, monkeypatch: pytest.MonkeyPatch) -> Killer:
        """Let all workers meet a killer, as long as the test goes on."""
        killer = cls()
        for name in ("_send", "_read"):
            operation = killer._before(getattr(WorkerProcess, name))
            monkeypatch.setattr(WorkerProcess, name, operation)
        return killer

    def _before(self, operation: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(worker: WorkerProcess, *args: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                os.kill(worker._process.pid, signal.SIGKILL)
            return await operation(worker, *args)

        return wrapped


async def kill_workers_at(
    first: int, every: int, request: BacktestRequest, monkeypatch: pytest.MonkeyPatch
) -> int:
    """Kill a run's worker before its first operation, then before a later one, and so on.

    A worker that was killed is replaced, so operations of its start are among them.

    Returns:
        The number of operations that a run has.
    """
    killer = Killer.planted(monkeypatch)
    async with open_gateway(compute=ProcessCompute(workers=1)) as gateway:
        usual = await _ended(gateway.submit(request))
        for moment in count(first, every):
            killer.left = moment
            log = await _ended(run := gateway.submit(request))
            if run.status.state is State.FAILED:
                assert run.status.error == KILLED
            else:
                assert log == usual
            if killer.left > 0:
                return moment - killer.left
    raise AssertionError("unreachable")


async def _ended(run: Run) -> list[tuple[str, Any]]:
    status = await run.wait_finished()
    log = await run.load_events(limit=100_000)
    assert_sound(log)
    assert evolve(status, metrics=None) == fold(log, run.request)
    return essence(log)


def cancel_at(compute: Callable[[], Compute], every: int, request: BacktestRequest) -> int:
    """Cancel a run at the first step of any task, then at a later one, until it ends before.

    Returns:
        The step at which the run had ended.
    """
    for step in count(1, every):
        instrument = AtStep(step)
        state = trio.run(_cancelled, compute, request, instrument, instruments=[instrument])
        if state is State.COMPLETED and instrument.taken < step:
            return step
    raise AssertionError("unreachable")


async def _cancelled(
    compute: Callable[[], Compute], request: BacktestRequest, instrument: AtStep
) -> State:
    with trio.fail_after(60):
        async with open_gateway(compute=compute()) as gateway:
            return await _cancelled_in(gateway, request, instrument)


async def _cancelled_in(gateway: Gateway, request: BacktestRequest, instrument: AtStep) -> State:
    run = gateway.submit(request)
    instrument.begin(lambda: run.cancel("enough"))
    await _ended(run)
    instrument.end()
    status = run.status
    assert status.state is State.COMPLETED or status.error == "enough"
    return status.state
