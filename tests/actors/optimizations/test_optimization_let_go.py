"""What an optimization has used is freed by reference counts, never by a collection.

Doctrine: the collector is off. The bars' shared memory is looked for among the open files while the
gateway is open, and what belongs to the gateway by weak references after it has closed.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from weakref import ref

import pytest
import trio.testing
from support.fatal_search import Fatal
from support.optimizations import search_request

from glowback_trio import (
    BacktestRequest,
    InlineCompute,
    Optimization,
    Parameter,
    ProcessCompute,
    SearchSpace,
    open_gateway,
)
from glowback_trio.compute import Compute
from glowback_trio.errors import GatewayClosedError
from glowback_trio.model.optimization.lifecycle import OptimizationState

BASE = BacktestRequest(
    symbols=["AAPL"], start_date="2024-01-01", end_date="2024-01-31", strategy=Fatal()
)
NUMBER = Parameter(name="number", kind="int_range", low=1, high=20, step=1)
FATAL = search_request(
    base_backtest=BASE,
    search_space=SearchSpace(parameters=(NUMBER,)),
    strategy="grid",
    concurrency=2,
)


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    logging.disable()  # pytest keeps what was logged, with its tracebacks
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


def files_of_bars() -> int:
    count = 0
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            count += "memfd:bars" in str(link.readlink())
    return count


async def test_workers_that_die_leave_no_bars_behind() -> None:
    compute = ProcessCompute(workers=2)
    async with open_gateway(compute=compute, strategies=[Fatal]) as gateway:
        optimization = gateway.optimize(FATAL)
        status = await optimization.wait_finished()
        assert (status.state, status.trials_failed) == (OptimizationState.COMPLETED, 2)
        for _ in range(50):  # lanes have their last turns, and threads end in their own time
            if files_of_bars():
                await trio.testing.wait_all_tasks_blocked(0.01)
        assert files_of_bars() == 0


@pytest.mark.parametrize("compute", [InlineCompute(), ProcessCompute(workers=1)])
async def test_a_closed_gateway_is_gone_and_says_so(compute: Compute) -> None:
    async with open_gateway(compute=compute) as gateway:
        held = ref(gateway), ref(gateway._optimizations)
        finished = gateway.optimize(search_request())
        await finished.wait_finished()
        cancelled: Optimization = gateway.optimize(search_request())
        cancelled.cancel("enough")
        await cancelled.wait_finished()
    del gateway
    await trio.testing.wait_all_tasks_blocked(0.02)
    assert [each() for each in held] == [None, None]
    with pytest.raises(GatewayClosedError, match="No new optimizations are accepted: the gateway"):
        cancelled.resume()
