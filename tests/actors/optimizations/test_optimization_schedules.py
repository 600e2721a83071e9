"""Optimizations in whatever order their tasks run.

Doctrine: a search looks for an order of task steps in which a log is not sound, is another one than
in the plain order, or a task waits for ever.
"""

from __future__ import annotations

from typing import Any

from support.optimizations import read_log, search_request

from glowback_trio import Event
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.testing import find, open_virtual_gateway


async def searched() -> list[list[Event]]:
    """Two optimizations beside a run, one of them paused, cancelled and resumed."""
    async with open_virtual_gateway(max_running=2) as gateway:
        first = gateway.optimize(search_request(max_trials=6, concurrency=3))
        second = gateway.optimize(search_request(max_trials=6, random_seed=1))
        run = gateway.submit(search_request().base_backtest)
        second.pause()
        await run.wait_finished()
        second.resume()
        second.cancel("enough")
        await second.wait_finished()
        if second.status.state != "completed":
            second.resume()
        await second.wait_finished()
        attempts = [second.attempt(number + 1) for number in range(second.attempts)]
        return [await read_log(first), *[await read_log(each) for each in attempts]]


def test_no_order_of_tasks_changes_a_log() -> None:
    firsts: list[list[tuple[str, Any]]] = []

    async def scenario() -> None:
        first, *attempts = await searched()
        for log in (first, *attempts):
            assert_sound(log, kind="optimization")
        told = [
            event.payload["trial_number"]
            for log in attempts
            for event in log
            if event.type == "trial"
        ]
        assert told == list(range(1, 7))
        firsts.append(essence(first))
        assert firsts[-1] == firsts[0]

    assert find(scenario, rounds=15, seed=3, allow=("clock", "entropy")) is None
