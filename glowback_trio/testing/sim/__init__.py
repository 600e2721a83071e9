"""Simulate what can go wrong in any trio program: orders of tasks, faults, deadlocks, leaks.

Belongs here: test tools that import only trio and the standard library.
Never here: anything that knows gateways, runs or servers; numpy, attrs or other packages.
May be imported by: `testing`, and tests of any trio program.
"""

from __future__ import annotations

from glowback_trio.testing.sim.errors import (
    BusyError,
    DeadlockError,
    EscapeError,
    LeakError,
    LivelockError,
    StaleTokenError,
)
from glowback_trio.testing.sim.faults import cancel_at_every_step
from glowback_trio.testing.sim.loop.points import choose, fault_point
from glowback_trio.testing.sim.loop.trace import Step, Trace
from glowback_trio.testing.sim.schedule import seeded_schedule
from glowback_trio.testing.sim.search.determinism import assert_deterministic
from glowback_trio.testing.sim.search.find import Search, explore, find
from glowback_trio.testing.sim.search.finding import Finding
from glowback_trio.testing.sim.search.replay import recall, replay

__all__ = [
    "BusyError",
    "DeadlockError",
    "EscapeError",
    "Finding",
    "LeakError",
    "LivelockError",
    "Search",
    "StaleTokenError",
    "Step",
    "Trace",
    "assert_deterministic",
    "cancel_at_every_step",
    "choose",
    "explore",
    "fault_point",
    "find",
    "recall",
    "replay",
    "seeded_schedule",
]
