"""The ledger: what positions cost, what fills realised, and which round trips they closed.

It is kept at average cost, from the recorded fills, and decides nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.journal import Records
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.kernel.choice import Kernel, chosen
from glowback_trio.engine.tolerance import is_rounding
from glowback_trio.model.bars import Floats, Indices

__all__ = ["Ledger"]

_MANY = 16  # symbols from which arrays across them are faster than a loop over their fills


class _Fills(NamedTuple):
    """Fills sorted by symbol, those of one symbol in their order; all columns (F,)."""

    symbol: NDArray[np.int64]
    quantity: Floats
    price: Floats
    commission: Floats
    after: Floats

    def some(self, which: Indices | slice) -> _Fills:
        """Return those at some places."""
        symbol, *columns = self
        return _Fills(symbol[which], *(column[which] for column in columns))


class Ledger:
    """The ledger of one account.

    Args:
        symbols: How many symbols there are.

    Attributes:
        round_trips: Net profit of each round trip from flat to flat or to a change of sign, in the
            order they closed, currency.
    """

    def __init__(self, symbols: int) -> None:
        self.round_trips: list[float] = []
        # Of each symbol: the units held, their average cost, the commission paid for entering, and
        # the net profit so far of the round trip they belong to.
        self._held = np.zeros((symbols, 4))

    @quiet
    def book(self, records: Records) -> Floats:
        """Book a stretch of fills.

        Returns:
            (F,) what each fill realised, net of its own commission and the pro-rata commission of
            its entry, both for the closed quantity only; NaN where it only opens. Currency.
        """
        if (kernel := chosen()) is not None:
            return self._book_by(kernel, records)
        filled, figures = records.filled, records.fills
        # Stable, so that the fills of one symbol keep their order.
        order = np.argsort(filled["symbol"], kind="stable")
        fills = _Fills(
            symbol=filled["symbol"][order],
            quantity=filled["quantity"][order],
            price=figures["price"][order],
            commission=figures["commission"][order],
            after=figures["units"][order],
        )
        pnl, trips = np.full((2, len(order)), np.nan)
        for which, booked in self._book(fills):
            pnl[order[which]], trips[order[which]] = booked
        self.round_trips += trips[~np.isnan(trips)].tolist()
        return pnl

    def _book_by(self, kernel: Kernel, records: Records) -> Floats:
        pnl, trips = np.empty((2, len(records.fills)))
        closed = kernel.book(records.events, records.fills, self._held, pnl, trips)
        self.round_trips += trips[:closed].tolist()
        return pnl

    def _book(self, fills: _Fills) -> Iterator[tuple[Indices | slice, tuple[Floats, Floats]]]:
        """Book at once what only opens from flat or closes fully, and step through the rest."""
        if not len(fills.symbol):
            return
        partial = np.unique(fills.symbol[~_trades_whole_position(fills, self._held)])
        if not len(partial):
            yield slice(None), _book_whole_positions(fills, self._held)
            return
        apart = np.isin(fills.symbol, partial)
        if len(rest := np.flatnonzero(~apart)):
            yield rest, _book_whole_positions(fills.some(rest), self._held)
        if len(partial) >= _MANY:
            which = np.flatnonzero(apart)
            yield which, _book_across_symbols(fills.some(which), self._held)
            return
        for symbol in partial.tolist():
            first, stop = np.searchsorted(fills.symbol, (symbol, symbol + 1))
            one = slice(int(first), int(stop))
            yield one, _book_in_sequence(fills.some(one), self._held[symbol])


def _before(fills: _Fills, column: Floats, held: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return a column's value after the symbol's fill before, and where that is none: `held`'s."""
    first = np.ones(len(column), dtype=bool)
    np.not_equal(fills.symbol[1:], fills.symbol[:-1], out=first[1:])
    before = np.empty_like(column)
    before[1:] = column[:-1]
    before[first] = held[fills.symbol[first]]
    return before, first


def _trades_whole_position(fills: _Fills, held: Floats) -> NDArray[np.bool_]:
    """Return True where a fill opens from flat, or closes all that is held, (F,)."""
    before, _ = _before(fills, fills.after, held[:, 0])
    # By what is held afterwards, as the quantity may differ from the position by rounding.
    closes = (before * fills.quantity < 0.0) & (before * fills.after <= 0.0)
    whole: NDArray[np.bool_] = closes | (before == 0.0)
    return whole


def _book_whole_positions(fills: _Fills, held: Floats) -> tuple[Floats, Floats]:
    """Book fills that open from flat or close all that is held, and update `held`.

    Returns:
        What each fill realised, and the round trips they closed; NaN where there is none.
    """
    before, first = _before(fills, fills.after, held[:, 0])
    flat = before == 0.0
    # A fill that changes the sign of a position closes one round trip and opens the next: its
    # commission is divided between the two by quantity.
    own = fills.commission * (before / -fills.quantity)
    rest = np.where(flat, fills.commission, fills.commission - own)
    cost, _ = _before(fills, fills.price, held[:, 1])
    entry, _ = _before(fills, rest, held[:, 2])
    worth = before * fills.price
    net = np.where(flat, np.nan, _profits(before * (fills.price - cost) - entry - own, worth))
    trips = net.copy()
    trips[first] += held[fills.symbol[first], 3]
    trips = _profits(trips, worth)
    last = np.append(first[1:], True)
    held[fills.symbol[last], :3] = np.stack((fills.after, fills.price, rest), axis=1)[last]
    held[fills.symbol[last], 3] = 0.0
    return net, trips


def _book_in_sequence(fills: _Fills, held: Floats) -> tuple[Floats, Floats]:
    """Book any fills of one symbol, one after the other."""
    kept, nets, trips = _Held(*held.tolist()), [], []
    for fill in zip(*(column.tolist() for column in fills[1:]), strict=True):
        kept, net, trip = _booked(kept, *fill)
        nets.append(net)
        trips.append(trip)
    held[:] = kept
    return np.array(nets), np.array(trips)


def _book_across_symbols(fills: _Fills, held: Floats) -> tuple[Floats, Floats]:
    """Book any fills of many symbols: the first of each, then the second of each, and so on.

    The result is that of `_book_in_sequence`, to the last bit.
    """
    symbols, start, count = np.unique(fills.symbol, return_index=True, return_counts=True)
    longest = np.argsort(-count, kind="stable")  # so that those with fills left come first
    symbols, start, count = symbols[longest], start[longest], count[longest]
    # How many symbols still have a fill in each turn.
    active = np.searchsorted(-count, -np.arange(count[0]), side="left")
    state = held[symbols].T.copy()
    nets, trips = np.full((2, len(fills.symbol)), np.nan)
    # Cases that are not selected may divide by zero units; their results are discarded.
    with np.errstate(divide="ignore", invalid="ignore"):
        for turn, some in enumerate(active.tolist()):
            which = start[:some] + turn
            nets[which], trips[which] = _booked_across_symbols(state[:, :some], fills.some(which))
    held[symbols] = state.T
    return nets, trips


def _booked_across_symbols(state: Floats, fills: _Fills) -> tuple[Floats, Floats]:
    """Book one fill of each symbol: `_booked` with all its cases computed and one selected."""
    units, cost, entry, earned = state
    _, quantity, price, commission, after = fills
    # The same operations in the same order as in `_booked`, so that no digit differs.
    flat, adds = units == 0.0, units * quantity > 0.0
    opens = flat | adds
    closes = ~opens & (units * after <= 0.0)
    closed = np.where(closes, units, -quantity)
    entry_part, own = entry * (closed / units), commission * (closed / -quantity)
    worth = closed * price
    net = _profits(closed * (price - cost) - entry_part - own, worth)
    total = earned + net
    average = cost + (price - cost) * (quantity / after)
    kept = np.where(adds, entry + commission, entry - entry_part)
    state[0] = after
    state[1] = np.where(flat | closes, price, np.where(adds, average, cost))
    state[2] = np.where(flat, commission, np.where(closes, commission - own, kept))
    state[3] = np.where(flat | closes, 0.0, np.where(adds, earned, total))
    return np.where(opens, np.nan, net), np.where(closes, _profits(total, worth), np.nan)


def _profits(amount: Floats, worth: Floats) -> Floats:
    """Return profits, with 0.0 for those that are only rounding of what was bought or sold."""
    return np.where(is_rounding(amount, worth), 0.0, amount)


class _Held(NamedTuple):
    units: float
    cost: float
    entry: float
    earned: float


def _booked(
    held: _Held, quantity: float, price: float, commission: float, after: float
) -> tuple[_Held, float, float]:
    units, cost, entry, earned = held
    if units == 0.0:
        return _Held(after, price, commission, 0.0), math.nan, math.nan
    if units * quantity > 0.0:
        cost += (price - cost) * (quantity / after)
        return _Held(after, cost, entry + commission, earned), math.nan, math.nan
    # Closes all of it, and perhaps opens the other side.
    closes = units * after <= 0.0
    closed = units if closes else -quantity
    entry_part, own = entry * (closed / units), commission * (closed / -quantity)
    worth = closed * price
    net = _profit(closed * (price - cost) - entry_part - own, worth)
    if closes:
        kept = _Held(after, price, commission - own, 0.0)
        return kept, net, _profit(earned + net, worth)
    return _Held(after, cost, entry - entry_part, earned + net), net, math.nan


def _profit(amount: float, worth: float) -> float:
    """Return a profit, as `_profits` does."""
    return 0.0 if is_rounding(amount, worth) else amount
