"""A gateway's whole life on a disk that fails or is late at one operation, for every one in turn.

Doctrine: the faults are made below SQLite, where a disk reports them. No run may be stuck, nothing
that was seen may be lost, an error is visible, and where the disk recovers, so do the runs. Here at
some operations; at every one: `nox -s disk_faults`.
"""

from __future__ import annotations

import pytest
from support.disk_faults import DISK_FAULTS, delayed_life, faulty_life, find_harm


@pytest.mark.parametrize("name", DISK_FAULTS)
def test_no_fault_of_a_disk_loses_or_stops_anything(name: str) -> None:
    fault = DISK_FAULTS[name]
    usual = faulty_life(fault)
    assert (usual.errors, usual.ended_by) == ([], None)
    every = max(1, usual.moments // 6)
    for number in range(1, usual.moments + 1, every):
        life = faulty_life(fault, number)
        assert find_harm(life, usual) == [], f"operation {number}"


def test_no_delay_of_a_store_loses_or_stops_anything() -> None:
    usual = delayed_life(0.0)
    for number in range(1, usual.moments + 1, max(1, usual.moments // 6)):
        life = delayed_life(30.0, number)
        assert (life.errors, life.ended_by) == ([], None)
        assert find_harm(life, usual) == [], f"call {number}"
