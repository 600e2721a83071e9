"""Fifty kills of a server in the middle of optimizations.

Rule: as in `tests/server/test_killed.py`, with a new file every ten rounds. Not collected with the
other tests, since it takes some minutes: `nox -s kills`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.optimization_kills import OptimizationKills


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", range(5))
async def test_no_kill_loses_or_repeats_a_trial_that_was_told(tmp_path: Path, seed: int) -> None:
    rounds = OptimizationKills(tmp_path / "runs.sqlite", seed)
    for _ in range(10):
        await rounds.live_and_die()
    await rounds.live_on()
