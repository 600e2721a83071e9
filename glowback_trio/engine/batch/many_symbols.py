"""The batch of many symbols: fill the orders of one row by arrays, to the broker's last bit.

For the most frequent case only: market orders made while nothing is open, all due on the row after
the one they were made on. What the next row needs is computed row by row; what only the journal
needs, later, for many rows at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.batch.gate import is_batchable
from glowback_trio.engine.batch.records import cumulative, event_records, fill_records
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EventJournal
from glowback_trio.engine.execution.order import Remainder
from glowback_trio.engine.execution.sizing import exceeds, reduces, shortfall
from glowback_trio.engine.tolerance import (
    EQUAL,
    WORTH,
    held_after_each,
    is_held_already,
)
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.orders import OrderEventKind

__all__ = ["BatchFiller", "RowTargets"]

_SMALL = 1e4 * EQUAL  # of the account: positions that are compared with nothing one by one
_MANY = 8  # orders on a row from which arrays are faster than the broker


class RowTargets(NamedTuple):
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
        """Return those at some places."""
        symbol, quantity, bar, open_price, mark = self
        return _Orders(symbol[which], quantity[which], bar[which], open_price[which], mark[which])


class _FilledRow(NamedTuple):
    """The orders of one row, filled and not yet in the journal.

    Attributes:
        row: The row they were made on.
        made: The orders as they were made.
        first: The number of the first of them.
        turn: Where in `made` each of the orders stands in the turn they fill; None if the same.
        fills: The orders in that turn.
        units: Units held of each symbol after its fill.
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
        """The numbers of the orders in the turn they fill."""
        turn = np.arange(len(self.units)) if self.turn is None else self.turn
        return self.first + turn


class BatchFiller:
    """Fills whole rows of orders, and records them later.

    Args:
        costs: Conditions of a fill.
        broker: Its account is changed; it numbers the orders, and fills what buying power does not
            cover in full.
        journal: Receives the orders' events.
        enabled: False lets the broker fill everything, which changes nothing but the time it takes.

    Attributes:
        enabled: False too if the cost model has a cost that arrays do not account for.
    """

    def __init__(
        self, costs: CostModel, broker: Broker, journal: EventJournal, *, enabled: bool = True
    ) -> None:
        self._costs = costs
        self._broker = broker
        self._account = broker.account
        self._blotter = broker.blotter
        self._journal = journal
        self.enabled = enabled and is_batchable(costs)
        self._unwritten: list[_FilledRow] = []
        self._cash_before = self._account.cash  # before the first row that is not written yet

    def try_fill(
        self, row: int, stop: int, count: int, targets: Callable[[], RowTargets | None]
    ) -> bool:
        """Order what a row's targets lack and fill it on the next row, if arrays can.

        Args:
            row: The row the targets are made at.
            stop: One past the last row that may be filled for now.
            count: How many targets there are.
            targets: Returns them; None if one of their orders is not due on the next row.

        Returns:
            True if they have been filled; otherwise they are the broker's, and what was filled
            before has been written, so that the journal keeps its order.
        """
        able = self.enabled and count >= _MANY and row + 1 < stop and not self._blotter.open
        found = targets() if able else None
        if found is None:
            self.write()
            return False
        self._fill_targets(row, found)
        return True

    def write(self) -> None:
        """Write into the journal what has been filled since the last call."""
        if not self._unwritten:
            return
        rows, self._unwritten = self._unwritten, []
        row = np.array([one.row for one in rows])
        made, done = np.array([(len(one.units), one.done) for one in rows]).T
        start = np.cumsum(made + done) - made - done  # of each row's events

        # Numbers run on from row to row: nothing else is submitted while rows are unwritten. Only
        # the columns that the journal needs are joined, as joining is what takes most time here.
        number = np.arange(made.sum()) + rows[0].first
        submissions = event_records(
            OrderEventKind.SUBMITTED,
            np.repeat(row, made),
            number,
            _joined(one.made.symbol for one in rows),
            _joined(one.made.quantity for one in rows),
        )
        quantity = _joined(one.fills.quantity[: one.done] for one in rows)
        filled = event_records(
            OrderEventKind.FILLED,
            np.repeat(row + 1, done),
            _joined(one.number[: one.done] for one in rows),
            _joined(one.fills.symbol[: one.done] for one in rows),
            quantity,
        )
        events = np.empty(len(submissions) + len(filled), submissions.dtype)
        events[_places(start, made)] = submissions
        events[_places(start + made, done)] = filled

        open_price = _joined(one.fills.open_price[: one.done] for one in rows)
        price = self._costs.slipped_each(open_price, quantity)
        commission = self._costs.commission_each(quantity, price)
        slippage = np.abs(quantity * (price - open_price))
        units = _joined(one.units[: one.done] for one in rows)
        cash = cumulative(self._cash_before, -(quantity * price + commission))[1:]
        self._journal.extend(events, fill_records(price, commission, slippage, units, cash))

    def _fill_targets(self, row: int, targets: RowTargets) -> None:
        symbol, fraction, close, bar, open_price = targets
        value, units = self._broker.value(row), self._account.units
        quantity = shortfall(fraction * (value[0] / len(units)), close, units[symbol])
        # Every order that is nothing is below this, and few others are.
        near = EQUAL * value[1] + WORTH * abs(value[0])
        reached = np.minimum.reduce(np.abs(quantity) * close) <= near
        if reached:
            there = is_held_already(quantity, units[symbol], close, value[0])
            quantity = np.where(there, 0.0, quantity)
        quantity = self._costs.rounded_each(quantity)
        orders = _Orders(symbol, quantity, bar, open_price, close)
        # Nothing is submitted for a target that has been reached.
        if (reached or self._costs.whole_shares) and not quantity.all():
            orders = orders.some(quantity != 0.0)
        rest = self._fill(row, orders, value) if len(orders.symbol) else None
        if rest is not None:
            self.write()
            self._broker.fill_remainder(rest, row + 1)

    def _fill(self, row: int, orders: _Orders, value: tuple[float, float]) -> Remainder | None:
        """Submit orders at a row's closes, and fill them at the opens of the next.

        Args:
            row: The row they are made on.
            orders: At least one.
            value: Equity and gross exposure at that row's closes, currency.

        Returns:
            In their turn, the orders from the first one on that buying power does not cover.
        """
        account, costs, fills = self._account, self._costs, orders
        if not self._unwritten:
            self._cash_before = account.cash
        first = self._blotter.reserve(len(orders.symbol))
        held = account.units[orders.symbol]
        units = held + orders.quantity
        size, reach = np.abs(held), np.abs(units)
        turn = None
        # Where every order is larger than its position, none of them only reduces it.
        within = np.abs(orders.quantity) <= size * (1.0 + EQUAL)
        if _any(within) and (turn := _turn(held, orders.quantity)) is not None:
            fills, held, units = orders.some(turn), held[turn], units[turn]
            size, reach = size[turn], reach[turn]
        price = costs.slipped_each(fills.open_price, fills.quantity)
        commission = costs.commission_each(fills.quantity, price)
        gain = fills.mark - price
        equity = cumulative(value[0], fills.quantity * gain - commission)
        gross = cumulative(value[1], (reach - size) * fills.mark)
        worth = equity[:-1] - held * gain
        exposure = reach * price
        exposed = gross[:-1] - size * fills.mark + exposure
        uncovered = exceeds(exposed, worth, commission, costs.leverage)
        # From the first order on that does not fit, each size depends on the one before.
        done = int(uncovered.argmax()) if _any(uncovered) else len(uncovered)
        # What is left of a position is far below this, unless a price has risen ten thousandfold.
        if np.minimum.reduce(exposure) <= _SMALL * (value[1] + abs(value[0])):
            units = held_after_each(held, fills.quantity, price, worth)
        paid = fills.quantity * price + commission
        # Only what has been filled so far; the broker fills the rest from here.
        account.cash = cumulative(account.cash, -paid[:done]).item(-1)
        account.units[fills.symbol[:done]] = units[:done]
        self._unwritten.append(_FilledRow(row, orders, first, turn, fills, units, done))
        if done == len(uncovered):
            return None
        columns = (self._unwritten[-1].number, fills.symbol, fills.quantity, fills.bar)
        left = zip(*(column[done:].tolist() for column in columns), strict=True)
        return Remainder(list(left), equity.item(done), gross.item(done))


def _any(true: NDArray[np.bool_]) -> bool:
    """Return True if any is; for so few values the method of this name is slower."""
    return bool(np.logical_or.reduce(true))


def _turn(held: Floats, quantity: Floats) -> Indices | None:
    """Return the turn in which orders fill, reductions first; None if they stand in it already."""
    reducing = reduces(held, quantity)
    return np.argsort(~reducing, kind="stable") if reducing.any() else None


def _joined(columns: Iterable[NDArray[Any]]) -> NDArray[Any]:
    return np.concatenate(list(columns))


def _places(start: Indices, count: Indices) -> Indices:
    """Return the places from each start on, as many as are counted, one after the other."""
    ends = np.cumsum(count)
    return np.repeat(start - ends + count, count) + np.arange(ends[-1])
