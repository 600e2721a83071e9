"""The watch over a portfolio: finds the close at which a drawdown or a drift reaches its limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.tolerance import EQUAL
from glowback_trio.engine.traders.plan import Plan
from glowback_trio.model.bars import Floats
from glowback_trio.model.portfolio import NONE, RebalanceReason
from glowback_trio.wire.percent import as_fraction

__all__ = ["Watch", "reached"]

_LEAST, _MOST = 32, 1 << 18  # rows, and cells, that are looked at together


class Watch:
    """Watches prices between two decisions, when positions do not change.

    Args:
        plan: Its limits and targets.
        broker: Its account is watched.
    """

    def __init__(self, plan: Plan, broker: Broker) -> None:
        self._plan = plan
        self._broker = broker
        drift, fall = plan.construction.drift_threshold_pct, plan.construction.max_drawdown_pct
        self._drift = None if drift is None else reached(drift)
        self._fall = None if fall is None else reached(fall)
        self._peak = broker.account.cash

    @property
    def needed(self) -> bool:
        """True if there is a limit to watch."""
        return not (self._drift is None and self._fall is None)

    def fall(self, value: float) -> float:
        """Return how far an equity is below the peak, a fraction of the peak."""
        return (self._peak - value) / self._peak

    def restart(self, value: float) -> None:
        """Measure drawdowns from this equity on."""
        self._peak = value

    def find(self, row: int, stop: int, ready: int) -> tuple[int, int]:
        """Find the first row before `stop` at which the fall or a drift is at its limit.

        Args:
            row: The first row to look at.
            stop: One past the last.
            ready: The row before which a drift does not count.

        Returns:
            The row and the `RebalanceReason`; `stop` and `NONE` if there is none.
        """
        rows = _LEAST
        while row < stop:
            found = self._found(row, min(row + rows, stop), ready)
            if found is not None:
                return found
            most = _MOST // len(self._broker.account.units)
            row, rows = row + rows, min(rows * 4, most)
        return stop, NONE

    def _found(self, row: int, stop: int, ready: int) -> tuple[int, int] | None:
        account = self._broker.account
        worth = self._broker.marks(row, stop) * account.units
        value = account.cash + worth.sum(axis=1)
        peaks = np.maximum(np.maximum.accumulate(value), self._peak)
        fallen = self._fallen(peaks, value)
        # The peak moves on only to the row that is decided at: later rows are looked at again, with
        # the positions that they then have.
        either = fallen | self._drifted(row, worth, value, ready)
        at = int(either.argmax()) if either.any() else len(either) - 1
        self._peak = peaks.item(at)
        if not either[at]:
            return None
        return row + at, RebalanceReason.GUARD if fallen[at] else RebalanceReason.DRIFT

    def _fallen(self, peaks: Floats, value: Floats) -> NDArray[np.bool_]:
        if self._fall is None or not self._broker.account.units.any():
            return np.zeros(len(value), dtype=bool)
        fallen: NDArray[np.bool_] = (peaks - value) / peaks >= self._fall
        return fallen

    def _drifted(self, row: int, worth: Floats, value: Floats, ready: int) -> NDArray[np.bool_]:
        plan = self._plan
        # Rows on which a symbol comes or goes are looked at one by one.
        there = plan.present(row)
        if self._drift is None or not there.any():
            return np.zeros(len(value), dtype=bool)
        with np.errstate(divide="ignore", invalid="ignore"):  # of a lost account, soon found out
            weights = worth[:, plan.symbol] / value[:, np.newaxis]
        away = np.abs(weights - np.where(there, plan.target, 0.0)).max(axis=1)
        drifted: NDArray[np.bool_] = away >= self._drift
        drifted[: max(0, ready - row)] = False
        return drifted


def reached(percent: float) -> float:
    """Return the fraction from which on a limit is reached: what equals it has reached it."""
    return as_fraction(percent) * (1.0 - EQUAL)
