"""Statements: what happened on some rows, as it stands in events and in a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.tape import FILLED, joined
from glowback_trio.model.result import OrderLog, Trades

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from glowback_trio.engine.tape import Recording
    from glowback_trio.model.bars import Floats, Times
    from glowback_trio.model.orders import Ticket

__all__ = ["Entry", "Statement"]


@frozen(eq=False)
class Entry:
    """A stretch of the tape and what the books made of its fills, (F,) currency."""

    recording: Recording = field(repr=False)
    pnl: Floats = field(repr=False)


@frozen(eq=False)
class Statement:
    """Some entries that follow each other, with names and times.

    Attributes:
        entries: Any number.
        time: Of every row of the timeline.
        symbols: All names.
        strategy_id: The strategy's name.
        tickets: By number, orders that are more than plain market orders.
    """

    entries: Sequence[Entry]
    time: Times = field(repr=False)
    symbols: Sequence[str]
    strategy_id: str
    tickets: Mapping[int, Ticket] = field(repr=False)
    recording: Recording = field(init=False, repr=False)

    @recording.default
    def _joined(self) -> Recording:
        return joined([entry.recording for entry in self.entries])

    @property
    def orders(self) -> OrderLog:
        """The life of every order."""
        events = self.recording.events
        price = np.full(len(events), np.nan)
        price[events["what"] == FILLED] = self.recording.fills["price"]
        return OrderLog(
            what=events["what"].copy(),
            time=self.time[events["row"]],
            order=events["order"].copy(),
            symbol=events["symbol"].copy(),
            quantity=events["quantity"].copy(),
            price=price,
            tickets=self.tickets,
        )

    @property
    def carry(self) -> Mapping[str, float]:
        """Cash that was booked beside the fills, by what it was for; empty where nothing was."""
        charges = self.recording.charges
        paid = {name: float(charges[name].sum()) for name in ("borrow", "interest")}
        return {name: -amount for name, amount in paid.items() if amount}

    @property
    def trades(self) -> Trades:
        """The fills, with what each realised."""
        filled, fills = self.recording.filled, self.recording.fills
        return Trades(
            symbols=self.symbols,
            strategy_id=self.strategy_id,
            time=self.time[filled["row"]],
            symbol=filled["symbol"].copy(),
            quantity=filled["quantity"].copy(),
            price=fills["price"].copy(),
            commission=fills["commission"].copy(),
            slippage_cost=fills["slippage"].copy(),
            pnl=np.concatenate([np.zeros(0), *(entry.pnl for entry in self.entries)]),
            order=filled["order"].copy(),
        )
