"""The ledger: cash, positions at average cost, round trips, and what they were row by row."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field, frozen

if TYPE_CHECKING:
    from glowback_trio.model.bars import Floats

__all__ = ["Account", "Ledger"]


@define(eq=False)
class Ledger:
    """One account. Everything here changes, and only `fill` changes it.

    Attributes:
        cash: Currency; negative when borrowed.
        positions: Signed units, (N,).
        held: The same as a list, which is read one at a time much faster.
        round_trips: Net profit of each round trip from flat to flat or to a change of sign, in the
            order they closed, currency.
    """

    cash: float
    positions: Floats
    held: list[float]
    round_trips: list[float]
    _cost: list[float]
    _entry_commission: list[float]
    _trip: list[float]

    @classmethod
    def opened(cls, capital: float, symbols: int) -> Ledger:
        """An account with nothing but cash."""
        held, cost, entry_commission, trip = ([0.0] * symbols for _ in range(4))
        return cls(capital, np.zeros(symbols), held, [], cost, entry_commission, trip)

    def copy(self) -> Ledger:
        """An account of its own in the same state."""
        return Ledger(
            self.cash,
            self.positions.copy(),
            self.held.copy(),
            self.round_trips.copy(),
            self._cost.copy(),
            self._entry_commission.copy(),
            self._trip.copy(),
        )

    def fill(self, symbol: int, quantity: float, price: float, commission: float) -> float:
        """Book a fill.

        Args:
            symbol: Index into `positions`.
            quantity: Signed units, not zero.
            price: Currency per unit, after slippage.
            commission: Currency.

        Returns:
            What the fill realised, net of its own commission and the pro-rata commission of the
            entry, both for the closed quantity only; NaN where it only opens.
        """
        self.cash -= quantity * price + commission
        held = self.held[symbol]
        self.held[symbol] = self.positions[symbol] = held + quantity
        cost, entry = self._cost[symbol], self._entry_commission[symbol]
        if held * quantity >= 0.0:
            self._cost[symbol] = cost + (price - cost) * (quantity / (held + quantity))
            self._entry_commission[symbol] = entry + commission
            return math.nan
        crosses = abs(quantity) >= abs(held)
        closed = held if crosses else -quantity
        entry_part, own_part = entry * (closed / held), commission * (closed / -quantity)
        net = closed * (price - cost) - entry_part - own_part
        self._trip[symbol] += net
        if crosses:
            self.round_trips.append(self._trip[symbol])
            self._trip[symbol] = 0.0
            self._cost[symbol] = price
            self._entry_commission[symbol] = commission - own_part
        else:
            self._entry_commission[symbol] = entry - entry_part
        return net


@frozen(eq=False)
class Account:
    """What was held over some rows: the account after each row that changed it.

    Attributes:
        rows: (C,) rows from which on the account was so, the first being the first row asked for.
        cash: (C,) currency.
        positions: (C, N) signed units.
    """

    rows: list[int] = field(factory=list, repr=False)
    cash: list[float] = field(factory=list, repr=False)
    positions: list[Floats] = field(factory=list, repr=False)

    def note(self, row: int, ledger: Ledger) -> None:
        """Remember the account as it is from this row on."""
        self.rows.append(row)
        self.cash.append(ledger.cash)
        self.positions.append(ledger.positions.copy())
