"""Twenty thousand changed requests, read by the server and by h11.

Rule: the server never reads a request that h11 does not read in the same way. Not collected with
the other tests: `nox -s requests`. `tests/serving/test_request_fuzz.py` is the short form.
"""

from __future__ import annotations

import pytest
from support.request_fuzz import compare_with_h11
from trio.testing import MockClock


@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(10, 14))
async def test_changed_requests_are_read_as_h11_reads_them_or_refused(
    seed: int, autojump_clock: MockClock
) -> None:
    verdicts = await compare_with_h11(seed, 5000)
    # Nearly all differences are targets and header bytes that h11 lets pass.
    assert verdicts["stricter"] < 500
    assert min(verdicts["read"], verdicts["refused"]) > 1000
