"""The tape: everything that happened to orders, in the order it happened, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

from glowback_trio.model.result import OrderLog, Trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glowback_trio.model.bars import Floats, Times

__all__ = [
    "BUYING_POWER",
    "CANCELLED",
    "END_OF_DATA",
    "FILLED",
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

    Numbers stand in flat lists, the cheapest thing a loop can write to: the broker extends them.

    Attributes:
        events: Six numbers an event: event, row, order, symbol, signed quantity, reason.
        fills: Four numbers for every event that is a fill: price, commission, slippage cost, pnl.
    """

    events: list[float] = field(factory=list, repr=False)
    fills: list[float] = field(factory=list, repr=False)

    @property
    def mark(self) -> tuple[int, int]:
        """How much has been written: a place to read from or to cut at."""
        return len(self.events), len(self.fills)

    def cut(self, mark: tuple[int, int]) -> None:
        """Forget what was written after this place."""
        del self.events[mark[0] :]
        del self.fills[mark[1] :]

    def read(self, since: tuple[int, int] = (0, 0)) -> Recording:
        """What has been written since then, as arrays."""
        events = _table(self.events[since[0] :], _EVENT_FIELDS)
        return Recording(events, _table(self.fills[since[1] :], _FILL_FIELDS))


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
