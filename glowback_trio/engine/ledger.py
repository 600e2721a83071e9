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
        commissions: Currency paid so far.
        realised: Gross profit of all closed quantities, before commissions, currency.
        round_trips: Net profit of each round trip from flat to flat or to a change of sign, in the
            order they closed, currency.
    """

    cash: float
    positions: Floats
    commissions: float = 0.0
    realised: float = 0.0
    round_trips: list[float] = field(factory=list)
    _cost: list[float] = field(init=False)
    _entry_commission: list[float] = field(init=False)
    _trip: list[float] = field(init=False)

    def __attrs_post_init__(self) -> None:
        symbols = len(self.positions)
        self._cost = [0.0] * symbols
        self._entry_commission = [0.0] * symbols
        self._trip = [0.0] * symbols

    def unrealised(self, marks: Floats) -> float:
        """Gross profit of the open positions at these prices, before commissions, currency."""
        return float((self.positions * (marks - np.array(self._cost))).sum())

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
        held = self.positions.item(symbol)
        self.cash -= quantity * price + commission
        self.commissions += commission
        self.positions[symbol] = held + quantity
        if held * quantity >= 0.0:
            self._open(symbol, held, quantity, price, commission)
            return math.nan
        return self._close(symbol, held, quantity, price, commission)

    def _open(
        self, symbol: int, held: float, quantity: float, price: float, commission: float
    ) -> None:
        cost = self._cost[symbol]
        self._cost[symbol] = cost + (price - cost) * (quantity / (held + quantity))
        self._entry_commission[symbol] += commission

    def _close(
        self, symbol: int, held: float, quantity: float, price: float, commission: float
    ) -> float:
        closed = math.copysign(min(abs(quantity), abs(held)), held)
        gross = closed * (price - self._cost[symbol])
        entry = self._entry_commission[symbol] * (closed / held)
        exit_commission = commission * (closed / -quantity)
        net = gross - entry - exit_commission
        self.realised += gross
        self._entry_commission[symbol] -= entry
        self._trip[symbol] += net
        if abs(quantity) >= abs(held):
            self.round_trips.append(self._trip[symbol])
            self._trip[symbol] = 0.0
            self._cost[symbol] = price
            self._entry_commission[symbol] = commission - exit_commission
        return net
