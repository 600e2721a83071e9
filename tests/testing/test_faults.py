"""Cancellation at every step.

Doctrine: the tool is tried on a scenario that is sound and on one that is not: a tool that finds
nothing proves little until it has found something.
"""

from __future__ import annotations

import pytest
import trio

from glowback_trio.testing import cancel_at_every_step


def test_every_step_of_a_scenario_is_cancelled_once() -> None:
    reached: list[int] = []

    async def scenario() -> None:
        for step in range(5):
            reached.append(step)
            await trio.lowlevel.checkpoint()

    rounds: list[int] = []

    def check() -> None:
        rounds.append(reached[-1])
        reached.clear()

    assert cancel_at_every_step(scenario, check=check) == len(rounds)
    assert rounds == sorted(rounds)
    assert set(rounds) == {0, 1, 2, 3, 4}


def test_harm_done_by_a_cancellation_is_found() -> None:
    balance = [0]

    async def scenario() -> None:
        balance[0] = 0
        balance[0] += 1
        await trio.sleep(1)  # cancelled here, the second half never comes
        balance[0] -= 1

    def check() -> None:
        assert balance == [0]

    with pytest.raises(AssertionError):
        cancel_at_every_step(scenario, check=check)
