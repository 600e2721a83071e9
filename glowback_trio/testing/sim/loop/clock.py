"""The clock of a simulation: it stands still until every task waits."""

from __future__ import annotations

import math

import trio

__all__ = ["VirtualClock"]


class VirtualClock(trio.abc.Clock):
    """Time that passes in jumps.

    Attributes:
        now: Seconds since the round began.
    """

    def __init__(self) -> None:
        self.now = 0.0

    def start_clock(self) -> None:
        """Do nothing: the clock shows 0 and stands."""

    def current_time(self) -> float:
        """Return the virtual time."""
        return self.now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Return 0 for a deadline that has passed, and infinity for one that has not."""
        return 0.0 if deadline <= self.now else math.inf

    def jump(self, seconds: float) -> None:
        """Let time pass, as `trio.testing.MockClock` does.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"time cannot go back, so seconds must not be negative: {seconds!r}")
        self.now += seconds
