"""Round trips one by one: from flat to flat, or to a change of sign."""

from __future__ import annotations

import math

import numpy as np
from attrs import define

from glowback_trio.model.result import Fills
from glowback_trio.wire.percent import as_percent
from glowback_trio.wire.rows import Columns

__all__ = ["round_trip_columns"]


@define
class _Trip:
    """A round trip while it is open.

    Attributes:
        first: Index of the fill that opened it.
        units: Units bought or sold to enter, all fills together.
        paid: What they cost, currency.
        closed: Units that have been closed.
        received: What those gave, currency.
        commission: Of all its fills; of a fill that begins the next trip as well, its part.
        pnl: Profit of the fills so far, net, currency.
    """

    first: int
    units: float = 0.0
    paid: float = 0.0
    closed: float = 0.0
    received: float = 0.0
    commission: float = 0.0
    pnl: float = 0.0


def round_trip_columns(fills: Fills) -> Columns:
    """Return the closed round trips as columns, in the order they closed.

    Their number and their profits are those of the metrics.

    Returns:
        `symbol`, `side` (`LONG` or `SHORT`), `entry_time` and `exit_time` of the first and the last
        fill, `shares` entered in all, `entry_price` and `exit_price` averaged over them,
        `commission`, `pnl` net of it, currency, and `return`, the profit in percent of what was
        entered; (R,) each. Empty without a closed round trip.
    """
    trips = _closed(fills)
    long = [trip.units > 0 for trip, _ in trips]
    paid = np.array([trip.paid for trip, _ in trips])
    units = np.array([trip.units for trip, _ in trips])
    profit = np.array([trip.pnl for trip, _ in trips])
    first = np.array([trip.first for trip, _ in trips], np.intp)
    last = np.array([last for _, last in trips], np.intp)
    return {
        "symbol": [fills.symbols[index] for index in fills.symbol[first].tolist()],
        "side": ["LONG" if each else "SHORT" for each in long],
        "entry_time": fills.time[first],
        "exit_time": fills.time[last],
        "shares": np.abs(units),
        "entry_price": paid / units,
        "exit_price": np.array([trip.received / trip.closed for trip, _ in trips]),
        "commission": np.array([trip.commission for trip, _ in trips]),
        "pnl": profit,
        "return": as_percent(profit / np.abs(paid)),
    }


def _closed(fills: Fills) -> list[tuple[_Trip, int]]:
    """Return every closed round trip with the index of the fill that closed it."""
    open_trips: dict[int, _Trip] = {}
    done: list[tuple[_Trip, int]] = []
    columns = (fills.symbol, fills.quantity, fills.price, fills.commission, fills.pnl, fills.held)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    for index, (symbol, quantity, price, commission, pnl, held) in enumerate(rows):
        if math.isnan(pnl):
            _enter(open_trips.setdefault(symbol, _Trip(index)), quantity, price, commission)
            continue
        trip = open_trips[symbol]
        changes_sign = held * quantity > 0.0
        # Of a fill that changes the sign, the part that closes belongs to the old trip.
        closing = -quantity + held if changes_sign else -quantity
        part = closing / -quantity
        trip.closed += closing
        trip.received += closing * price
        trip.commission += commission * part
        trip.pnl += pnl
        if changes_sign or not held:
            done.append((open_trips.pop(symbol), index))
        if changes_sign:
            opened = open_trips[symbol] = _Trip(index)
            _enter(opened, held, price, commission * (1.0 - part))
    return done


def _enter(trip: _Trip, quantity: float, price: float, commission: float) -> None:
    trip.units += quantity
    trip.paid += quantity * price
    trip.commission += commission
