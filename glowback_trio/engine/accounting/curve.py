"""The equity curve, drawn some rows at a time from the fills.

A row depends on its own marks and positions (and the drawdown on the rows before), never on how
many rows are drawn at once: sums run along one row at a time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.journal import RecordArray, Records
from glowback_trio.engine.finite import LARGEST, quiet
from glowback_trio.engine.kernel.choice import chosen
from glowback_trio.engine.kernel.tables import Curves, fixed, halves
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.result import Curve

__all__ = ["blank_curve", "draw", "draw_drawdown", "drawn_soundly", "first_beyond_range", "seal"]


def blank_curve(capital: float, time: Times, date: Times) -> Curve:
    """Return a curve whose rows are still to be drawn; until then they hold any numbers."""
    value, cash, gross, drawdown = (np.empty(len(time)) for _ in range(4))
    return Curve(capital, time, value, cash, gross, drawdown, date=date)


@quiet
def draw(
    curve: Curve, before: tuple[float, Floats], records: Records, marks: Floats, start: int
) -> None:
    """Draw value, cash and gross exposure.

    Args:
        curve: Changed from row `start` on.
        before: Cash, and the units of each symbol, (N,), before that row.
        records: The fills and payments on the rows to draw.
        marks: Last closes of the rows to draw, (rows, N), currency.
        start: The first row.
    """
    if (kernel := chosen()) is not None:
        columns = Curves(curve.value, curve.cash, curve.gross, np.zeros((0, 0)))
        cash, units = before
        scratch = np.empty(len(units)), halves()
        written = _in_one_piece(records)
        kernel.draw_account(written, fixed(marks), start, cash, units.copy(), scratch, columns)
        return
    count, symbols = marks.shape
    rows = slice(start, start + count)
    filled, fills = records.filled, records.fills
    row = filled["row"] - start
    cash, units = before
    # Of several amounts at a row the last one holds. What is paid at a row comes before its fills,
    # and so does it here, which the stable sort keeps.
    paid = records.financing
    amounts = np.concatenate((paid["cash"], fills["cash"]))
    places = np.concatenate((paid["row"] - start, row))
    curve.cash[rows] = _lasting(np.array([cash]), amounts, places, count)
    # One stretch of `count` rows for each symbol, laid end to end.
    place = row + filled["symbol"] * count
    held = _lasting(units, fills["units"], place, count).reshape(symbols, count)
    # In C order the symbols of a row lie together, so that a row is summed as `Account.worth` sums.
    worth = np.multiply(held.T, marks, order="C")
    np.add(curve.cash[rows], _summed(worth), out=curve.value[rows])
    curve.gross[rows] = _summed(np.abs(worth, out=worth))


def _in_one_piece(records: Records) -> tuple[RecordArray, RecordArray, RecordArray]:
    ordered = np.ascontiguousarray
    return ordered(records.events), ordered(records.fills), ordered(records.financing)


def _summed(worth: Floats) -> Floats:
    """Return the sum of each row; for one column the column itself, because numpy is slow there."""
    total: Floats = worth[:, 0] if worth.shape[1] == 1 else worth.sum(axis=1)
    return total


def _lasting(before: Floats, values: Floats, places: NDArray[np.int64], count: int) -> Floats:
    """Hold every value until the next one.

    Args:
        before: (N,) the first values of N stretches.
        values: The values that follow; of several for a place the last one holds.
        places: Where each begins to hold, counted along all stretches.
        count: Length of a stretch.

    Returns:
        (N x count,) the stretches one after the other.
    """
    first = np.arange(len(before)) * count
    places, values = np.concatenate((first, places)), np.concatenate((before, values))
    order = np.argsort(places, kind="stable")
    return np.repeat(values[order], np.diff(places[order], append=len(before) * count))


def drawn_soundly(
    curve: Curve, records: Records, peak: float, start: int, stop: int
) -> float | None:
    """Draw the falls of rows by the kernel, where there is one and nothing is wrong on any of them.

    Args:
        curve: Its values are drawn before `stop`.
        records: The journal of the rows.
        peak: The highest value before `start`, at least the capital.
        start: First row.
        stop: One past the last row.

    Returns:
        The highest value before `stop`; None where the rows have to be looked at one by one.
    """
    if (kernel := chosen()) is None:
        return None
    row, peak = kernel.draw_falls(curve.value, curve.drawdown, start, stop, peak)
    return peak if row == stop and np.isfinite(_largest(records.events["quantity"])) else None


@quiet
def draw_drawdown(curve: Curve, peak: float, start: int, stop: int) -> float:
    """Draw the fall from the running peak, as a fraction of the peak.

    Args:
        curve: Its values are drawn before `stop`.
        peak: The highest value before `start`, at least the capital.
        start: First row.
        stop: One past the last row.

    Returns:
        The highest value before `stop`.
    """
    if start == stop:
        return peak
    value, fall = curve.value[start:stop], curve.drawdown[start:stop]
    peaks = np.maximum.accumulate(value)
    # Written into the arrays at hand: these are as long as a run, and memory is what takes time.
    np.maximum(peaks, peak, out=peaks)
    np.divide(np.subtract(peaks, value, out=fall), peaks, out=fall)
    return float(peaks[-1])


def first_beyond_range(curve: Curve, records: Records, start: int, stop: int) -> int:
    """Return the first row on which equity or an order is no number to go on with.

    Args:
        curve: Its values are drawn before `stop`.
        records: The journal of the rows.
        start: First row.
        stop: One past the last row.

    Returns:
        The row; `stop` if there is none.
    """
    value, quantity = curve.value[start:stop], records.events["quantity"]
    # Nearly every run is sound, and this is the quickest way to see it. Written so that NaN fails
    # it: every comparison with NaN is false.
    if _largest(value) < LARGEST and np.isfinite(_largest(quantity)):
        return stop
    beyond = ~(np.abs(value) < LARGEST)
    infinite = records.events["row"][~np.isfinite(quantity)]
    beyond[infinite - start] = True
    return start + int(beyond.argmax()) if beyond.any() else stop


def _largest(values: Floats) -> float:
    """Return the largest size of some values; NaN if one is NaN, 0.0 of none."""
    if not len(values):
        return 0.0
    return max(float(np.maximum.reduce(values)), -float(np.minimum.reduce(values)))


def seal(curve: Curve) -> None:
    """Make a finished curve read-only."""
    for column in (curve.value, curve.cash, curve.gross, curve.drawdown):
        column.setflags(write=False)
