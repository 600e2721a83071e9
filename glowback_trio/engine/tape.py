"""The tape: everything that happened to orders, in the order it happened, as plain numbers."""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

from glowback_trio.model.result import OrderLog, Trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from glowback_trio.engine.orders import Order
    from glowback_trio.model.bars import Floats, Times

__all__ = [
    "BUYING_POWER",
    "CANCELLED",
    "END_OF_DATA",
    "FILLED",
    "REJECTED",
    "REPLACED",
    "RUINED",
    "SUBMITTED",
    "Tape",
    "order_log",
    "trades",
]

SUBMITTED, FILLED, CANCELLED, REJECTED = range(4)
EVENTS = ("submitted", "filled", "cancelled", "rejected")

NO_REASON, REPLACED, BUYING_POWER, END_OF_DATA, RUINED = range(5)
REASONS = (
    "",
    "replaced by a newer target",
    "buying power does not cover it",
    "no bar left to fill it",
    "equity is at or below zero",
)

_FIELDS = 10
_NAN = math.nan


@define(eq=False)
class Tape:
    """Order events, written once and never changed.

    Numbers stand in one flat buffer of doubles, ten to an event: event, row, order, symbol,
    quantity, price, reason, commission, slippage cost, pnl. A million orders are then a buffer and
    not twenty million objects.
    """

    _numbers: array[float] = field(factory=lambda: array("d"), repr=False)

    def __len__(self) -> int:
        return len(self._numbers) // _FIELDS

    def cut(self, length: int) -> None:
        """Forget what was written after the first `length` events."""
        del self._numbers[length * _FIELDS :]

    def write(self, event: int, row: int, order: Order, reason: int = NO_REASON) -> None:
        """Write that an order was submitted, cancelled or rejected, with what is left of it."""
        self._numbers.extend(
            (event, row, order.number, order.symbol, order.left, _NAN, reason, 0.0, 0.0, _NAN)
        )

    def write_fill(
        self,
        row: int,
        order: Order,
        *,
        quantity: float,
        price: float,
        commission: float,
        slippage: float,
        pnl: float,
    ) -> None:
        """Write that an order was filled, in whole or in part."""
        number, symbol = order.number, order.symbol
        self._numbers.extend(
            (FILLED, row, number, symbol, quantity, price, NO_REASON, commission, slippage, pnl)
        )

    def events(self, since: int = 0) -> Floats:
        """A copy of the events from number `since` on, (E, 10)."""
        return np.array(self._numbers[since * _FIELDS :]).reshape(-1, _FIELDS)


def order_log(events: Floats, time: Times) -> OrderLog:
    """The tape as the life of every order.

    Args:
        events: (E, 10) as `Tape.events` gives them.
        time: The timeline, (T,).
    """
    event, row, order, symbol, quantity, price, reason = events.T[:7]
    return OrderLog(
        event=[EVENTS[int(code)] for code in event.tolist()],
        time=time[row.astype(np.intp)],
        order=order.astype(np.int64),
        symbol=symbol.astype(np.int64),
        quantity=quantity.copy(),
        price=price.copy(),
        reason=[REASONS[int(code)] for code in reason.tolist()],
    )


def trades(events: Floats, time: Times, symbols: Sequence[str], strategy_id: str) -> Trades:
    """The fills of the tape.

    Args:
        events: (E, 10) as `Tape.events` gives them.
        time: The timeline, (T,).
        symbols: The names of the symbols.
        strategy_id: The strategy's name.
    """
    fills = events[events[:, 0] == FILLED]
    _, row, order, symbol, quantity, price, _, commission, slippage, pnl = fills.T
    return Trades(
        symbols=symbols,
        strategy_id=strategy_id,
        time=time[row.astype(np.intp)],
        symbol=symbol.astype(np.int64),
        quantity=quantity.copy(),
        price=price.copy(),
        commission=commission.copy(),
        slippage_cost=slippage.copy(),
        pnl=pnl.copy(),
        order=order.astype(np.int64),
    )
