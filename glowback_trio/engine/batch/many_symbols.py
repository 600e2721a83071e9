"""Orders of many symbols on one row, filled by arrays, to the broker's last bit.

The most frequent case only: market orders beside which nothing is open, all due on the row after
the one they were made on. What is known only after the fills before is worked out row by row; what
the journal wants to know beside that, for many rows at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.batch.single_symbol import events, figures, fill_costs, running
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.execution.order import Rest
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind

Indices = NDArray[np.intp]

__all__ = ["Aims", "Together"]


class Aims(NamedTuple):
    """Targets made at the closes of one row, of symbols that all have a bar on the next; (n,).

    Attributes:
        symbol: Indices of the symbols, rising.
        fraction: Signed, of each symbol's share of equity.
        close: Their last closes, currency.
        bar: Index of the bar on the next row, among the symbol's own.
        open_price: Open of that bar, currency.
    """

    symbol: Indices
    fraction: Floats
    close: Floats
    bar: Indices
    open_price: Floats


class _Orders(NamedTuple):
    """Market orders made at the closes of one row, none of them empty; all columns (n,).

    Attributes:
        symbol: Indices of the symbols, rising.
        quantity: Signed units.
        bar: Index of the bar each is due on, among the symbol's own.
        open_price: Open of that bar, currency.
        mark: Close of the bar before it, currency.
    """

    symbol: Indices
    quantity: Floats
    bar: Indices
    open_price: Floats
    mark: Floats

    def some(self, which: Indices | NDArray[np.bool_] | slice) -> _Orders:
        """Those at some places."""
        symbol, quantity, bar, open_price, mark = self
        return _Orders(symbol[which], quantity[which], bar[which], open_price[which], mark[which])


class _Row(NamedTuple):
    """What has been done on one row.

    Attributes:
        row: It.
        made: Its orders as they were made.
        first: The number of its first order.
        turn: Where in `made` each of the orders stands in its turn; None: they stand in it.
        fills: The orders in their turn.
        units: What is held of each symbol after its fill.
        done: How many were filled.
    """

    row: int
    made: _Orders
    first: int
    turn: Indices | None
    fills: _Orders
    units: Floats
    done: int

    @property
    def number(self) -> Indices:
        """The numbers of its orders in their turn."""
        turn = np.arange(len(self.units)) if self.turn is None else self.turn
        return self.first + turn


class Together:
    """Fills whole rows of orders, and writes them down later.

    Args:
        costs: Conditions of a fill.
        broker: Whose account is changed, and who numbers the orders and fills the rest.
        journal: Where they are written.
    """

    def __init__(self, costs: CostModel, broker: Broker, journal: EventJournal) -> None:
        self._costs = costs
        self._broker = broker
        self._account = broker.account
        self._blotter = broker.blotter
        self._journal = journal
        self._unwritten: list[_Row] = []
        self._before = self._account.cash, self._blotter.numbered

    def aim(self, row: int, aims: Aims) -> None:
        """Order what targets made at one row lack, and fill it at the next opens."""
        symbol, fraction, close, bar, open_price = aims
        value, units = self._broker.value(row), self._account.units
        quantity = fraction * (value[0] / len(units)) / close - units[symbol]
        if self._costs.whole_shares:
            quantity = np.trunc(quantity)
        orders = _Orders(symbol, quantity, bar, open_price, close)
        if not quantity.all():
            orders = orders.some(quantity != 0.0)
        rest = self._fill(row, orders, value) if len(orders.symbol) else None
        if rest is not None:
            self.write()
            self._broker.resume(rest, row + 1)

    def _fill(self, row: int, orders: _Orders, value: tuple[float, float]) -> Rest | None:
        """Submit orders at a row's closes, and fill them at the opens of the next.

        Args:
            row: The row they are made on.
            orders: At least one.
            value: Equity and gross exposure at that row's closes, currency.

        Returns:
            In their turn, the orders from the first one on that buying power does not cover.
        """
        account, costs = self._account, self._costs
        if not self._unwritten:
            self._before = account.cash, self._blotter.numbered
        first, fills = self._blotter.numbered + 1, orders
        held = account.units[orders.symbol]
        units = held + orders.quantity
        size, reach = np.abs(held), np.abs(units)
        turn = None
        if _any(units * held >= 0.0) and (turn := _turn(held, orders.quantity)) is not None:
            fills, held, units = orders.some(turn), held[turn], units[turn]
            size, reach = size[turn], reach[turn]
        price, commission = fill_costs(costs, fills.quantity, fills.open_price)
        gain = fills.mark - price
        equity = running(value[0], fills.quantity * gain - commission)
        gross = running(value[1], (reach - size) * fills.mark)
        worth = equity[:-1] - held * gain
        exposed = gross[:-1] - size * fills.mark + reach * price
        covered = exposed <= costs.leverage * (worth - commission)
        done = int(covered.argmin()) if _any(~covered) else len(covered)
        paid = fills.quantity * price + commission
        account.cash = running(account.cash, -paid[:done]).item(-1)
        account.units[fills.symbol[:done]] = units[:done]
        self._blotter.numbered += len(covered)
        self._unwritten.append(_Row(row, orders, first, turn, fills, units, done))
        if done == len(covered):
            return None
        columns = (self._unwritten[-1].number, fills.symbol, fills.quantity, fills.bar)
        left = zip(*(column[done:].tolist() for column in columns), strict=True)
        return Rest(list(left), equity.item(done), gross.item(done))

    def write(self) -> None:
        """Write down what has been done since this was last called."""
        if not self._unwritten:
            return
        rows, self._unwritten = self._unwritten, []
        cash, numbered = self._before
        row = np.array([one.row for one in rows])
        made, done = np.array([(len(one.units), one.done) for one in rows]).T
        start = np.cumsum(made + done) - made - done  # of each row's events

        wanted = _joined([one.made for one in rows])
        number = np.arange(len(wanted.symbol)) + numbered + 1
        submitted = events(OrderEventKind.SUBMITTED, np.repeat(row, made), number, *wanted[:2])
        fills = _joined([one.fills.some(slice(one.done)) for one in rows])
        number = np.concatenate([one.number[: one.done] for one in rows])
        filled = events(OrderEventKind.FILLED, np.repeat(row + 1, done), number, *fills[:2])
        happened = np.empty(len(submitted) + len(filled), submitted.dtype)
        happened[_places(start, made)] = submitted
        happened[_places(start + made, done)] = filled

        price, commission = fill_costs(self._costs, fills.quantity, fills.open_price)
        slippage = np.abs(fills.quantity * (price - fills.open_price))
        units = np.concatenate([one.units[: one.done] for one in rows])
        balance = running(cash, -(fills.quantity * price + commission))[1:]
        self._journal.extend(happened, figures(price, commission, slippage, units, balance))


def _any(true: NDArray[np.bool_]) -> bool:
    """Whether any is true; the method of the same name takes its time over so few."""
    return bool(np.logical_or.reduce(true))


def _turn(held: Floats, quantity: Floats) -> Indices | None:
    """Reductions first, because they free buying power; None where nothing has to move for that."""
    reduces = (held * quantity < 0.0) & (np.abs(quantity) <= np.abs(held))
    return np.argsort(~reduces, kind="stable") if reduces.any() else None


def _joined(orders: Sequence[_Orders]) -> _Orders:
    return _Orders(*(np.concatenate(columns) for columns in zip(*orders, strict=True)))


def _places(start: Indices, count: Indices) -> Indices:
    """The places from each start on, as many as are counted, one after the other."""
    ends = np.cumsum(count)
    return np.repeat(start - ends + count, count) + np.arange(ends[-1])
