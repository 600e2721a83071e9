"""Changed requests, read by the server and by h11.

Rule: the server never reads a request that h11 does not read in the same way. `nox -s requests`
compares a hundred times as many.
"""

from __future__ import annotations

import pytest
from support.request_fuzz import compare_with_h11
from trio.testing import MockClock


@pytest.mark.parametrize("seed", range(2))
async def test_changed_requests_are_read_as_h11_reads_them_or_refused(
    seed: int, autojump_clock: MockClock
) -> None:
    verdicts = await compare_with_h11(seed, 100)
    assert min(verdicts["read"], verdicts["refused"]) > 10
