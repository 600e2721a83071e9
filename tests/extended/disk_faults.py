"""A gateway's life on a disk that fails, or is late, at every single operation.

Rule: as in `tests/actors/test_disk_faults.py`, at every operation and not at some. Not collected
with the other tests, since it takes ten minutes: `nox -s disk_faults`.
"""

from __future__ import annotations

import pytest
from support.disk_faults import DISK_FAULTS, delayed_life, faulty_life, find_harm


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", DISK_FAULTS)
def test_no_fault_of_a_disk_loses_or_stops_anything(name: str) -> None:
    fault = DISK_FAULTS[name]
    usual = faulty_life(fault)
    for number in range(1, usual.moments + 1):
        assert find_harm(faulty_life(fault, number), usual) == [], f"operation {number}"


@pytest.mark.timeout(1800)
def test_no_delay_of_a_store_loses_or_stops_anything() -> None:
    usual = delayed_life(0.0)
    for number in range(1, usual.moments + 1):
        life = delayed_life(30.0, number)
        assert (life.errors, life.ended_by) == ([], None)
        assert find_harm(life, usual) == [], f"call {number}"
