"""How many cores this process may use: what the machine has, its affinity, and its quota."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from glowback_trio.control_groups import groups_of, lines_of

__all__ = ["usable_cores"]


def usable_cores(root: Path = Path("/")) -> int:
    """Return the number of whole cores that this process may use, at least 1.

    A container often has a quota of processor time that is less than its cores. More workers than
    that would use it up, and the system then stops the server as well.

    Args:
        root: Where `/proc` and `/sys` are.
    """
    allowed = getattr(os, "sched_getaffinity", None)
    cores = float(len(allowed(0)) if allowed else os.cpu_count() or 1)
    return max(1, int(min([cores, *_quotas(root)])))


def _quotas(root: Path) -> Iterator[float]:
    """Yield the quotas of this process's control groups and of all groups above them, in cores."""
    for group in groups_of(root, "cpu"):
        yield from _quota(group)


def _quota(group: Path) -> Iterator[float]:
    """Yield the quota of one group, if it has one."""
    written = " ".join(lines_of(group / "cpu.max")) or " ".join(  # version 2: "QUOTA PERIOD"
        line for name in ("quota", "period") for line in lines_of(group / f"cpu.cfs_{name}_us")
    )
    match written.split():
        case [quota, period] if quota.isdecimal() and int(period) > 0:
            yield int(quota) / int(period)
