"""Simulate what can go wrong in any trio program: seeded schedules, faults, deadlocks.

Belongs here: test tools that import only trio and the standard library.
Never here: anything that knows gateways, runs or servers; numpy, attrs or other packages.
May be imported by: `testing`, and tests of any trio program.
"""

from __future__ import annotations

from glowback_trio.testing.sim.deadlock import DeadlockError
from glowback_trio.testing.sim.faults import cancel_at_every_step
from glowback_trio.testing.sim.schedule import seeded_schedule

__all__ = ["DeadlockError", "cancel_at_every_step", "seeded_schedule"]
