"""Test concurrent programs: virtual time, seeded schedules, faults at every step.

Belongs here: what tests of any trio program (`sim`) or of a gateway need, ours and our users'.
Never here: test cases, and anything that the package needs to work.
May be imported by: tests; no room of the package.
"""

from typing import TYPE_CHECKING

from glowback_trio.lazy import lazy_names

# Imported when used, as in `glowback_trio`: a test that needs only `sim` must not wait for numpy.
if TYPE_CHECKING:
    from glowback_trio.model.invariants import assert_sound
    from glowback_trio.testing.disk import Operation, VirtualDisk
    from glowback_trio.testing.engines import BarRelease, Scripted, ScriptedEngine
    from glowback_trio.testing.gateway import EPOCH, open_virtual_gateway, virtual_now
    from glowback_trio.testing.memory_server import MemoryServer, serve_in_memory
    from glowback_trio.testing.probe import Probe, open_probe
    from glowback_trio.testing.reading import collect
    from glowback_trio.testing.sim import (
        BusyError,
        DeadlockError,
        EscapeError,
        Finding,
        LeakError,
        LivelockError,
        Search,
        StaleTokenError,
        assert_deterministic,
        cancel_at_every_step,
        explore,
        find,
        recall,
        replay,
        seeded_schedule,
    )
    from glowback_trio.testing.sim.net import Connection, VirtualNet
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "glowback_trio.testing.engines": ("BarRelease", "Scripted", "ScriptedEngine"),
            "glowback_trio.testing.memory_server": ("MemoryServer", "serve_in_memory"),
            "glowback_trio.testing.probe": ("Probe", "open_probe"),
            "glowback_trio.testing.reading": ("collect",),
            "glowback_trio.model.invariants": ("assert_sound",),
            "glowback_trio.testing.disk": ("Operation", "VirtualDisk"),
            "glowback_trio.testing.gateway": ("EPOCH", "open_virtual_gateway", "virtual_now"),
            "glowback_trio.testing.sim": (
                "BusyError",
                "DeadlockError",
                "EscapeError",
                "Finding",
                "LeakError",
                "LivelockError",
                "Search",
                "StaleTokenError",
                "assert_deterministic",
                "cancel_at_every_step",
                "explore",
                "find",
                "recall",
                "replay",
                "seeded_schedule",
            ),
            "glowback_trio.testing.sim.net": ("Connection", "VirtualNet"),
        },
    )

__all__ = [
    "EPOCH",
    "BarRelease",
    "BusyError",
    "Connection",
    "DeadlockError",
    "EscapeError",
    "Finding",
    "LeakError",
    "LivelockError",
    "MemoryServer",
    "Operation",
    "Probe",
    "Scripted",
    "ScriptedEngine",
    "Search",
    "StaleTokenError",
    "VirtualDisk",
    "VirtualNet",
    "assert_deterministic",
    "assert_sound",
    "cancel_at_every_step",
    "collect",
    "explore",
    "find",
    "open_probe",
    "open_virtual_gateway",
    "recall",
    "replay",
    "seeded_schedule",
    "serve_in_memory",
    "virtual_now",
]
