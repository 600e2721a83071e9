"""Simulate what can go wrong in any trio program: seeded schedules, faults at every step.

Belongs here: test tools that import only trio and the standard library.
Never here: anything that knows gateways, runs or servers; numpy, attrs or other packages.
May be imported by: `testing`, and tests of any trio program.
"""

from __future__ import annotations

from glowback_trio.testing.sim.faults import cancel_at_every_step
from glowback_trio.testing.sim.schedule import seeded_schedule

__all__ = ["cancel_at_every_step", "seeded_schedule"]
