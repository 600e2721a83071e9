"""What a fill costs and how large it may be: pure arithmetic on plain floats.

Prices are currency per unit, quantities signed units (positive buys), money is currency.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from attrs import frozen

if TYPE_CHECKING:
    from glowback_trio.model.request import Execution

__all__ = ["Terms", "terms"]

_ROUNDING = 1e-9  # the part of an order below which a difference is rounding, not a quantity


@frozen
class Terms:
    """The conditions every order of a run is filled on.

    Attributes:
        buying: What a market order to buy pays, as a multiple of the price.
        selling: What a market order to sell gets, likewise.
        rate: Commission as a fraction of the notional after slippage.
        per_share: Commission per unit, currency.
        minimum: The least a fill pays, currency.
        leverage: Gross exposure over equity that a fill may reach.
        participation: Fraction of a bar's volume that fills may take; None: no cap.
        whole: Whether quantities are whole numbers.
        allow_short: Whether a position may be negative.
        latency: Between a signal's bar and the earliest bar that may fill it.
    """

    buying: float
    selling: float
    rate: float
    per_share: float
    minimum: float
    leverage: float
    participation: float | None
    whole: bool
    allow_short: bool
    latency: np.timedelta64

    def commission(self, quantity: float, price: float) -> float:
        """Currency a fill pays, at least the minimum."""
        return max(self.minimum, abs(quantity) * (price * self.rate + self.per_share))

    def rounded(self, quantity: float) -> float:
        """The quantity, towards zero where only whole units are traded."""
        return float(math.trunc(quantity)) if self.whole else quantity

    def capped(self, quantity: float, most: float) -> float:
        """As much of a quantity as a bar may fill of which `most` units are to be had."""
        most = max(0.0, most)  # in this order NaN, from a volume that is not known, becomes 0.0
        return quantity if abs(quantity) <= most else self.rounded(math.copysign(most, quantity))

    def affordable(
        self, quantity: float, price: float, position: float, equity: float, others: float
    ) -> float:
        """Cut an order to what the buying power covers.

        After the fill and its commission, gross exposure may be at most `leverage` x equity:

            others + |position + quantity| price <= leverage (equity - commission)

        With s the order's side and q = |quantity|, |position + quantity| = q + s position once the
        order has closed what it closes, and the bound is linear in q for either arm of the
        commission. What closes a position always passes.

        Args:
            quantity: What is ordered.
            price: The fill price.
            position: Units held before.
            equity: Currency before, with the own symbol at `price`.
            others: Gross exposure of all other symbols, currency.

        Returns:
            A quantity of the same sign, between 0.0 and `quantity`.
        """
        side = math.copysign(1.0, quantity)
        asked, closing = abs(quantity), max(0.0, -side * position)
        if asked <= closing:
            return quantity
        room = self.leverage * equity - others - side * position * price
        dearer = price + self.leverage * (price * self.rate + self.per_share)
        most = min(room / dearer, (room - self.leverage * self.minimum) / price)
        if most >= asked * (1.0 - _ROUNDING):
            return quantity
        if most - closing <= asked * _ROUNDING:
            most = min(closing, asked)
        return self.rounded(side * most)


def terms(execution: Execution) -> Terms:
    """Resolve what a request says about fills: basis points to fractions, None to its meaning."""
    slippage = (execution.slippage_bps or 0.0) / 1e4
    return Terms(
        buying=1.0 + slippage,
        selling=1.0 - slippage,
        rate=(execution.commission_bps or 0.0) / 1e4,
        per_share=execution.commission_per_share,
        minimum=execution.commission_minimum,
        leverage=execution.max_leverage,
        participation=execution.max_volume_participation,
        whole=execution.whole_shares,
        allow_short=execution.allow_short,
        latency=np.timedelta64(execution.latency_ms or 0, "ms"),
    )
