"""The batch of one symbol: fill its signals without the broker, to the same last bit.

For the most frequent case only: market orders, each filled before the next is made. Sizes follow
from each other and are computed one by one; everything else is done on whole columns.
"""

from __future__ import annotations

import numpy as np

from glowback_trio.engine.batch.records import cumulative, event_records, fill_records, held_along
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EVENT, EventJournal
from glowback_trio.engine.execution.sizing import sizes_in_sequence
from glowback_trio.engine.strategies.signals import Signals
from glowback_trio.model.bars import Indices
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
    columns = (signals.target, signals.close, signals.mark, signals.open_price)
    wanted, fits, ended = sizes_in_sequence(costs, columns, account.cash, account.units.item(0))
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
    places = np.searchsorted(traded[filled], ended).tolist()
    units = held_along(account.units.item(0), quantity, places)
    cash = cumulative(account.cash, -(quantity * price + commission))
    # The sums of the loop once more, as columns: the same additions in the same order.
    account.units[0], account.cash = units.item(-1), cash.item(-1)
    slippage = np.abs(quantity * (price - open_price))
    journal.extend(events, fill_records(price, commission, slippage, units[1:], cash[1:]))


def _before(some: Indices, of: Indices) -> Indices:
    """Return how many of some places come before each of all."""
    marked = np.zeros(len(of) + 1, np.intp)
    marked[some + 1] = 1
    return np.cumsum(marked)[:-1]
