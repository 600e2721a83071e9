"""The record of a portfolio: what was decided and what was held, row by row."""

from __future__ import annotations

import math
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.kernel.tables import DECISION
from glowback_trio.engine.tolerance import EQUAL
from glowback_trio.engine.traders.plan import Plan
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.portfolio import NONE, Constraint, Hits, Portfolio, RebalanceReason
from glowback_trio.model.result import Curve
from glowback_trio.wire.percent import as_fraction

__all__ = ["PortfolioRecord", "held_portfolio"]

_HIT = np.dtype(
    [("row", "i8"), ("what", "i8"), ("symbol", "i8"), ("wanted", "f8"), ("allowed", "f8")]
)
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
        decisions = np.frombuffer(self._decisions, DECISION)
        return held_portfolio(self._plan, decisions, self._worth, curve)


def held_portfolio(plan: Plan, decisions: NDArray[Any], worth: Floats, curve: Curve) -> Portfolio:
    """Return how a portfolio was held.

    Args:
        plan: Its plan.
        decisions: (R,) `DECISION`, in their order.
        worth: (T, M) market value of each symbol at the bars' closes, currency.
        curve: The finished curve.
    """
    reason = np.full(len(curve), NONE)
    reason[decisions["row"]] = decisions["reason"]
    turnover = np.zeros(len(curve))
    turnover[decisions["row"]] = decisions["allowed"]
    out = _lasting(decisions, len(curve))
    return Portfolio(
        construction=plan.construction,
        symbols=plan.names,
        target=plan.target,
        first=plan.first,
        end=plan.end,
        worth=worth,
        reason=reason,
        turnover=turnover,
        out=out,
        drawdown=_drawdown(decisions, curve),
        hits=_hits(plan, decisions),
    )


def _lasting(decisions: NDArray[Any], count: int) -> NDArray[np.bool_]:
    """Return True where the last decision up to a row was a stop, (T,)."""
    rows = np.concatenate(((0,), decisions["row"], (count,)))
    stopped = np.concatenate(((False,), decisions["reason"] == RebalanceReason.GUARD))
    out: NDArray[np.bool_] = np.repeat(stopped, np.diff(rows))
    return out


def _returns(decisions: NDArray[Any]) -> list[int]:
    """Return the rows at which the portfolio came back after a stop."""
    stopped = decisions["reason"] == RebalanceReason.GUARD
    back: list[int] = decisions["row"][1:][stopped[:-1] & ~stopped[1:]].tolist()
    return back


def _drawdown(decisions: NDArray[Any], curve: Curve) -> Floats:
    """Return the fall that the stop watches: from a peak that starts anew at each return, (T,)."""
    drawdown = curve.drawdown.copy()
    back = _returns(decisions)
    # The bar of the return itself still counts from the old peak: the stop was on up to its close.
    for row, stop in zip(back, [*back, len(curve) - 1][1:], strict=True):
        value = curve.value[row : stop + 1]
        peak = np.maximum.accumulate(value)
        drawdown[row + 1 : stop + 1] = ((peak - value) / peak)[1:]
    return drawdown


def _hits(plan: Plan, decisions: NDArray[Any]) -> Hits:
    """Return every limit that changed something, by row; those of the whole run come first."""
    limit = as_fraction(plan.construction.max_drawdown_pct or 0.0)
    cut = np.flatnonzero(plan.target < plan.scaled * (1.0 - EQUAL))
    caps = plan.scaled[cut], plan.target[cut], cut
    stopped = decisions[decisions["reason"] == RebalanceReason.GUARD]
    limits = np.full(len(stopped), limit)
    shrunk = decisions[decisions["wanted"] > decisions["allowed"]]
    parts = (
        _floor_hit(plan),
        _some(Constraint.MAX_WEIGHT, np.zeros(len(cut)), *caps),
        _some(Constraint.MAX_DRAWDOWN, stopped["row"], stopped["drawdown"], limits),
        _some(Constraint.TURNOVER, shrunk["row"], shrunk["wanted"], shrunk["allowed"]),
    )
    hits = np.concatenate(parts)
    # Stable, so that limits of one row stand in the order of `parts`.
    hits = hits[np.argsort(hits["row"], kind="stable")]
    return Hits(*(hits[name].copy() for name in _HIT.names or ()))


def _floor_hit(plan: Plan) -> NDArray[Any]:
    requested, scaled = math.fsum(plan.requested), math.fsum(plan.scaled)
    hit = scaled < requested and plan.construction.cash_floor_pct > 0.0
    sums = np.array([[requested], [scaled]]) if hit else np.empty((2, 0))
    return _some(Constraint.CASH_FLOOR, np.zeros(sums.shape[1]), *sums)


def _some(
    what: int, row: NDArray[Any], wanted: Floats, allowed: Floats, symbol: Indices | int = NONE
) -> NDArray[Any]:
    hits = np.empty(len(row), _HIT)
    for name, column in zip(_HIT.names or (), (row, what, symbol, wanted, allowed), strict=True):
        hits[name] = column
    return hits
