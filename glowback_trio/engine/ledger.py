"""The ledger: cash, and positions at average cost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import define, field

if TYPE_CHECKING:
    from glowback_trio.model.bars import Floats

__all__ = ["Ledger", "Position"]


@define(eq=False)
class Position:
    """What is held of one symbol, and what it cost.

    Attributes:
        units: Signed.
        cost: Average price paid for them, currency per unit.
        commission: What entering them cost beside it, currency.
        earned: Net profit so far of the round trip it is part of, currency.
    """

    units: float = 0.0
    cost: float = 0.0
    commission: float = 0.0
    earned: float = 0.0


@define(eq=False)
class Ledger:
    """One account. Everything here changes, and only `fill` changes it.

    Attributes:
        cash: Currency; negative when borrowed.
        positions: One for each symbol.
        units: The units of all of them, (N,), to be summed at once.
        round_trips: Net profit of each round trip from flat to flat or to a change of sign, in the
            order they closed, currency.
    """

    cash: float
    positions: list[Position]
    units: Floats
    round_trips: list[float] = field(factory=list)

    @classmethod
    def opened(cls, capital: float, symbols: int) -> Ledger:
        """An account with nothing but cash."""
        return cls(capital, [Position() for _ in range(symbols)], np.zeros(symbols))

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
        position = self.positions[symbol]
        held, cost, entry = position.units, position.cost, position.commission
        position.units = self.units[symbol] = after = held + quantity
        if held * quantity >= 0.0:
            position.cost = cost + (price - cost) * (quantity / after)
            position.commission = entry + commission
            return math.nan
        crosses = abs(quantity) >= abs(held)
        closed = held if crosses else -quantity
        entry_part, own_part = entry * (closed / held), commission * (closed / -quantity)
        net = closed * (price - cost) - entry_part - own_part
        position.earned += net
        if crosses:
            self.round_trips.append(position.earned)
            position.cost, position.commission = price, commission - own_part
            position.earned = 0.0
        else:
            position.commission = entry - entry_part
        return net
