"""The kernel's loop: what is due on a row, its value, and what is ordered at its close."""

from __future__ import annotations

import math
from typing import Protocol

from glowback_trio.engine.kernel.fills import begin_row, value_account
from glowback_trio.engine.kernel.orders import close_all, order_target, submit
from glowback_trio.engine.kernel.portfolio import decide, note_flat, note_worth
from glowback_trio.engine.kernel.tables import Run
from glowback_trio.model.orders import OrderEventKind

__all__ = ["NO_ROW", "STEPS", "CarryOut", "carry_out"]

NO_ROW = -1
#: Steps that are written down for a symbol on one row, at most: an order is sized, trimmed, filled,
#: ended, replaced and submitted anew.
STEPS = 7
_RUINED = int(OrderEventKind.RUINED)


class CarryOut(Protocol):
    """`carry_out`, compiled or not."""

    def __call__(self, run: Run, start: int, stop: int, last: int, /) -> int:
        """See `carry_out`."""


def carry_out(run: Run, start: int, stop: int, last: int) -> int:
    """Carry out everything that happens on some rows.

    Args:
        run: Changed: account, orders, curve and what is written down.
        start: First row.
        stop: One past the last row.
        last: A row at whose close every position is ordered closed, and nothing after;
            `NO_ROW`: none.

    Returns:
        One past the last row carried out: `stop`, or less where there is no room to write more.
    """
    book, tables, curve = run.book, run.tables, run.curve
    state, symbols = book.state[0], len(book.units)
    held = len(run.plan.symbol) > 0
    row = start
    while row < stop:
        until = _quiet_until(run, row, stop, last)
        if until > row:
            _hold(run, row, until)
            row = until
            continue
        if 0 < len(book.events) < state["events"] + STEPS * symbols:
            return row
        if 0 < len(book.fills) < state["fills"] + symbols:
            return row
        begin_row(book, tables, row)
        value_account(book, tables, row)
        curve.value[row] = state["equity"]
        curve.cash[row] = state["cash"]
        curve.gross[row] = state["gross"]
        if held:
            note_worth(run, row)
            note_flat(run, row)
        if row == last:
            _liquidate(run, row)
        elif state["over"] == 0:
            if held:
                decide(run, row)
            else:
                _take_signals(run, row)
        row += 1
    return stop


def _quiet_until(run: Run, row: int, stop: int, last: int) -> int:
    """Return the first row, from this one on, on which an only symbol's account may change."""
    book, wanted = run.book, run.wanted
    state = book.state[0]
    if len(book.units) > 1 or len(run.plan.symbol) > 0 or state["open"] > 0:
        return row
    if book.costs[0]["financed"] != 0 or run.tables.closing[0] >= 0:
        return row
    until, at = stop, state["signal"]
    if state["over"] == 0 and at < len(wanted.row) and row <= wanted.row[at] < until:
        until = wanted.row[at]
    return last if row <= last < until else until


def _hold(run: Run, first: int, end: int) -> None:
    """Value an account of one symbol at the closes of rows on which nothing else happens."""
    book, curve = run.book, run.curve
    state, units = book.state[0], book.units[0]
    cash, before = state["cash"], run.tables.first
    for row in range(first, end):
        worth = units * run.tables.marks[row - before, 0]
        curve.value[row] = cash + worth
        curve.cash[row] = cash
        curve.gross[row] = abs(worth)
    state["equity"] = curve.value[end - 1]
    state["gross"] = curve.gross[end - 1]


def _take_signals(run: Run, row: int) -> None:
    """Order the targets of a row."""
    wanted, state = run.wanted, run.book.state[0]
    at = state["signal"]
    while at < len(wanted.row) and wanted.row[at] == row:
        order_target(
            run.book, run.tables, row, wanted.symbol[at], wanted.target[at], wanted.due[at]
        )
        at += 1
    state["signal"] = at


def _liquidate(run: Run, row: int) -> None:
    """Cancel all open orders, order every position closed, and then nothing more."""
    book = run.book
    close_all(book, row, _RUINED)
    earliest = row + 1 if len(run.tables.earliest) == 0 else run.tables.earliest[row]
    for symbol in range(len(book.units)):
        if book.units[symbol] != 0.0:
            submit(book, row, symbol, -book.units[symbol], math.nan, earliest)
    book.state[0]["over"] = 1
