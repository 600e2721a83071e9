"""Two hundred kills of a server under load.

Rule: as in `tests/server/test_killed.py`, with a new file every twenty rounds. Not collected with
the other tests, since it takes a quarter of an hour: `nox -s kills`.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.kill_rounds import KillRounds


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("seed", range(5))
async def test_no_kill_loses_what_was_received(tmp_path: Path, seed: int, durability: str) -> None:
    rounds = KillRounds(tmp_path / "runs.sqlite", seed, durability)
    for _ in range(20):
        await rounds.live_and_die()
    await rounds.live_on()
