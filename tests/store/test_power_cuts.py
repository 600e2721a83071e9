"""A power cut in the middle of two gateways' lives, and what the next one finds.

Doctrine: the life is recorded as operations on files; a cut is a beginning of that record,
with what was not synced dropped, torn and reordered as the seed says. Here at some operations; at
every one with several seeds: `nox -s power_cuts`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
from support.power_cuts import find_losses, record_session
from trio.testing import MockClock

Synchronous = Literal["NORMAL", "FULL"]


async def losses(synchronous: Synchronous, path: Path, first: int, every: int) -> list[str]:
    session = await record_session(path, synchronous)
    cuts = range(first, len(session.operations) + 1, every)
    assert len(cuts) > 10
    return [loss for cut in cuts for loss in await find_losses(path, session, cut, seed=cut)]


@pytest.mark.parametrize("first", [0, 31])
async def test_with_full_no_power_cut_takes_what_was_told(
    tmp_path: Path, first: int, autojump_clock: MockClock
) -> None:
    assert await losses("FULL", tmp_path / "runs.sqlite", first, every=90) == []


async def test_with_normal_a_power_cut_takes_the_end_and_leaves_a_sound_store(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    found = await losses("NORMAL", tmp_path / "runs.sqlite", 7, every=90)
    assert [sentence for sentence in found if "sound" in sentence] == []
    assert [sentence for sentence in found if "lost" in sentence] != [], "these cuts do cut"
