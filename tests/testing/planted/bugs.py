"""All planted bugs."""

from __future__ import annotations

from testing.planted import (
    cancellations,
    deadlines,
    endings,
    locks,
    logs,
    nurseries,
    races,
    resources,
    wakeups,
    wires,
)

__all__ = ["BUGS"]

BUGS = (
    *wakeups.BUGS,
    *races.BUGS,
    *logs.BUGS,
    *cancellations.BUGS,
    *locks.BUGS,
    *endings.BUGS,
    *deadlines.BUGS,
    *nurseries.BUGS,
    *resources.BUGS,
    *wires.BUGS,
)
