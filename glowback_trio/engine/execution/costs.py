"""What a fill costs and how large it may be: pure arithmetic on plain floats.

Prices are currency per unit, quantities signed units (positive buys), money is currency.
"""

from __future__ import annotations

import math

import numpy as np
from attrs import field, frozen

from glowback_trio.model.request import Execution

__all__ = ["CostModel", "cost_model"]

_ROUNDING = 1e-9  # the part of an order below which a difference is rounding, not a quantity


@frozen
class CostModel:
    """The conditions every order of a run is filled on.

    Attributes:
        slippage: What a market or stop order gives away, as a fraction of the price.
        impact: What it gives away on top, times the square of its part of the bar's volume.
        rate: Commission as a fraction of the notional after slippage.
        maker_rate: The same of an order that was waiting at its limit when the price came to it.
        per_share: Commission per unit, currency.
        minimum: The least a fill pays, currency.
        leverage: Gross exposure over equity that a fill may reach.
        participation: Fraction of a bar's volume that fills may take; None: no cap.
        whole: Whether quantities are whole numbers.
        allow_short: Whether a position may be negative.
        latency: Between a signal's bar and the earliest bar that may fill it.
        sized_at_fill: Whether a target becomes a quantity at the fill, not at the signal.
        borrow_rate: What being short costs, a fraction of its market value per year.
        margin_rate: What negative cash costs, a fraction per year.
        buying: What a market order to buy pays without impact, as a multiple of the price.
        selling: What a market order to sell gets, likewise.
    """

    slippage: float
    impact: float
    rate: float
    maker_rate: float
    per_share: float
    minimum: float
    leverage: float
    participation: float | None
    whole_shares: bool
    allow_short: bool
    latency: np.timedelta64
    sized_at_fill: bool
    borrow_rate: float
    margin_rate: float
    buying: float = field(init=False)
    selling: float = field(init=False)

    @buying.default
    def _buying(self) -> float:
        return 1.0 + self.slippage

    @selling.default
    def _selling(self) -> float:
        return 1.0 - self.slippage

    @property
    def has_financing(self) -> bool:
        """Whether the passing of time costs anything."""
        return bool(self.borrow_rate or self.margin_rate)

    @property
    def simple(self) -> bool:
        """Whether market orders fill whole, at a price and size that are known before."""
        return self.participation is None and not (self.impact or self.sized_at_fill)

    def impacted(self, reference: float, quantity: float, volume: float) -> float:
        """What an order gets or pays whose size moves the price.

        Slippage is a fraction of the price, and grows by the impact times the square of the order's
        part of the bar's volume (zipline's volume share model). What a bar without volume fills
        counts as all of it.

        Args:
            reference: The price before slippage.
            quantity: Signed units.
            volume: Of the bar, units.
        """
        part = min(1.0, abs(quantity) / volume) if volume > 0.0 else 1.0
        given = self.slippage + self.impact * part * part
        return reference * (1.0 + given if quantity > 0.0 else 1.0 - given)

    def commission(self, quantity: float, price: float, *, maker: bool = False) -> float:
        """Currency a fill pays, at least the minimum."""
        rate = self.maker_rate if maker else self.rate
        return max(self.minimum, abs(quantity) * (price * rate + self.per_share))

    def financing(self, shorts: float, cash: float, years: float) -> tuple[float, float]:
        """What holding an account for some time costs: simple interest, paid at the end of it.

        Args:
            shorts: Market value of what is held short, currency, >= 0.
            cash: Currency.
            years: Of 365 days.

        Returns:
            For the units borrowed, and for the cash, currency.
        """
        borrowed = max(0.0, -cash)
        return self.borrow_rate * shorts * years, self.margin_rate * borrowed * years

    def rounded(self, quantity: float) -> float:
        """The quantity, towards zero where only whole units are traded."""
        return float(math.trunc(quantity)) if self.whole_shares else quantity

    def capped(self, quantity: float, most: float) -> float:
        """As much of a quantity as a bar may fill of which `most` units are to be had."""
        most = max(0.0, most)  # in this order NaN, from a volume that is not known, becomes 0.0
        return quantity if abs(quantity) <= most else self.rounded(math.copysign(most, quantity))

    def affordable(
        self,
        quantity: float,
        price: float,
        position: float,
        equity: float,
        others: float,
        *,
        maker: bool = False,
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
            maker: Whether the order was waiting at its limit.

        Returns:
            A quantity of the same sign, between 0.0 and `quantity`.
        """
        side = math.copysign(1.0, quantity)
        asked, closing = abs(quantity), max(0.0, -side * position)
        if asked <= closing:
            return quantity
        room = self.leverage * equity - others - side * position * price
        rate = self.maker_rate if maker else self.rate
        dearer = price + self.leverage * (price * rate + self.per_share)
        most = min(room / dearer, (room - self.leverage * self.minimum) / price)
        if most >= asked * (1.0 - _ROUNDING):
            return quantity
        if most - closing <= asked * _ROUNDING:
            most = min(closing, asked)
        return self.rounded(side * most)


def cost_model(execution: Execution) -> CostModel:
    """Resolve what a request says about fills: basis points to fractions, None to its meaning."""
    rate, maker = execution.commission_bps or 0.0, execution.maker_commission_bps
    return CostModel(
        slippage=(execution.slippage_bps or 0.0) / 1e4,
        impact=execution.slippage_volume_impact,
        rate=rate / 1e4,
        maker_rate=(rate if maker is None else maker) / 1e4,
        per_share=execution.commission_per_share,
        minimum=execution.commission_minimum,
        leverage=execution.max_leverage,
        participation=execution.max_volume_participation,
        whole_shares=execution.whole_shares,
        allow_short=execution.allow_short,
        latency=np.timedelta64(execution.latency_ms or 0, "ms"),
        sized_at_fill=execution.size_at == "fill",
        borrow_rate=execution.borrow_rate,
        margin_rate=execution.margin_interest_rate,
    )
