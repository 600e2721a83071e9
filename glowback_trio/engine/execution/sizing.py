"""The size of an order: what a target lacks, and what buying power covers.

The functions serve floats and arrays alike. Prices are currency per unit, quantities signed units
(positive buys), money is currency.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import frozen

from glowback_trio.engine.execution.costs import CostModel, Number
from glowback_trio.engine.tolerance import EQUAL, WORTH, held_after
from glowback_trio.model.bars import Floats

_WHOLE = 1.0 + EQUAL

__all__ = ["TargetAtFill", "exceeds", "reduces", "shortfall", "sizes_in_sequence"]


def shortfall(wanted: Number, price: Number, held: Number) -> Number:
    """Return the signed units that a position lacks.

    Args:
        wanted: Market value of the target, currency.
        price: Currency.
        held: Units held.
    """
    return wanted / price - held


def exceeds(exposure: Number, equity: Number, commission: Number | float, leverage: float) -> Any:
    """Return True, or an array of (n,), where buying power does not cover a fill.

    Args:
        exposure: Gross exposure after the fill at the fill price, currency.
        equity: Before the fill, with its symbol at the fill price, currency.
        commission: Of the fill, currency.
        leverage: Gross exposure over equity that a fill may reach.
    """
    return exposure > leverage * (equity - commission)


def reduces(held: Number, quantity: Number) -> Any:
    """Return True, or an array of (n,), where an order does no more than reduce a position.

    Such orders are filled before others at the same open, because they free buying power. One that
    is larger than the position by rounding is one of them.
    """
    return (held * quantity < 0.0) & (abs(quantity) <= abs(held) * _WHOLE)


@frozen
class TargetAtFill:
    """A target whose quantity is computed at the very price at which it fills.

    Attributes:
        fraction: Signed, of equity.
        equity: Before the fill, at the last closes, currency.
        held: Units held before.
        mark: The symbol's last close, currency.
        reference: The price before slippage, currency.
        volume: Of the bar, units.
        most: Units that the bar fills of it.
    """

    fraction: float
    equity: float
    held: float
    mark: float
    reference: float
    volume: float
    most: float

    def worth(self, price: float) -> float:
        """Return the equity with the symbol at a price, currency."""
        return self.equity + self.held * (price - self.mark)

    def lacks(self, price: float) -> float:
        """Return the signed units that the position lacks at a price."""
        return shortfall(self.fraction * self.worth(price), price, self.held)

    def solved(self, costs: CostModel) -> tuple[float, float]:
        """Return quantity and price that agree: each follows from the other.

        The side is that of what is lacking before slippage. Where slippage alone removes what is
        lacking, the quantity is 0.0.
        """
        side = self.lacks(self.reference)
        price = costs.slipped(self.reference, side)
        if costs.impact:
            price = self._agreed(costs, side, price)
        quantity = self.lacks(price)
        return (quantity if quantity * side > 0.0 else 0.0), price

    def _agreed(self, costs: CostModel, side: float, near: float) -> float:
        """Return the price whose quantity moves the bar to this price, by bisection.

        Between the price of no quantity, `near`, and that of all the volume, the price asked for
        what is lacking at a price varies without jumps, so there is one at which both are equal.
        """
        least, far = (
            near,
            costs.impacted(self.reference, math.copysign(math.inf, side), self.volume),
        )
        # To the last bit: in the end there is no float between the two.
        while near < (middle := (near + far) / 2.0) < far or near > middle > far:
            lacking, asked = self.lacks(middle), least
            if lacking * side > 0.0:
                filled = costs.capped(lacking, self.most)
                asked = costs.impacted(self.reference, filled, self.volume)
            if (asked >= middle) == (far > near):
                near = middle
            else:
                far = middle
        return near


def sizes_in_sequence(
    costs: CostModel, targets: tuple[Floats, Floats, Floats, Floats], cash: float, units: float
) -> tuple[Floats, Floats, list[int]]:
    """Compute what each target of an only symbol orders, and as much as buying power covers.

    A quantity depends on what all fills before it have made of the account, so this loop over
    orders is the one thing that no array operation can replace. `shortfall`, `is_held_already`,
    `slipped`, `fee` and `exceeds` are written out in it, because two calls a target are 7 % of a
    run of one symbol.

    Args:
        costs: Conditions of a fill.
        targets: Of each target its fraction of equity, the close it is made at, the close before
            the bar that fills it, and the open of that bar; (S,) each.
        cash: Before the first, currency.
        units: Units held before the first.

    Returns:
        (S,) signed units that are ordered, and that fill; and the places of the fills that leave
        only rounding of a position, which then is flat.
    """
    buying, selling, leverage = costs.buying, costs.selling, costs.leverage
    rate, per_share, minimum = costs.rate, costs.per_share, costs.minimum
    rounded = costs.rounded if costs.whole_shares else None
    sizes: list[float] = []
    ended: list[int] = []
    # Nearly every order fits in full, so only the exceptions are kept apart.
    reduced: dict[int, float] = {}
    columns = (column.tolist() for column in targets)
    for fraction, close, mark, open_price in zip(*columns, strict=True):
        equity = cash + units * close
        quantity = fraction * equity / close - units
        size, held = abs(quantity), abs(units)
        if size <= EQUAL * held or size * close <= WORTH * equity:
            quantity = 0.0
        elif rounded:
            quantity = rounded(quantity)
            size = abs(quantity)
        if quantity:
            price = open_price * (buying if quantity > 0.0 else selling)
            commission = size * (price * rate + per_share)
            if minimum:
                commission = max(commission, minimum)
            # Equity at the fill price, added up as the broker does: from the last close on.
            worth = cash + units * mark + units * (price - mark)
            fits, after = quantity, units + quantity
            reach = abs(after)
            exposure = reach * price
            if exposure > leverage * (worth - commission):
                fits = costs.affordable(quantity, price, units, worth, 0.0)
                commission = costs.commission(fits, price)
                reduced[len(sizes)] = fits
                after = units + fits
                reach = abs(after)
                exposure = reach * price
            if after and (reach <= EQUAL * held or exposure <= WORTH * worth):
                after = held_after(units, fits, price, worth)
                if not after:
                    ended.append(len(sizes))
            if fits:
                cash -= fits * price + commission
                units = after
        sizes.append(quantity)
    wanted = np.array(sizes)
    fits_each = wanted.copy()
    fits_each[list(reduced)] = list(reduced.values())
    return wanted, fits_each, ended
