"""The agenda of a portfolio: the row of the next decision that is due whatever prices do."""

from __future__ import annotations

import numpy as np

from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.traders.plan import Plan
from glowback_trio.model.bars import Times
from glowback_trio.model.portfolio import RebalanceReason

__all__ = ["Agenda"]


class Agenda:
    """Keeps what follows from the decisions made so far.

    Args:
        plan: Its schedule, and when its symbols arrive.
        time: Of every row, (T,).
        latency: Between a decision and the earliest bar that may fill its orders.

    Attributes:
        out: True while a drawdown stop keeps the portfolio out of the market.
        ready: The row before which orders of the last decision cannot have filled.
    """

    def __init__(self, plan: Plan, time: Times, latency: np.timedelta64) -> None:
        self._plan = plan
        self._time = time
        self._latency = latency
        self._scheduled, self._arrival = NEVER, plan.arrival(0)
        self._selling = False  # the stop has more to sell than the turnover cap let it
        self._unsold = False  # the stop has ordered sales that have not filled yet
        self.out = False
        self.ready = 0

    def due(self, row: int) -> tuple[int, int]:
        """Return the next row, from this one on, that calls for a decision, and its reason."""
        row = max(row, self.ready)
        if self._selling:
            return row, RebalanceReason.GUARD
        # A symbol that arrives during a stop waits for the scheduled return that ends it.
        scheduled = max(row, self._scheduled)
        if not self.out and self._arrival <= scheduled:
            return max(row, self._arrival), RebalanceReason.ALLOCATION
        return scheduled, RebalanceReason.SCHEDULE

    def decided(self, row: int, reason: int, *, capped: bool) -> None:
        """Note a decision at a row, and whether the turnover cap let only a part be ordered."""
        self.out = reason == RebalanceReason.GUARD
        self._selling, self._unsold = self.out and capped, self.out
        self._scheduled, self._arrival = self._plan.scheduled(row), self._plan.arrival(row + 1)
        # Volume, latency and missing bars may all put off the sales that the return waits for.
        if self.out:
            self._scheduled = NEVER
        if self._latency:
            self.ready = int(np.searchsorted(self._time, self._time[row] + self._latency))

    def flat(self, row: int) -> None:
        """Note that nothing is held on a row: if a stop waited for that, its return is due next."""
        if self._unsold:
            self._unsold = False
            self._scheduled = self._plan.scheduled(row)
