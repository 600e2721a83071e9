"""The tape: everything that happened to orders, in the order it happened, as plain numbers."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any

import numpy as np
from attrs import define, field, frozen

from glowback_trio.model.result import OrderLog, Trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from glowback_trio.model.bars import Times

    Records = NDArray[Any]

__all__ = [
    "CUT",
    "FILLED",
    "REJECTED",
    "REPLACED",
    "RUINED",
    "SUBMITTED",
    "UNFILLED",
    "Recording",
    "Tape",
    "joined",
    "pack_event",
    "pack_fill",
]

SUBMITTED, FILLED, REPLACED, CUT, REJECTED, UNFILLED, RUINED = range(7)
_EVENTS = np.array(
    ["submitted", "filled", "cancelled", "cancelled", "rejected", "cancelled", "cancelled"],
    dtype=object,
)
_REASONS = np.array(
    [
        "",
        "",
        "replaced by a newer target",
        "buying power does not cover it",
        "buying power does not cover it",
        "no bar left to fill it",
        "equity is at or below zero",
    ],
    dtype=object,
)

_EVENT = np.dtype(
    [("what", "i8"), ("row", "i8"), ("order", "i8"), ("symbol", "i8"), ("quantity", "f8")]
)
_FILL = np.dtype(
    [
        ("price", "f8"),
        ("commission", "f8"),
        ("slippage", "f8"),
        ("pnl", "f8"),
        ("units", "f8"),
        ("cash", "f8"),
    ]
)
pack_event = Struct("=4qd").pack
pack_fill = Struct("=6d").pack


@define(eq=False)
class Tape:
    """Order events, and the figures of those that are fills, since the tape was last taken.

    They are packed as they happen, which is the cheapest thing a loop can do with numbers: they
    need no object each, and become arrays without being touched again.

    Attributes:
        events: By `pack_event`: what happened, row, order, symbol, signed quantity.
        fills: By `pack_fill`, for every event that is a fill: price, commission, slippage cost,
            pnl, and what the account has after it: units of the symbol, cash.
    """

    events: bytearray = field(factory=bytearray, repr=False)
    fills: bytearray = field(factory=bytearray, repr=False)

    def take(self) -> Recording:
        """What has been written, as arrays, and an empty tape."""
        recording = Recording(np.frombuffer(self.events, _EVENT), np.frombuffer(self.fills, _FILL))
        self.events, self.fills = bytearray(), bytearray()
        return recording


@frozen(eq=False)
class Recording:
    """A stretch of the tape, as structured arrays with a field for every packed number.

    Attributes:
        events: (E,).
        fills: (F,), in the order of the events that are fills.
    """

    events: Records = field(repr=False)
    fills: Records = field(repr=False)

    @property
    def filled(self) -> Records:
        """The events that are fills, (F,)."""
        filled: Records = self.events[self.events["what"] == FILLED]
        return filled

    def order_log(self, time: Times) -> OrderLog:
        """The life of every order, on this timeline."""
        events = self.events
        price = np.full(len(events), np.nan)
        price[events["what"] == FILLED] = self.fills["price"]
        return OrderLog(
            event=_EVENTS[events["what"]].tolist(),
            time=time[events["row"]],
            order=events["order"].copy(),
            symbol=events["symbol"].copy(),
            quantity=events["quantity"].copy(),
            price=price,
            reason=_REASONS[events["what"]].tolist(),
        )

    def trades(self, time: Times, symbols: Sequence[str], strategy_id: str) -> Trades:
        """The fills, on this timeline."""
        filled, fills = self.filled, self.fills
        return Trades(
            symbols=symbols,
            strategy_id=strategy_id,
            time=time[filled["row"]],
            symbol=filled["symbol"].copy(),
            quantity=filled["quantity"].copy(),
            price=fills["price"].copy(),
            commission=fills["commission"].copy(),
            slippage_cost=fills["slippage"].copy(),
            pnl=fills["pnl"].copy(),
            order=filled["order"].copy(),
        )


def joined(recordings: Sequence[Recording]) -> Recording:
    """One recording of several that follow each other."""
    return Recording(
        np.concatenate([one.events for one in recordings]),
        np.concatenate([one.fills for one in recordings]),
    )
