"""The length of bars, told by the distance between them."""

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
        The longest resolution that fits into that distance, so that weekly bars count as `day`;
        None for fewer than two distinct times, which tell nothing.
    """
    distances = np.diff(np.sort(time))
    distances = np.sort(distances[distances > np.timedelta64(0, "ns")])
    if not len(distances):
        return None
    median = distances[len(distances) // 2]
    fitting = [resolution for resolution, step in STEPS.items() if step <= median]
    return fitting[-1] if fitting else "second"


def check_resolution(
    name: str, found: Resolution | None, asked: Resolution, declared: Resolution | None = None
) -> None:
    """Refuse bars of another length than asked.

    Args:
        name: What people call the place the bars come from.
        found: What `resolution_of` says of their times.
        asked: The resolution of the request.
        declared: The resolution the place names for itself. Bars that name one may be further
            apart, as those of rarely traded symbols are, but never closer together.

    Raises:
        DataError: They are bars of another length.
    """
    if found is None or found == asked:
        return
    if declared is None or STEPS[found] < STEPS[asked]:
        raise DataError(f"{name} holds bars of resolution {found!r}; {asked!r} was requested")
