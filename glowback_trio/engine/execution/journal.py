"""The journal: everything that happened to orders, in the order it happened, as plain numbers."""

from __future__ import annotations

from functools import cached_property
from struct import Struct
from typing import Any

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from glowback_trio.model.orders import OrderEventKind

RecordArray = NDArray[Any]

__all__ = ["EVENT", "FILL", "EventJournal", "RecordArray", "Records"]

EVENT = np.dtype(
    [("what", "i4"), ("row", "i4"), ("order", "i4"), ("symbol", "i4"), ("quantity", "f8")]
)
FILL = np.dtype(
    [("price", "f8"), ("commission", "f8"), ("slippage", "f8"), ("units", "f8"), ("cash", "f8")]
)
_FINANCING = np.dtype([("row", "i8"), ("borrow", "f8"), ("interest", "f8"), ("cash", "f8")])
_pack_event = Struct("=4id").pack
_pack_fill = Struct("=5d").pack
_pack_financing = Struct("=q3d").pack


@frozen(eq=False)
class Records:
    """A stretch of the journal, as structured arrays.

    Attributes:
        events: (E,): what happened, row, order, symbol, signed quantity.
        fills: (F,), for every event that is a fill, in their order: price, commission, slippage
            cost, and what the account has after it: units of the symbol, cash.
        financing: (C,), of what the time before a row cost: row, what was paid for borrowed units,
            what for borrowed cash, and the cash after both.
    """

    events: RecordArray = field(repr=False)
    fills: RecordArray = field(repr=False)
    financing: RecordArray = field(repr=False)

    @cached_property
    def filled(self) -> RecordArray:
        """The events that are fills, (F,)."""
        filled: RecordArray = self.events[self.events["what"] == OrderEventKind.FILLED]
        return filled


@define(eq=False)
class EventJournal:
    """What happened since the journal was last taken.

    What happens one by one is packed as it happens, which is the cheapest thing a loop can do with
    numbers: they need no object each, and become arrays without being touched again. What many
    orders did at once comes as arrays.
    """

    _events: bytearray = field(factory=bytearray, init=False, repr=False)
    _fills: bytearray = field(factory=bytearray, init=False, repr=False)
    _financing: bytearray = field(factory=bytearray, init=False, repr=False)

    def event(self, what: int, row: int, order: int, symbol: int, quantity: float) -> None:
        """Write down what happened to an order."""
        self._events += _pack_event(what, row, order, symbol, quantity)

    def fill(
        self, price: float, commission: float, slippage: float, units: float, cash: float
    ) -> None:
        """Write down the figures of the fill whose event is written beside it."""
        self._fills += _pack_fill(price, commission, slippage, units, cash)

    def financing(self, row: int, borrow: float, interest: float, cash: float) -> None:
        """Write down what the time before a row cost."""
        self._financing += _pack_financing(row, borrow, interest, cash)

    def extend(self, events: RecordArray, fills: RecordArray) -> None:
        """Write down what happened to many orders, and the figures of their fills."""
        self._events += events.view(np.uint8).data
        self._fills += fills.view(np.uint8).data

    def take(self) -> Records:
        """What has been written, as arrays, and an empty journal."""
        records = Records(
            np.frombuffer(self._events, EVENT),
            np.frombuffer(self._fills, FILL),
            np.frombuffer(self._financing, _FINANCING),
        )
        self._events, self._fills, self._financing = bytearray(), bytearray(), bytearray()
        return records
