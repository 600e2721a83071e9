"""The difference of two logs: nothing for the same run again, and the first event for another one.

Rule: what is found is what a comparison of all events by hand finds.
"""

from __future__ import annotations

from attrs import evolve
from trio.testing import MockClock

from glowback_trio import BacktestRequest, InlineCompute, Stream, open_gateway

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-15")


async def test_two_logs_part_at_the_first_event_that_differs(autojump_clock: MockClock) -> None:
    async with open_gateway(compute=InlineCompute()) as gateway:
        slow = evolve(REQUEST, stream=Stream(pace_bars_per_s=10.0))
        one, same, other, going_on = (
            gateway.submit(each)
            for each in (REQUEST, slow, evolve(REQUEST, initial_capital=500.0), REQUEST)
        )
        for run in (one, same, other):
            await run.wait_finished()
        found = await one.difference(same)
        assert (found.equal, found.at, found.there) == (True, None, (None, None))
        found = await one.difference(other)
        pairs = zip(one.events(), other.events(), strict=False)
        first = next(pair for pair in pairs if pair[0].payload != pair[1].payload)
        assert (found.equal, found.at, found.there) == (False, first[0].event_id, first)
        assert (await going_on.difference(going_on)).equal


async def test_a_log_that_is_shorter_parts_where_it_ends(autojump_clock: MockClock) -> None:
    async with open_gateway(compute=InlineCompute()) as gateway:
        whole = gateway.submit(REQUEST)
        await whole.wait_finished()
        paused = gateway.submit(REQUEST)
        paused.pause()
        found = await whole.difference(paused)
        assert found.at == paused.status.event_count + 1
        assert (found.there[0], found.there[1]) == (whole.events()[found.at - 1], None)
