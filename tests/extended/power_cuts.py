"""A power cut after every operation that two gateways' lives make on their files.

Rule: as in `tests/store/test_power_cuts.py`. Not collected with the other tests, since it takes ten
minutes: `nox -s power_cuts`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from support.power_cuts import find_losses, record_session
from trio.testing import MockClock


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
@pytest.mark.parametrize("seed", range(5))
async def test_no_power_cut_takes_what_was_promised(
    tmp_path: Path, seed: int, synchronous: Literal["NORMAL", "FULL"], autojump_clock: MockClock
) -> None:
    path = tmp_path / "runs.sqlite"
    session = await record_session(path, synchronous)
    words = "sound" if synchronous == "NORMAL" else ""
    for cut in range(len(session.operations) + 1):
        found = await find_losses(path, session, cut, seed=seed * 1_000_003 + cut)
        assert [sentence for sentence in found if words in sentence] == []
