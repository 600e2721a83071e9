"""The batch of many accounts: fill the first order of each, then the second, and so on.

A quantity depends on what all fills before it have made of its account, so that the orders of one
account can only be carried out one after the other. Here that is done for all accounts in one go.
The results are those of `sizes_in_sequence`, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.batch.records import cumulative, held_along
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.sizing import exceeds, shortfall, sizes_in_sequence
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.tolerance import (
    held_after,
    is_held_already,
    is_rounding,
    is_worthless,
    towards_zero_each,
)
from glowback_trio.model.bars import Floats, Indices

__all__ = ["FilledOrders", "Orders", "fill_orders"]

_FEW = 48  # accounts with orders left below which a loop over the orders of each is faster


class Orders(NamedTuple):
    """Orders of A accounts of one symbol each, account by account; all but the last two (S,).

    Attributes:
        fraction: Signed targets, fractions of equity.
        close: The close each is made at, currency.
        mark: The close before the bar that fills it, currency.
        open_price: The open of that bar, currency.
        due: The row of that bar on its track.
        start: The first order of each account, and the end, (A + 1,).
        is_apart: (A,) whether each order fills before the next one is made.
    """

    fraction: Floats
    close: Floats
    mark: Floats
    open_price: Floats
    due: Indices
    start: Indices
    is_apart: NDArray[np.bool_]


class FilledOrders(NamedTuple):
    """The fills of A accounts, account by account; all columns but the last (F,).

    Attributes:
        account: Index.
        due: The row of the fill on its track.
        quantity: Signed units.
        price: After slippage, currency.
        commission: Currency.
        slippage: Cost against the price before slippage, currency.
        units: Units held after the fill.
        cash: After the fill, currency.
        start: The first fill of each account, and the end, (A + 1,).
    """

    account: Indices
    due: Indices
    quantity: Floats
    price: Floats
    commission: Floats
    slippage: Floats
    units: Floats
    cash: Floats
    start: Indices


@quiet
def fill_orders(orders: Orders, costs: Sequence[CostModel], capital: float) -> FilledOrders:
    """Carry out the orders of many accounts.

    Args:
        orders: Each fills before the next of its account is made.
        costs: Conditions of the fills of each account.
        capital: Cash that every account begins with, currency.
    """
    accounts = _Accounts(orders, costs, capital)
    count = np.diff(orders.start)
    turn = 0
    # Those with the most orders come first, so that those with some left stand together.
    for turn, active in enumerate(_active(count[accounts.ranked])):
        if active < _FEW:
            break
        accounts.fill_turn(turn, active)
    else:
        turn += 1
    for rank in range(int((count[accounts.ranked] > turn).sum())):
        accounts.fill_rest(turn, rank)
    return accounts.filled()


def _active(count: Indices) -> list[int]:
    """Return how many of the falling counts are above each number, from 0 on."""
    most = int(count[0]) if len(count) else 0
    active: list[int] = np.searchsorted(-count, -np.arange(most), side="left").tolist()
    return active


class _Accounts:
    """Accounts under way, in the order of their rank: by number of orders, falling."""

    def __init__(self, orders: Orders, costs: Sequence[CostModel], capital: float) -> None:
        self._orders, self._costs = orders, costs
        self.ranked = np.argsort(-np.diff(orders.start), kind="stable")
        self._start = orders.start[self.ranked]
        self._cash = np.full(len(costs), capital)
        self._units = np.zeros(len(costs))
        names = ("buying", "selling", "rate", "per_share", "minimum", "leverage")
        columns = ([getattr(costs[i], name) for i in self.ranked.tolist()] for name in names)
        self._buying, self._selling, self._rate, self._per_share, self._minimum, self._leverage = (
            np.array(column) for column in columns
        )
        self._whole = np.array([costs[i].whole_shares for i in self.ranked.tolist()])
        # Of every order: what filled of it, and the account after it.
        self._fits, self._after, self._left = np.zeros((3, len(orders.due)))

    def fill_turn(self, turn: int, active: int) -> None:
        """Carry out the order of this number of each of the first few accounts."""
        some = slice(active)
        at = self._start[some] + turn
        fraction, close, mark, open_price, *_ = (column[at] for column in self._orders[:4])
        cash, units = self._cash[some], self._units[some]
        # The operations of `sizes_in_sequence` in the same order, so that no digit differs.
        equity = cash + units * close
        quantity = shortfall(fraction * equity, close, units)
        quantity[is_held_already(quantity, units, close, equity)] = 0.0
        if (whole := self._whole[some]).any():
            quantity = np.where(whole, towards_zero_each(quantity), quantity)
        price = open_price * np.where(quantity > 0.0, self._buying[some], self._selling[some])
        commission = self._commission(some, quantity, price)
        worth = cash + units * mark + units * (price - mark)
        after = units + quantity
        exposure = np.abs(after) * price
        fits = quantity
        left = is_rounding(after, units) | is_worthless(after, price, worth)
        uncovered = exposure > self._leverage[some] * (worth - commission)
        rare = uncovered | (left & (after != 0.0))
        if (rare := rare & (quantity != 0.0)).any():
            fits = quantity.copy()
            for rank in np.flatnonzero(rare).tolist():
                row = (fits, price, units, worth, commission, after)
                self._fill_rare(rank, row)
        filled = fits != 0.0
        self._cash[some] = cash - np.where(filled, fits * price + commission, 0.0)
        self._units[some] = np.where(filled, after, units)
        self._fits[at], self._after[at], self._left[at] = fits, self._units[some], self._cash[some]

    def _commission(self, some: slice, quantity: Floats, price: Floats) -> Floats:
        size = np.abs(quantity)
        commission = size * (price * self._rate[some] + self._per_share[some])
        least: Floats = np.maximum(commission, self._minimum[some])
        return least

    def _fill_rare(self, rank: int, columns: Sequence[Floats]) -> None:
        """Cut an order to what buying power covers, and end a position of which nothing is left."""
        costs = self._costs[self.ranked.item(rank)]
        fits, price, units, worth, commission, after = columns
        wanted, paid, held, equity = (each.item(rank) for each in (fits, price, units, worth))
        reached = held + wanted
        if exceeds(abs(reached) * paid, equity, commission.item(rank), costs.leverage):
            fits[rank] = wanted = costs.affordable(wanted, paid, held, equity, 0.0)
            commission[rank] = costs.commission(wanted, paid)
            reached = held + wanted
        if reached and (is_rounding(reached, held) or is_worthless(reached, paid, equity)):
            reached = held_after(held, wanted, paid, equity)
        after[rank] = reached

    def fill_rest(self, turn: int, rank: int) -> None:
        """Carry out all orders of one account from one on, in a loop."""
        account = self.ranked.item(rank)
        costs, orders = self._costs[account], self._orders
        rest = slice(orders.start.item(account) + turn, orders.start.item(account + 1))
        columns = (orders.fraction, orders.close, orders.mark, orders.open_price)
        fraction, close, mark, open_price = (column[rest] for column in columns)
        cash, units = self._cash.item(rank), self._units.item(rank)
        _, fits, ended = sizes_in_sequence(costs, (fraction, close, mark, open_price), cash, units)
        price = costs.slipped_each(open_price, fits)
        paid = np.where(fits != 0.0, fits * price + costs.commission_each(fits, price), 0.0)
        self._fits[rest] = fits
        self._left[rest] = cumulative(cash, -paid)[1:]
        self._after[rest] = held_along(units, fits, ended)[1:]

    def filled(self) -> FilledOrders:
        """Return the fills, account by account."""
        orders = self._orders
        account = np.repeat(np.arange(len(self._costs)), np.diff(orders.start))
        which = np.flatnonzero(self._fits)
        quantity, open_price, account = self._fits[which], orders.open_price[which], account[which]
        rank = np.empty_like(self.ranked)
        rank[self.ranked] = np.arange(len(rank))
        own = rank[account]
        price = open_price * np.where(quantity > 0.0, self._buying[own], self._selling[own])
        size = np.abs(quantity)
        commission = size * (price * self._rate[own] + self._per_share[own])
        return FilledOrders(
            account,
            orders.due[which],
            quantity,
            price,
            np.maximum(commission, self._minimum[own]),
            np.abs(quantity * (price - open_price)),
            self._after[which],
            self._left[which],
            np.searchsorted(account, np.arange(len(self._costs) + 1)),
        )
