"""Infer the length of bars from their spacing, and compare it with the one requested."""

from __future__ import annotations

import numpy as np

from glowback_trio.data.calendars.calendar import STEPS
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Times
from glowback_trio.model.request import Resolution

__all__ = ["check_resolution", "resolution_of"]


def resolution_of(time: Times) -> Resolution | None:
    """Infer a resolution from the median distance between neighbouring times.

    Args:
        time: (R,) datetime64, in any order, duplicates allowed.

    Returns:
        The longest resolution not longer than that distance, so that weekly bars count as `day`;
        None for fewer than two distinct times.
    """
    distances = np.diff(np.sort(time))
    distances = np.sort(distances[distances > np.timedelta64(0, "ns")])
    if not len(distances):
        return None
    # The median ignores nights, weekends and gaps, which the mean would count.
    median = distances[len(distances) // 2]
    fitting = [resolution for resolution, step in STEPS.items() if step <= median]
    # Bars closer than a second have no resolution of their own and count as `second`.
    return fitting[-1] if fitting else "second"


def check_resolution(
    name: str, found: Resolution | None, requested: Resolution, declared: Resolution | None = None
) -> None:
    """Check that bars have the requested length.

    Args:
        name: The source of the bars, for the message.
        found: The resolution inferred from their times, see `resolution_of`.
        requested: The resolution of the request.
        declared: The resolution in the name of the source, if any. Then the bars may be further
            apart, as those of a rarely traded symbol are, but never closer together.

    Raises:
        DataError: The bars have another length.
    """
    if found is None or found == requested:
        return
    if declared is None or STEPS[found] < STEPS[requested]:
        raise DataError(f"{name} holds bars of resolution {found!r}; {requested!r} was requested")
