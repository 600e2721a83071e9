"""The tape: everything that happened to orders, in the order it happened, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from glowback_trio.model.result import OrderLog, Trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glowback_trio.engine.orders import Order
    from glowback_trio.model.bars import Floats, Times

__all__ = [
    "BUYING_POWER",
    "CANCELLED",
    "END_OF_DATA",
    "NO_REASON",
    "REJECTED",
    "REPLACED",
    "RUINED",
    "SUBMITTED",
    "Recording",
    "Tape",
]

SUBMITTED, FILLED, CANCELLED, REJECTED = range(4)
_EVENTS = np.array(["submitted", "filled", "cancelled", "rejected"], dtype=object)

NO_REASON, REPLACED, BUYING_POWER, END_OF_DATA, RUINED = range(5)
_REASONS = np.array(
    [
        "",
        "replaced by a newer target",
        "buying power does not cover it",
        "no bar left to fill it",
        "equity is at or below zero",
    ],
    dtype=object,
)

_EVENT_FIELDS, _FILL_FIELDS = 6, 4


@define(eq=False)
class Tape:
    """Order events, and the figures of those that are fills.

    Numbers stand in flat lists, the cheapest thing to write to.
    """

    _events: list[float] = field(factory=list, repr=False)
    _fills: list[float] = field(factory=list, repr=False)

    @property
    def mark(self) -> tuple[int, int]:
        """How much has been written: a place to read from or to cut at."""
        return len(self._events), len(self._fills)

    def cut(self, mark: tuple[int, int]) -> None:
        """Forget what was written after this place."""
        del self._events[mark[0] :]
        del self._fills[mark[1] :]

    def write(self, event: int, row: int, order: Order, reason: int) -> None:
        """Write that an order was submitted, cancelled or rejected, with what is left of it."""
        self._events.extend((event, row, order.number, order.symbol, order.left, reason))

    def write_fill(
        self, row: int, order: Order, quantity: float, figures: tuple[float, float, float, float]
    ) -> None:
        """Write that an order was filled, in whole or in part.

        Args:
            row: The row of the bar that filled it.
            order: The order.
            quantity: Signed units.
            figures: Price, commission, slippage cost and pnl.
        """
        self._events.extend((FILLED, row, order.number, order.symbol, quantity, NO_REASON))
        self._fills.extend(figures)

    def read(self, since: tuple[int, int] = (0, 0)) -> Recording:
        """What has been written since then, as arrays."""
        events = _table(self._events[since[0] :], _EVENT_FIELDS)
        return Recording(events, _table(self._fills[since[1] :], _FILL_FIELDS))


@frozen(eq=False)
class Recording:
    """A stretch of the tape.

    Attributes:
        events: (E, 6): event, row, order, symbol, quantity, reason.
        fills: (F, 4), in the order of the events that are fills: price, commission, slippage cost,
            pnl.
    """

    events: Floats = field(repr=False)
    fills: Floats = field(repr=False)

    @property
    def rows(self) -> NDArray[np.intp]:
        """The row of every event, (E,)."""
        return self.events[:, 1].astype(np.intp)

    @property
    def filled(self) -> NDArray[np.bool_]:
        """Which events are fills, (E,)."""
        return np.equal(self.events[:, 0], FILLED)

    def order_log(self, time: Times) -> OrderLog:
        """The life of every order, on this timeline."""
        event, _, order, symbol, quantity, reason = self.events.T
        price = np.full(len(self.events), np.nan)
        price[self.filled] = self.fills[:, 0]
        return OrderLog(
            event=_EVENTS[event.astype(np.intp)].tolist(),
            time=time[self.rows],
            order=order.astype(np.int64),
            symbol=symbol.astype(np.int64),
            quantity=quantity.copy(),
            price=price,
            reason=_REASONS[reason.astype(np.intp)].tolist(),
        )

    def trades(self, time: Times, symbols: Sequence[str], strategy_id: str) -> Trades:
        """The fills, on this timeline."""
        _, row, order, symbol, quantity, _ = self.events[self.filled].T
        price, commission, slippage, pnl = self.fills.T
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


def _table(numbers: list[float], fields: int) -> Floats:
    return np.fromiter(numbers, np.float64, len(numbers)).reshape(-1, fields)
