"""The size of an order: what a target lacks, and what buying power covers.

The functions serve floats and arrays alike. Prices are currency per unit, quantities signed units
(positive buys), money is currency.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from glowback_trio.engine.execution.costs import CostModel, Number
from glowback_trio.engine.tolerance import EQUAL, WORTH, held_after
from glowback_trio.model.bars import Floats

_WHOLE = 1.0 + EQUAL

__all__ = ["exceeds", "reduces", "shortfall", "sizes_in_sequence"]


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


def sizes_in_sequence(
    costs: CostModel, targets: tuple[Floats, Floats, Floats, Floats], cash: float, units: float
) -> tuple[Floats, Floats, Floats]:
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
        (S,) signed units, each: what is ordered, what fills, and what is held after it.
    """
    buying, selling, leverage = costs.buying, costs.selling, costs.leverage
    rate, per_share, minimum = costs.rate, costs.per_share, costs.minimum
    rounded = costs.rounded if costs.whole_shares else None
    sizes: list[float] = []
    holdings: list[float] = []
    # Nearly every order fits in full, so only the exceptions are kept apart.
    reduced: dict[int, float] = {}
    columns = (column.tolist() for column in targets)
    for fraction, close, mark, open_price in zip(*columns, strict=True):
        equity = cash + units * close
        quantity = fraction * equity / close - units
        size = abs(quantity)
        if size <= EQUAL * abs(units) or size * close <= WORTH * equity:
            quantity = 0.0
        elif rounded:
            quantity = rounded(quantity)
        if quantity:
            price = open_price * (buying if quantity > 0.0 else selling)
            commission = abs(quantity) * (price * rate + per_share)
            if minimum:
                commission = max(commission, minimum)
            # Equity at the fill price, added up as the broker does: from the last close on.
            worth = cash + units * mark + units * (price - mark)
            fits = quantity
            if abs(units + quantity) * price > leverage * (worth - commission):
                fits = costs.affordable(quantity, price, units, worth, 0.0)
                commission = costs.commission(fits, price)
                reduced[len(sizes)] = fits
            if fits:
                cash -= fits * price + commission
                reduced_by = units * fits < 0.0
                units = held_after(units, fits, price, worth) if reduced_by else units + fits
        sizes.append(quantity)
        holdings.append(units)
    wanted = np.array(sizes)
    fits_each = wanted.copy()
    fits_each[list(reduced)] = list(reduced.values())
    return wanted, fits_each, np.array(holdings)
