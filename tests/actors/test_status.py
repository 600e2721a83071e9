"""The status of a run is the fold of its log, at whatever moment it is read.

Doctrine: virtual time and real runs, one for every way in which a run can end. A reader compares
the two each time it is woken; it runs between the run's turns, so it sees whole events only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import evolve, frozen
from support.backends import open_virtual_gateway
from trio.testing import MockClock

from glowback_trio import BacktestRequest, BarStrategy, Context, OnBar, Run, State, Stream
from glowback_trio.model.lifecycle import fold

pytestmark = pytest.mark.usefixtures("backends")


@frozen
class FailsMidway(BarStrategy):
    name = "fails_midway"
    title = "Fails Midway"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            if context.count("AAPL") == 30:
                raise ValueError("no thirtieth bar")

        return on_bar


def request_with(**changes: Any) -> BacktestRequest:
    given: dict[str, Any] = {
        "symbols": ["AAPL"],
        "start_date": "2024-01-01",
        "end_date": "2024-03-31",
        "stream": Stream(metrics_every=5, progress_steps=20, pace_bars_per_s=4.0),
    }
    return BacktestRequest(**{**given, **changes})


def assert_folds(run: Run) -> None:
    folded = fold(run.events(limit=100_000), run.request)
    assert folded == evolve(run.status, paused=False, metrics=None)


async def follow(
    run: Run, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    with run.subscribe() as events:
        task_status.started()
        async for _ in events:
            assert_folds(run)


ENDS: dict[State, tuple[BacktestRequest, Callable[[Run], None]]] = {
    State.COMPLETED: (request_with(), lambda _: None),
    State.FAILED: (request_with(strategy=FailsMidway()), lambda _: None),
    State.CANCELLED: (request_with(), lambda run: run.cancel("enough")),
}


@pytest.mark.parametrize("end", ENDS)
async def test_the_status_is_the_fold_of_the_log_at_every_event(
    end: State, autojump_clock: MockClock
) -> None:
    request, interfere = ENDS[end]
    async with open_virtual_gateway() as gateway, trio.open_nursery() as nursery:
        run = gateway.submit(request)
        await run.wait_stored()
        assert_folds(run)
        nursery.start_soon(follow, run)
        await trio.sleep(3)
        run.pause()
        await trio.sleep(3)
        assert run.status.paused
        assert_folds(run)
        run.resume()
        interfere(run)
        status = await run.wait_finished()
        assert status.state is end
        assert status.progress > 0
        assert (status.metrics is not None) == (end is State.COMPLETED)
        assert_folds(run)


async def test_a_run_that_is_cancelled_while_it_is_queued_folds_as_well(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway(max_running=1) as gateway:
        gateway.submit(request_with())
        run = gateway.submit(request_with())
        run.cancel("not today")
        await run.wait_finished()
        assert_folds(run)
        assert fold(run.events(), run.request).started_at is None
