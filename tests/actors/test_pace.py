"""Setting the pace of a run while it goes on.

Rule: time is virtual, so each bar comes at its exact second; the log is that of any other run.
"""

from __future__ import annotations

import math

import pytest
import trio
from attrs import evolve
from support.backends import open_virtual_gateway
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Run, Stream, assert_sound
from glowback_trio.actors import Gateway
from glowback_trio.errors import InvalidRequestError, RunEndedError

REQUEST = BacktestRequest(
    symbols=["A"], start_date="2024-01-01", end_date="2024-01-31", stream=Stream(metrics_every=1)
)


def paced(gateway: Gateway, bars_per_s: float | None) -> Run:
    stream = evolve(REQUEST.stream, pace_bars_per_s=bars_per_s)
    return gateway.submit(evolve(REQUEST, stream=stream))


async def bars(run: Run, count: int) -> list[float]:
    """Return when each of the next bars comes, in seconds from now."""
    began, times = trio.current_time(), list[float]()
    with run.subscribe(run.status.event_count, types=["metric"]) as metrics:
        while len(times) < count:
            times += [trio.current_time() - began for _ in await metrics.read(limit=1)]
    return times


async def test_bars_come_at_the_new_pace_from_where_the_run_is(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = paced(gateway, 1.0)
        assert await bars(run, 3) == pytest.approx([0, 1, 2])
        run.set_pace(4.0)
        assert run.status.pace_bars_per_s == 4.0
        assert await bars(run, 3) == pytest.approx([0.25, 0.5, 0.75])
        await trio.sleep(0.125)  # half of the wait for a bar is over
        run.set_pace(0.5)
        assert await bars(run, 2) == pytest.approx([1.0, 3.0])
        run.set_pace(None)
        status = await run.wait_finished()
        assert (status.progress, status.pace_bars_per_s) == (1.0, None)
        assert_sound(run.events(limit=1000))


async def test_a_run_that_has_no_pace_gets_one(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        usual = await paced(gateway, None).wait_finished()
        run = paced(gateway, None)
        run.set_pace(10.0)
        began = trio.current_time()
        status = await run.wait_finished()
        assert status.event_count == usual.event_count
        count = sum(event.type == "metric" for event in run.events(limit=1000))
        assert trio.current_time() - began == pytest.approx((count - 1) / 10)


async def test_a_pause_takes_no_time_at_the_new_pace(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = paced(gateway, 1.0)
        await bars(run, 2)
        run.pause()
        await trio.sleep(100)
        run.set_pace(2.0)
        await trio.sleep(100)
        assert run.status.paused
        run.resume()
        assert await bars(run, 3) == pytest.approx([0.5, 1.0, 1.5])


@pytest.mark.parametrize("pace", [0, -1.0, 1e7, math.nan, math.inf, "2"])
async def test_a_pace_out_of_its_bounds_changes_nothing(
    autojump_clock: MockClock, pace: float
) -> None:
    async with open_virtual_gateway() as gateway:
        run = paced(gateway, 1.0)
        with pytest.raises(InvalidRequestError, match="bars_per_s"):
            run.set_pace(pace)
        assert run.status.pace_bars_per_s == 1.0


async def test_what_has_ended_has_no_pace(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = paced(gateway, None)
        await run.wait_finished()
        with pytest.raises(RunEndedError, match="the run has completed"):
            run.set_pace(1.0)
