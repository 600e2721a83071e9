"""The cost model: price and commission of a fill, what may be filled, and what holding costs.

Every path to a fill computes through this module and `sizing`: the broker one order at a time, on
plain floats, and the batches on whole columns. Where a branch keeps one function from serving both,
there is one for floats and one for arrays, side by side. They do the same operations in the same
order, so that the paths agree to the last bit.

Prices are currency per unit, quantities signed units (positive buys), money is currency.
"""

from __future__ import annotations

import math
from typing import TypeVar

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.tolerance import (
    WORTH,
    is_rounding,
    towards_zero,
    towards_zero_each,
)
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import Execution

__all__ = ["CostModel", "Number", "cost_model"]

Number = TypeVar("Number", float, Floats)

_NONE = np.timedelta64(0, "ms")


@frozen
class CostModel:
    """The conditions on which every order of a run fills.

    A field that `batch.gate` does not name keeps its default in a batch: any other value makes the
    broker fill every order.

    Attributes:
        slippage: What a market or stop order loses, as a fraction of the price.
        impact: What it loses on top, times the square of its part of the bar's volume.
        rate: Commission as a fraction of the notional after slippage.
        maker_rate: The same of an order that was waiting at its limit when the price came to it.
        per_share: Commission per unit, currency.
        minimum: The least a fill pays, currency.
        leverage: Gross exposure over equity that a fill may reach.
        participation: Fraction of a bar's volume that fills may take; None: no cap.
        whole_shares: True if quantities are whole numbers.
        allow_short: True if a position may be negative.
        latency: Between a signal's bar and the earliest bar that may fill it.
        sized_at_fill: True if a target becomes a quantity at the fill, not at the signal.
        borrow_rate: What a short position costs, a fraction of its market value per year.
        margin_rate: What negative cash costs, a fraction per year.
        closes_ended: True if a position is closed once its symbol's data have ended.
        buying: What a market order to buy pays without impact, as a multiple of the price.
        selling: What a market order to sell gets, likewise.
    """

    slippage: float = 0.0
    impact: float = 0.0
    rate: float = 0.0
    maker_rate: float = 0.0
    per_share: float = 0.0
    minimum: float = 0.0
    leverage: float = 1.0
    participation: float | None = None
    whole_shares: bool = False
    allow_short: bool = True
    latency: np.timedelta64 = _NONE
    sized_at_fill: bool = False
    borrow_rate: float = 0.0
    margin_rate: float = 0.0
    closes_ended: bool = False
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
        """True if holding positions costs something as time passes."""
        return bool(self.borrow_rate or self.margin_rate)

    @property
    def acts_between_orders(self) -> bool:
        """True if something may happen to the account on a row without an order."""
        return self.has_financing or self.closes_ended

    def slipped(self, reference: Number, quantity: float) -> Number:
        """Return the price after slippage of orders that are all on the side of `quantity`."""
        return reference * (self.buying if quantity > 0.0 else self.selling)

    def slipped_each(self, reference: Floats, quantity: Floats) -> Floats:
        """Return the price after slippage of each order, (n,)."""
        if not self.slippage:
            return reference
        prices: Floats = reference * np.where(quantity > 0.0, self.buying, self.selling)
        return prices

    def impacted(self, reference: float, quantity: float, volume: float) -> float:
        """Return the price after slippage that grows with the size of the order.

        Slippage is a fraction of the price, and grows by the impact times the square of the order's
        part of the bar's volume (zipline's volume share model). An order counts as all of the
        volume on a bar that has none.

        Args:
            reference: The price before slippage.
            quantity: Signed units.
            volume: Of the bar, units.
        """
        part = min(1.0, abs(quantity) / volume) if volume > 0.0 else 1.0
        lost = self.slippage + self.impact * part * part
        return reference * (1.0 + lost if quantity > 0.0 else 1.0 - lost)

    def fee(self, price: Number, *, maker: bool = False) -> Number:
        """Return the commission per unit at a price, before the minimum."""
        return price * (self.maker_rate if maker else self.rate) + self.per_share

    def commission(self, quantity: float, price: float, *, maker: bool = False) -> float:
        """Return the commission of a fill, at least the minimum."""
        # The fee and the maximum are written out, because every fill of the broker comes here.
        rate, minimum = self.maker_rate if maker else self.rate, self.minimum
        commission = abs(quantity) * (price * rate + self.per_share)
        if commission > minimum:
            return commission
        return minimum

    def commission_each(self, quantity: Floats, price: Floats) -> Floats | float:
        """Return the commission of each taker's fill, (n,); 0.0 if none can arise."""
        if not (self.rate or self.per_share or self.minimum):
            return 0.0
        commission: Floats = np.abs(quantity) * self.fee(price)
        return np.maximum(self.minimum, commission) if self.minimum else commission

    def financing(self, shorts: float, cash: float, years: float) -> tuple[float, float]:
        """Return what holding an account for some time costs: simple interest, paid at its end.

        Args:
            shorts: Market value of all short positions, currency, >= 0.
            cash: Currency.
            years: Of 365 days.

        Returns:
            For the units borrowed, and for the cash, currency.
        """
        borrowed = max(0.0, -cash)
        return self.borrow_rate * shorts * years, self.margin_rate * borrowed * years

    def rounded(self, quantity: float) -> float:
        """Return the quantity, rounded towards zero if only whole units are traded."""
        return towards_zero(quantity) if self.whole_shares else quantity

    def rounded_each(self, quantity: Floats) -> Floats:
        """Return each quantity, (n,), rounded towards zero if only whole units are traded."""
        return towards_zero_each(quantity) if self.whole_shares else quantity

    def capped(self, quantity: float, most: float) -> float:
        """Return as much of a quantity as a bar fills that offers `most` units."""
        most = max(0.0, most)  # in this order NaN, from a volume that is not known, becomes 0.0
        wanted = abs(quantity)
        if wanted <= most or is_rounding(wanted - most, wanted):
            return quantity
        return self.rounded(math.copysign(most, quantity))

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
        """Reduce an order to what the buying power covers.

        After the fill and its commission, gross exposure may be at most `leverage` x equity:

            others + |position + quantity| price <= leverage (equity - commission)

        With s the order's side and q = |quantity|, |position + quantity| = q + s position once the
        order has closed what it closes, and the bound is linear in q for either arm of the
        commission. What closes a position is always covered.

        Args:
            quantity: Signed units ordered.
            price: The fill price.
            position: Units held before.
            equity: Before the fill, with this symbol at `price`, currency.
            others: Gross exposure of all other symbols, currency.
            maker: True if the order was waiting at its limit.

        Returns:
            A quantity of the same sign, between 0.0 and `quantity`.
        """
        side = math.copysign(1.0, quantity)
        wanted, closing = abs(quantity), max(0.0, -side * position)
        if wanted <= closing:
            return quantity
        # The bound solved for q, once for a commission by rate and once for the minimum; both hold.
        room = self.leverage * equity - others - side * position * price
        dearer = price + self.leverage * self.fee(price, maker=maker)
        most = min(room / dearer, (room - self.leverage * self.minimum) / price)
        # Measured by the account's money: next to a very large order everything is small.
        nothing = max(0.0, WORTH * equity) / price
        if wanted - most <= nothing:
            return quantity
        # What would open less than that only closes.
        if most - closing <= nothing:
            most = closing
        return self.rounded(side * most)


def cost_model(execution: Execution) -> CostModel:
    """Resolve a request's execution: basis points to fractions, None to what it stands for."""
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
        closes_ended=execution.on_data_end == "close",
    )
