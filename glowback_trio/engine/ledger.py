"""The ledger: cash, positions at average cost, and what has been realised."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

if TYPE_CHECKING:
    from glowback_trio.model.bars import Floats

__all__ = ["Ledger"]


@define(eq=False)
class Ledger:
    """One account. Everything here changes, and only `fill` changes it.

    Attributes:
        cash: Currency; negative when borrowed.
        positions: Signed units, (N,).
        cost: Average price of each position, before commissions, (N,) currency per unit.
        commissions: Currency paid so far.
        realised: Gross profit of all closed quantities, before commissions, currency.
        round_trips: Net profit of each round trip from flat to flat or to a change of sign, in the
            order they closed, currency.
    """

    cash: float
    positions: Floats
    cost: Floats
    commissions: float = 0.0
    realised: float = 0.0
    round_trips: list[float] = field(factory=list)
    _entry_commission: list[float] = field(factory=list)
    _trip: list[float] = field(factory=list)

    @classmethod
    def opened(cls, capital: float, symbols: int) -> Ledger:
        """An account with nothing but cash."""
        zeros = [0.0] * symbols
        return cls(
            capital,
            np.zeros(symbols),
            np.zeros(symbols),
            entry_commission=zeros,
            trip=zeros.copy(),
        )

    def copy(self) -> Ledger:
        """An account of its own in the same state."""
        return Ledger(
            self.cash,
            self.positions.copy(),
            self.cost.copy(),
            self.commissions,
            self.realised,
            self.round_trips.copy(),
            self._entry_commission.copy(),
            self._trip.copy(),
        )

    def unrealised(self, marks: Floats) -> float:
        """Gross profit of the open positions at these prices, before commissions, currency."""
        return float((self.positions * (marks - self.cost)).sum())

    def fill(
        self, symbol: int, held: float, quantity: float, price: float, commission: float
    ) -> float:
        """Book a fill.

        Args:
            symbol: Index into `positions`.
            held: What `positions` holds of it.
            quantity: Signed units, not zero.
            price: Currency per unit, after slippage.
            commission: Currency.

        Returns:
            What the fill realised, net of its own commission and the pro-rata commission of the
            entry, both for the closed quantity only; NaN where it only opens.
        """
        self.cash -= quantity * price + commission
        self.commissions += commission
        self.positions[symbol] = held + quantity
        if held * quantity < 0.0:
            return self._close(symbol, held, quantity, price, commission)
        cost = self.cost.item(symbol)
        self.cost[symbol] = cost + (price - cost) * (quantity / (held + quantity))
        self._entry_commission[symbol] += commission
        return math.nan

    def _close(
        self, symbol: int, held: float, quantity: float, price: float, commission: float
    ) -> float:
        crosses = abs(quantity) >= abs(held)
        closed = held if crosses else -quantity
        entry_commission = self._entry_commission[symbol]
        entry = entry_commission * (closed / held)
        own = commission * (closed / -quantity)
        gross = closed * (price - self.cost.item(symbol))
        net = gross - entry - own
        self.realised += gross
        if crosses:
            self.round_trips.append(self._trip[symbol] + net)
            self._trip[symbol] = 0.0
            self.cost[symbol] = price
            self._entry_commission[symbol] = commission - own
        else:
            self._trip[symbol] += net
            self._entry_commission[symbol] = entry_commission - entry
        return net
