"""The event journal: everything that happened to orders, in its order, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from struct import Struct
from typing import Any

import numpy as np
from attrs import define, field, frozen
from numpy.typing import NDArray

from glowback_trio.model.orders import OrderEventKind

RecordArray = NDArray[Any]

__all__ = ["EVENT", "FILL", "PAYMENT", "EventJournal", "RecordArray", "Records"]

EVENT = np.dtype(
    [("what", "i4"), ("row", "i4"), ("order", "i4"), ("symbol", "i4"), ("quantity", "f8")]
)
FILL = np.dtype(
    [("price", "f8"), ("commission", "f8"), ("slippage", "f8"), ("units", "f8"), ("cash", "f8")]
)
_FILLED = int(OrderEventKind.FILLED)  # numpy takes four times as long over a member of an enum
PAYMENT = np.dtype([("row", "i8"), ("borrow", "f8"), ("interest", "f8"), ("cash", "f8")])
_NO_EVENT, _NO_FILL, _NOTHING_PAID = (np.empty(0, kind) for kind in (EVENT, FILL, PAYMENT))
# The formats that pack exactly these records: "=" leaves no padding between the fields.
_pack_event = Struct("=4id").pack
_pack_fill = Struct("=5d").pack
_pack_financing = Struct("=q3d").pack


@frozen(eq=False)
class Records:
    """A stretch of the journal, as structured arrays.

    Attributes:
        events: (E,): number of the `OrderEventKind`, row, order, symbol, signed quantity.
        fills: (F,), for every event that is a fill, in their order: price, commission, slippage
            cost, and the account after it: units of the symbol, cash.
        financing: (C,), what was paid at a row for the time before it: row, for borrowed units,
            for borrowed cash, and the cash after both.
    """

    events: RecordArray = field(repr=False)
    fills: RecordArray = field(repr=False)
    financing: RecordArray = field(repr=False)

    @classmethod
    def joined(cls, parts: Sequence[Records]) -> Records:
        """Return stretches that follow each other as one."""
        if len(parts) == 1:
            return parts[0]
        return cls(
            _joined([_NO_EVENT, *(one.events for one in parts)]),
            _joined([_NO_FILL, *(one.fills for one in parts)]),
            _joined([_NOTHING_PAID, *(one.financing for one in parts)]),
        )

    @cached_property
    def filled(self) -> RecordArray:
        """The events that are fills, (F,)."""
        filled: RecordArray = self.events[self.events["what"] == _FILLED]
        return filled

    def before(self, row: int) -> Records:
        """Return what happened before a row."""
        return Records(
            self.events[self.events["row"] < row],
            self.fills[self.filled["row"] < row],
            self.financing[self.financing["row"] < row],
        )


def _joined(arrays: Sequence[RecordArray]) -> RecordArray:
    """Return arrays as one: a view, if they lie one after the other in one piece of memory.

    That is so for what the kernel writes, and of millions of records a copy takes longer than all
    that is done with them.
    """
    some = [one for one in arrays if len(one)] or list(arrays[:1])
    base, ends = some[0].base, [_address(one) + one.nbytes for one in some]
    if not isinstance(base, np.ndarray) or any(one.base is not base for one in some):
        return np.concatenate(some)
    if any(a != _address(b) for a, b in zip(ends, some[1:], strict=False)):
        return np.concatenate(some)
    start = (_address(some[0]) - _address(base)) // base.itemsize
    view: RecordArray = base[start : start + sum(map(len, some))]
    return view


def _address(array: RecordArray) -> int:
    return int(array.__array_interface__["data"][0])


@define(eq=False)
class EventJournal:
    """Records what happens to orders, until it is taken as arrays.

    The broker's events are packed one by one into a byte array: no other way costs a loop less,
    because no object is made for an event, and numpy reads the bytes without copying them. What
    works on whole rows appends whole arrays.
    """

    _events: bytearray = field(factory=bytearray, init=False, repr=False)
    _fills: bytearray = field(factory=bytearray, init=False, repr=False)
    _financing: bytearray = field(factory=bytearray, init=False, repr=False)
    _parts: list[Records] = field(factory=list, init=False, repr=False)

    def event(self, kind: int, row: int, order: int, symbol: int, quantity: float) -> None:
        """Record what happened to an order; `kind` is the number of an `OrderEventKind`."""
        self._events += _pack_event(kind, row, order, symbol, quantity)

    def fill(
        self, row: int, order: int, symbol: int, quantity: float, figures: tuple[float, ...]
    ) -> None:
        """Record that an order was filled; the figures are the fields of `FILL`."""
        self._events += _pack_event(_FILLED, row, order, symbol, quantity)
        self._fills += _pack_fill(*figures)

    def financing(self, row: int, borrow: float, interest: float, cash: float) -> None:
        """Record what was paid at a row for borrowed units and borrowed cash."""
        self._financing += _pack_financing(row, borrow, interest, cash)

    def extend(
        self, events: RecordArray, fills: RecordArray, financing: RecordArray = _NOTHING_PAID
    ) -> None:
        """Record the events of many orders, the figures of their fills, and payments.

        The arrays are kept as they are: the caller writes into them no more.
        """
        self._part()
        self._parts.append(Records(events, fills, financing))

    def take(self) -> Records:
        """Return everything recorded since the last call, and start afresh."""
        self._part()
        parts, self._parts = self._parts, []
        return Records.joined(parts)

    def _part(self) -> None:
        """Put aside what has been recorded one by one, so that what follows comes after it."""
        if not (self._events or self._financing):
            return
        part = Records(
            np.frombuffer(self._events, EVENT),
            np.frombuffer(self._fills, FILL),
            np.frombuffer(self._financing, PAYMENT),
        )
        self._parts.append(part)
        # New buffers, because the arrays keep reading the old ones.
        self._events, self._fills, self._financing = bytearray(), bytearray(), bytearray()
