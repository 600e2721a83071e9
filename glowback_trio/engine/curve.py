"""The curve, drawn some rows at a time from what the account held.

Every row depends on its own marks and positions (and the drawdown on the rows before), never on
how many rows are drawn at once: sums run along one row at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.model.result import Curve

if TYPE_CHECKING:
    from glowback_trio.engine.ledger import Account
    from glowback_trio.model.bars import Floats, Times

__all__ = ["blank_curve", "draw", "draw_drawdown", "seal"]


def blank_curve(capital: float, time: Times) -> Curve:
    """A curve whose rows are still to be drawn."""
    value, cash, gross, drawdown = (np.full(len(time), np.nan) for _ in range(4))
    return Curve(capital, time, value, cash, gross, drawdown)


def draw(curve: Curve, account: Account, marks: Floats, start: int) -> None:
    """Draw value, cash and gross exposure.

    Args:
        curve: Drawn on from row `start`.
        account: What was held, from that row on.
        marks: Last closes of the rows to draw, (rows, N), currency.
        start: The first row.
    """
    rows = slice(start, start + len(marks))
    lasting = np.diff(account.rows, append=rows.stop)
    worth = np.repeat(np.stack(account.positions), lasting, axis=0)
    worth *= marks
    curve.cash[rows] = np.repeat(account.cash, lasting)
    curve.value[rows] = curve.cash[rows] + worth.sum(axis=1)
    curve.gross[rows] = np.abs(worth, out=worth).sum(axis=1)


def draw_drawdown(curve: Curve, peak: float, start: int, stop: int) -> float:
    """Draw the fall from the running peak, as a fraction of the peak.

    Args:
        curve: Its values are known before `stop`.
        peak: The highest value before `start`, at least the capital.
        start: First row.
        stop: One past the last row.

    Returns:
        The highest value before `stop`.
    """
    value = curve.value[start:stop]
    peaks = np.maximum(np.maximum.accumulate(value), peak)
    curve.drawdown[start:stop] = (peaks - value) / peaks
    return float(peaks[-1])


def seal(curve: Curve) -> None:
    """Make a curve that is drawn to its end read-only."""
    for column in (curve.value, curve.cash, curve.gross, curve.drawdown):
        column.setflags(write=False)
