"""A window of a series: the part between two moments."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
from attrs import frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bars import Times
from glowback_trio.model.instant import stamp

__all__ = ["WHOLE", "Window", "ends_after_beginning"]


@frozen
class Window:
    """The instants from `start` to `end`, both included.

    Attributes:
        start: The first instant, UTC; None: no matter how early.
        end: The last instant, UTC, with all of its microsecond; None: no matter how late.
    """

    start: datetime | None = None
    end: datetime | None = None

    def part(self, times: Times) -> slice:
        """Return the part of a series that lies in the window.

        Args:
            times: (T,) datetime64[ns] UTC, ascending, perhaps with equal ones.
        """
        first, stop = 0, len(times)
        if self.start is not None:
            first = int(times.searchsorted(_nanoseconds(self.start)))
        if self.end is not None:
            # Moments count microseconds, and series nanoseconds.
            last = _nanoseconds(self.end) + np.timedelta64(999, "ns")
            stop = int(times.searchsorted(last, "right"))
        return slice(first, max(first, stop))


#: All there is.
WHOLE = Window()


def _nanoseconds(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "ns")


def ends_after_beginning(from_: datetime | None, to: datetime | None) -> Iterator[Problem]:
    """Check that a window which a query asks for does not end before it begins."""
    if from_ is not None and to is not None and to < from_:
        message = f"The window should not end before it begins, at {stamp(from_)}"
        yield Problem("value_error", ("to",), message, stamp(to))
