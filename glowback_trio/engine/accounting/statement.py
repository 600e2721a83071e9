"""Statements: what happened on some rows, as it stands in events and in a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.engine.execution.journal import Records
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.orders import OrderEventKind, OrderSpec
from glowback_trio.model.result import Fills, OrderLog

__all__ = ["Entry", "Statement"]


@frozen(eq=False)
class Entry:
    """A stretch of the journal and what the books made of its fills, (F,) currency."""

    records: Records = field(repr=False)
    pnl: Floats = field(repr=False)


@frozen(eq=False)
class Statement:
    """Some entries that follow each other, with names and times.

    Attributes:
        entries: Any number.
        time: Of every row of the timeline.
        symbols: All names.
        strategy_id: The strategy's name.
        specs: By order number, what orders ask beyond plain market orders.
    """

    entries: Sequence[Entry]
    time: Times = field(repr=False)
    symbols: Sequence[str]
    strategy_id: str
    specs: Mapping[int, OrderSpec] = field(repr=False)

    @property
    def orders(self) -> OrderLog:
        """The life of every order."""
        what = self._events("what")
        price = np.full(len(what), np.nan)
        price[what == OrderEventKind.FILLED] = self._fills("price")
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
        """The fills, with what each realised."""
        return Fills(
            symbols=self.symbols,
            strategy_id=self.strategy_id,
            time=self.time[self.fill_rows],
            symbol=self._filled("symbol"),
            quantity=self._filled("quantity"),
            price=self._fills("price"),
            commission=self._fills("commission"),
            slippage_cost=self._fills("slippage"),
            pnl=_joined([entry.pnl for entry in self.entries]),
            order=self._filled("order"),
        )

    @property
    def carry(self) -> Mapping[str, float]:
        """Cash that was booked beside the fills, by what it was for; empty where nothing was."""
        paid = {
            name: float(_joined([entry.records.financing[name] for entry in self.entries]).sum())
            for name in ("borrow", "interest")
        }
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
        return _joined([entry.records.events[name] for entry in self.entries])

    def _filled(self, name: str) -> NDArray[Any]:
        return _joined([entry.records.filled[name] for entry in self.entries])

    def _fills(self, name: str) -> NDArray[Any]:
        return _joined([entry.records.fills[name] for entry in self.entries])


def _joined(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One column of all, and a whole-number one of none: what it is used for takes either."""
    return np.concatenate(columns) if columns else np.zeros(0, np.intp)
