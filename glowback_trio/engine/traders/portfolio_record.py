"""The record of a portfolio: what was decided and what was held, row by row."""

from __future__ import annotations

from struct import Struct

import numpy as np

from glowback_trio.engine.traders.construction import DECISION, Plan, draw_up
from glowback_trio.model.bars import Floats
from glowback_trio.model.portfolio import Portfolio
from glowback_trio.model.result import Curve

__all__ = ["PortfolioRecord"]

_pack = Struct("=2q3d").pack  # the bytes of a `DECISION`


class PortfolioRecord:
    """Records a portfolio while it is traded.

    Args:
        plan: The portfolio, of M symbols.
        rows: How many rows the timeline has, T.
    """

    def __init__(self, plan: Plan, rows: int) -> None:
        self._plan = plan
        self._decisions = bytearray()
        self._worth = np.zeros((rows, len(plan.symbol)))

    def decide(self, row: int, reason: int, turnover: tuple[float, float], fall: float) -> None:
        """Record a decision: its wanted and its allowed turnover, and the fall from the peak."""
        self._decisions += _pack(row, reason, *turnover, fall)

    def hold(self, held: list[tuple[int, Floats]], stop: int, marks: Floats) -> None:
        """Record market values from the units held.

        Args:
            held: Rows, rising, and the units of the M symbols from each on.
            stop: One past the last row that the last units are held on.
            marks: (rows, N) last closes, from the first of these rows to `stop`.
        """
        rows = [row for row, _ in held]
        units = np.repeat([units for _, units in held], np.diff(rows, append=stop), axis=0)
        if units.shape != marks.shape:
            marks = marks[:, self._plan.symbol]
        np.multiply(units, marks, out=self._worth[rows[0] : stop])

    def portfolio(self, curve: Curve) -> Portfolio:
        """Return how the portfolio was held, given the finished curve."""
        return draw_up(self._plan, np.frombuffer(self._decisions, DECISION), self._worth, curve)
