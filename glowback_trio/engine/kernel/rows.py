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
    for row in range(start, stop):
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
    return stop


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
