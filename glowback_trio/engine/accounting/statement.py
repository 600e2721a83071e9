"""Statements: the orders and fills of some rows, as events and results show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.engine.execution.journal import Records
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.result import Fills, OrderLog

__all__ = ["BookedRecords", "Statement"]

_STEP_BYTES, _FILL_BYTES = 36, 64  # of a row of `OrderLog`, and of `Fills`
_FILLED = int(OrderEventKind.FILLED)  # numpy takes four times as long over a member of an enum


@frozen(eq=False)
class BookedRecords:
    """A stretch of the journal, and what each of its fills realised, (F,) currency."""

    records: Records = field(repr=False)
    pnl: Floats = field(repr=False)


@frozen(eq=False)
class Statement:
    """Stretches of the journal that follow each other, with names and times.

    Attributes:
        booked: Any number of them.
        time: Of every row of the timeline.
        symbols: All names.
        strategy_id: The strategy's name.
        specs: By order number, the spec of every order that is not a plain market order.
    """

    booked: Sequence[BookedRecords]
    time: Times = field(repr=False)
    symbols: Sequence[str]
    strategy_id: str
    specs: Mapping[int, OrderSpec] = field(repr=False)

    @cached_property
    def _records(self) -> Records:
        return Records.joined([one.records for one in self.booked])

    @property
    def in_one_piece(self) -> Statement:
        """The same as a single stretch, which holds nothing but what cannot be worked out."""
        booked = [BookedRecords(self._records, _joined([one.pnl for one in self.booked]))]
        return Statement(booked, self.time, self.symbols, self.strategy_id, self.specs)

    @property
    def nbytes(self) -> int:
        """The bytes that the columns of `orders` and `trades` take together."""
        return _STEP_BYTES * len(self._records.events) + _FILL_BYTES * len(self._records.fills)

    @property
    def orders(self) -> OrderLog:
        """The events of all orders."""
        what = self._events("what")
        price = np.full(len(what), np.nan)
        price[what == _FILLED] = self._fills("price")
        return OrderLog(
            what=what,
            time=self.time[self.event_rows],
            order=self._events("order"),
            symbol=self._events("symbol"),
            quantity=self._events("quantity"),
            price=price,
            specs=self.specs,
        )

    @property
    def trades(self) -> Fills:
        """The fills, and what each realised."""
        return Fills(
            symbols=self.symbols,
            strategy_id=self.strategy_id,
            time=self.time[self.fill_rows],
            symbol=self._filled("symbol"),
            quantity=self._filled("quantity"),
            price=self._fills("price"),
            commission=self._fills("commission"),
            slippage_cost=self._fills("slippage"),
            pnl=_joined([one.pnl for one in self.booked]),
            order=self._filled("order"),
            held=self._fills("units"),
        )

    @property
    def financing(self) -> Mapping[str, float]:
        """Currency received for borrowed units and cash, by which; empty if nothing was paid."""
        paid = {name: float(self._records.financing[name].sum()) for name in ("borrow", "interest")}
        return {name: -amount for name, amount in paid.items() if amount}

    @property
    def event_rows(self) -> NDArray[Any]:
        """The row each event happened on, (E,)."""
        return self._events("row")

    @property
    def fill_rows(self) -> NDArray[Any]:
        """The row each fill happened on, (F,)."""
        return self._filled("row")

    def _events(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self._records.events[name]
        return column

    def _filled(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self._records.filled[name]
        return column

    def _fills(self, name: str) -> NDArray[Any]:
        column: NDArray[Any] = self._records.fills[name]
        return column


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Return one column of all; of none an empty one of integers, which can also be an index."""
    return np.concatenate(columns) if columns else np.zeros(0, np.intp)
