"""A server that is killed again and again under load.

Rule: real processes and SIGKILL, at moments that the seed chooses by counting received events;
every event that any client received is in the store, and every log is sound. Many more rounds:
`nox -s kills`.
"""

from __future__ import annotations

from pathlib import Path

import trio
from support.kill_rounds import KillRounds
from support.optimization_kills import OptimizationKills


async def test_no_event_that_was_received_is_lost_and_no_request_is_carried_out_twice(
    tmp_path: Path,
) -> None:
    rounds = KillRounds(tmp_path / "runs.sqlite", seed=1)
    with trio.fail_after(120):
        for _ in range(2):
            await rounds.live_and_die()
        await rounds.live_on()
    assert rounds.received


async def test_no_trial_that_was_told_is_lost_or_repeated(tmp_path: Path) -> None:
    rounds = OptimizationKills(tmp_path / "runs.sqlite", seed=1)
    with trio.fail_after(120):
        for _ in range(2):
            await rounds.live_and_die()
        await rounds.live_on()
    assert rounds.received
