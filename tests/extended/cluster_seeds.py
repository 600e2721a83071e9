"""A thousand rounds of several gateways on one store, in virtual time.

Rule: as in `tests/actors/test_cluster.py`, with more seeds. Not collected with the other tests,
since it takes some minutes: `nox -s cluster_seeds`.
"""

from __future__ import annotations

import pytest
from support.cluster_rounds import play


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(1000))
def test_no_fault_breaks_a_log_or_a_stream(seed: int) -> None:
    play(seed)
