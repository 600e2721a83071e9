"""The batch of one symbol: fill its signals without the broker, to the same last bit.

For the most frequent case only: market orders, each filled before the next is made. Sizes follow
from each other and are computed one by one; everything else is done on whole columns.
"""

from __future__ import annotations

import numpy as np

from glowback_trio.engine.batch.records import cumulative, event_records, fill_records
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel, exceeds, shortfall
from glowback_trio.engine.execution.journal import EVENT, EventJournal
from glowback_trio.engine.strategies.signals import Signals
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.orders import OrderEventKind

__all__ = ["fill_single_symbol"]


def fill_single_symbol(
    signals: Signals, costs: CostModel, broker: Broker, journal: EventJournal
) -> None:
    """Fill the signals of the only symbol, each of which fills before the next is made.

    Args:
        signals: (S,).
        costs: Conditions of a fill, which `gate.is_batchable` has let through.
        broker: Its account is changed, and it numbers the orders.
        journal: Receives the orders' events.
    """
    account = broker.account
    wanted, fits = _sizes(signals, costs, account.cash, account.units.item(0))
    traded = np.flatnonzero(wanted)
    wanted, fits = wanted[traded], fits[traded]
    row, due = signals.row[traded], signals.due[traded]
    filled, cut = np.flatnonzero(fits), np.flatnonzero(fits != wanted)
    number = np.arange(len(traded)) + broker.blotter.reserve(len(traded))
    # An order's events: submitted; filled, as far as it fits; ended, if that is not all of it.
    submission = np.arange(len(traded)) + _before(filled, traded) + _before(cut, traded)
    ending = submission[cut] + 1 + (fits[cut] != 0.0)
    kinds = OrderEventKind
    end = np.where(fits[cut] != 0.0, kinds.REMAINDER_UNAFFORDABLE, kinds.UNAFFORDABLE)
    events = np.empty(len(traded) + len(filled) + len(cut), EVENT)
    events[submission] = event_records(kinds.SUBMITTED, row, number, 0, wanted)
    events[submission[filled] + 1] = event_records(
        kinds.FILLED, due[filled], number[filled], 0, fits[filled]
    )
    events[ending] = event_records(end, due[cut], number[cut], 0, wanted[cut] - fits[cut])

    quantity, open_price = fits[filled], signals.open_price[traded[filled]]
    price = costs.slipped_each(open_price, quantity)
    commission = costs.commission_each(quantity, price)
    units = cumulative(account.units.item(0), quantity)
    cash = cumulative(account.cash, -(quantity * price + commission))
    account.units[0], account.cash = units.item(-1), cash.item(-1)
    slippage = np.abs(quantity * (price - open_price))
    journal.extend(events, fill_records(price, commission, slippage, units[1:], cash[1:]))


def _before(some: Indices, of: Indices) -> Indices:
    """Return how many of some places come before each of all."""
    marked = np.zeros(len(of) + 1, np.intp)
    marked[some + 1] = 1
    return np.cumsum(marked)[:-1]


def _sizes(signals: Signals, costs: CostModel, cash: float, units: float) -> tuple[Floats, Floats]:
    """Compute what is ordered for each signal, and as much of it as buying power covers.

    A quantity depends on what all fills before it have made of the account, so this loop over
    orders is the one thing that no array operation can replace. Prices and fees of both sides are
    computed before it, by arrays, as the side of an order is known only inside.

    Returns:
        (S,) signed units, both.
    """
    leverage, minimum = costs.leverage, costs.minimum
    rounded = costs.rounded if costs.whole_shares else None
    buying, selling = (costs.slipped(signals.open_price, side) for side in (1.0, -1.0))
    fees = costs.fee(buying), costs.fee(selling)
    columns = (signals.target, signals.close, signals.mark, buying, selling, *fees)
    sizes: list[float] = []
    reduced: dict[int, float] = {}
    for target, close, mark, buy, sell, buy_fee, sell_fee in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        quantity = shortfall(target * (cash + units * close), close, units)
        if rounded:
            quantity = rounded(quantity)
        if quantity:
            price, fee = (buy, buy_fee) if quantity > 0.0 else (sell, sell_fee)
            commission = abs(quantity) * fee
            if minimum:
                commission = max(commission, minimum)
            worth = cash + units * mark + units * (price - mark)
            fits = quantity
            if exceeds(abs(units + quantity) * price, worth, commission, leverage):
                fits = costs.affordable(quantity, price, units, worth, 0.0)
                commission = costs.commission(fits, price)
                reduced[len(sizes)] = fits
            if fits:
                cash -= fits * price + commission
                units += fits
        sizes.append(quantity)
    wanted = np.array(sizes)
    fits_each = wanted.copy()
    fits_each[list(reduced)] = list(reduced.values())
    return wanted, fits_each
