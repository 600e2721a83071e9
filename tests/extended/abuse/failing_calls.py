"""Whichever call fails: the server lives, the right one is told, and nothing is lost.

Rule: the k-th call of a client's day fails, for k in strides. A request is answered or told to
come back; a run completes or fails with its reason; its log is whole, then and later.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.call_faults import KINDS, faulty_server

#: How many of a day's calls fail at most, spread over all of them.
MOST = 25


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("compute", ["process", "thread"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_that_fails_harms_nobody_else(
    state: Callable[[str], None], tmp_path: Path, kind: str, compute: str
) -> None:
    options = ("--compute", compute, "--workers", "1")
    async with faulty_server(kind, tmp_path, *options) as faulty:
        await faulty.day()  # what is opened once is open
        faulty.fail_at(1 << 60)
        await faulty.day()
        calls = faulty.calls
        descriptors = faulty.server.descriptors
        stride = max(1, calls // MOST)
        for number in range(1, calls + 1, stride):
            faulty.fail_at(number)
            await faulty.day()
            assert faulty.server.is_alive, f"call {number}: {faulty.server.log[-2000:]}"
            faulty.fail_at(0)
            await faulty.forget_some()
        told = len(faulty.told)
        assert (await faulty.server.run())["state"] == "completed"
        state(f"{calls} calls, every {stride}. failed: {told} told; {faulty.told[:3]}")
        await faulty.server.at_rest(descriptors=descriptors + 8)
