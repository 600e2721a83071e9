"""The account in the kernel, drawn from its fills. The counterpart of `accounting.curve`."""

from __future__ import annotations

from typing import Protocol

from glowback_trio.engine.execution.journal import RecordArray
from glowback_trio.engine.kernel.arithmetic import added
from glowback_trio.engine.kernel.tables import Curves
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind

__all__ = ["DrawAccount", "draw_account"]

_FILLED = int(OrderEventKind.FILLED)


class DrawAccount(Protocol):
    """`draw_account`, compiled or not."""

    def __call__(
        self,
        records: tuple[RecordArray, RecordArray, RecordArray],
        marks: Floats,
        start: int,
        cash: float,
        units: Floats,
        scratch: tuple[Floats, RecordArray],
        curve: Curves,
        /,
    ) -> None:
        """See `draw_account`."""


def draw_account(
    records: tuple[RecordArray, RecordArray, RecordArray],
    marks: Floats,
    start: int,
    cash: float,
    units: Floats,
    scratch: tuple[Floats, RecordArray],
    curve: Curves,
) -> None:
    """Draw value, cash and gross exposure of some rows from their fills and payments.

    Args:
        records: Of `EVENT`, of `FILL`, one for each event that is a fill, and of `PAYMENT`: those
            of the rows.
        marks: (rows, N) last closes, currency.
        start: The first row.
        cash: Before it, currency.
        units: (N,) held before it; changed.
        scratch: (N,) numbers, and the halves of a sum.
        curve: Receives the columns.
    """
    events, fills, paid = records
    worth, halves = scratch
    event, fill, payment, symbols = 0, 0, 0, len(units)
    for at in range(len(marks)):
        row = start + at
        # What is paid at a row comes before its fills.
        while payment < len(paid) and paid[payment]["row"] <= row:
            cash = paid[payment]["cash"]
            payment += 1
        while event < len(events) and events[event]["row"] <= row:
            if events[event]["what"] == _FILLED:
                units[events[event]["symbol"]] = fills[fill]["units"]
                cash = fills[fill]["cash"]
                fill += 1
            event += 1
        if symbols == 1:
            net = units[0] * marks[at, 0]
            gross = abs(net)
        else:
            for symbol in range(symbols):
                worth[symbol] = units[symbol] * marks[at, symbol]
            net = 0.0 + added(worth, symbols, halves)
            for symbol in range(symbols):
                worth[symbol] = abs(worth[symbol])
            gross = 0.0 + added(worth, symbols, halves)
        curve.cash[row] = cash
        curve.value[row] = cash + net
        curve.gross[row] = gross
