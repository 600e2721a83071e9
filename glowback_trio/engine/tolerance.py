"""The tolerance: which quantities, orders and differences are nothing but rounding.

Numbers that people write in decimals are rounded in binary: 0.1 + 0.2 - 0.3 leaves 5.6e-17. Every
comparison of a quantity with zero, and of two numbers that may be equal, is made here, so that all
ways to a fill agree on what is left of an order, a position or a difference.

The functions that return `Any` serve floats and arrays alike. Prices are currency per unit,
quantities signed units, equity is currency.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glowback_trio.model.bars import Floats

__all__ = [
    "EQUAL",
    "WORTH",
    "held_after",
    "held_after_each",
    "is_held_already",
    "is_rounding",
    "is_worthless",
    "towards_zero",
    "towards_zero_each",
]

#: Two numbers are equal if they differ by no more than this part of the larger. A million sums of
#: 0.1 are off by a tenth of it; prices and means that really differ do so by far more.
EQUAL = 1e-10
#: Units worth no more than this part of equity are not worth an order, nor are they a position.
#: Buying power is off by a tenth of it at worst. The largest account can still buy for 1.00.
WORTH = 1e-12


def is_rounding(difference: Any, of: Any) -> Any:
    """Return True, or an array of (n,), where a difference is only rounding of a number."""
    return abs(difference) <= EQUAL * abs(of)


def is_worthless(quantity: Any, price: Any, equity: Any) -> Any:
    """Return True, or an array of (n,), where units are worth too little to be traded or held."""
    return abs(quantity) * price <= WORTH * equity


def is_held_already(quantity: Any, held: Any, price: Any, equity: Any) -> Any:
    """Return True, or an array of (n,), where what a target lacks is no more than rounding.

    Args:
        quantity: What it lacks.
        held: Units held.
        price: The price that sized the target.
        equity: Of the account at that price.
    """
    size = abs(quantity)
    return (size <= EQUAL * abs(held)) | (size * price <= WORTH * equity)


def held_after(held: float, quantity: float, price: float, equity: float) -> float:
    """Return the units held after a fill: exactly 0.0 where only rounding is left of a position.

    Args:
        held: Units before.
        quantity: Units filled.
        price: Of the fill.
        equity: Before the fill, with this symbol at `price`.
    """
    units = held + quantity
    if held * quantity >= 0.0:
        return units
    left = abs(units)
    return 0.0 if left <= EQUAL * abs(held) or left * price <= WORTH * equity else units


def held_after_each(held: Floats, quantity: Floats, price: Floats, equity: Floats) -> Floats:
    """Return the units held after each of (n,) fills, as `held_after` does."""
    units = held + quantity
    left = is_rounding(units, held) | is_worthless(units, price, equity)
    settled: Floats = np.where((held * quantity < 0.0) & left, 0.0, units)
    return settled


def towards_zero(quantity: float) -> float:
    """Return the whole units of a quantity; one that is whole but for rounding stays whole."""
    if not math.isfinite(quantity):
        return quantity
    nearest = float(round(quantity))
    return nearest if is_rounding(nearest - quantity, quantity) else float(math.trunc(quantity))


def towards_zero_each(quantity: Floats) -> Floats:
    """Return the whole units of each quantity, (n,), as `towards_zero` does."""
    nearest = np.rint(quantity)
    whole: Floats = np.where(is_rounding(nearest - quantity, quantity), nearest, np.trunc(quantity))
    return whole
