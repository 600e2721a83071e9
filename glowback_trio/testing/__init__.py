"""The public testing kit: virtual time, seeded schedules, faults at every step."""

from glowback_trio.testing.gateway import EPOCH, open_virtual_gateway, virtual_now
from glowback_trio.testing.sim.faults import cancel_at_every_step
from glowback_trio.testing.sim.schedule import seeded_schedule

__all__ = [
    "EPOCH",
    "cancel_at_every_step",
    "open_virtual_gateway",
    "seeded_schedule",
    "virtual_now",
]
