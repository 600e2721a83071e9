"""The kernel's arithmetic: `tolerance`, `costs` and `sizing` for one order, on plain numbers.

The same operations in the same order as there, so that no digit differs; tests hold each function
to its counterpart. `costs` is a record of `tables.COSTS`, other units are those of the counterpart.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from glowback_trio.engine.tolerance import EQUAL, WORTH
from glowback_trio.model.bars import Floats

__all__ = [
    "added",
    "affordable",
    "capped",
    "commission",
    "held_after",
    "is_held_already",
    "is_rounding",
    "price_after",
    "reduces",
    "rounded",
    "sized_at_fill",
]

_PART = 128  # numbers that numpy adds in eight columns, before it halves what is left
_WHOLE = 1.0 + EQUAL


def added(values: Floats, count: int, halves: Any) -> float:
    """Return the sum of the first numbers of an array, added in numpy's order.

    More than 128 numbers are halved, each half is added, and then both. This is written without
    recursion, which numba cannot load from its cache.

    Args:
        values: The numbers.
        count: How many.
        halves: Scratch, of `tables.HALF`: the halves on the way down, and the sums of left ones.
    """
    depth, first, rest = 0, 0, count
    while True:
        while rest > _PART:
            half = rest // 2
            half -= half % 8
            halves[depth]["rest"] = rest - half
            halves[depth]["known"] = 0
            depth, rest = depth + 1, half
        total = _added_part(values, first, rest)
        first += rest
        while depth > 0 and halves[depth - 1]["known"] != 0:
            depth -= 1
            total = halves[depth]["left"] + total
        if depth == 0:
            break
        halves[depth - 1]["left"] = total
        halves[depth - 1]["known"] = 1
        rest = halves[depth - 1]["rest"]
    return float(total)


def _added_part(values: Floats, first: int, count: int) -> float:
    """Return the sum of at most 128 numbers: in eight columns, then these, then what is left."""
    total = 0.0
    if count < 8:
        for at in range(first, first + count):
            total += values[at]
        return total
    a, b, c, d = values[first], values[first + 1], values[first + 2], values[first + 3]
    e, f, g, h = values[first + 4], values[first + 5], values[first + 6], values[first + 7]
    whole = count - count % 8
    for at in range(first + 8, first + whole, 8):
        a += values[at]
        b += values[at + 1]
        c += values[at + 2]
        d += values[at + 3]
        e += values[at + 4]
        f += values[at + 5]
        g += values[at + 6]
        h += values[at + 7]
    total = ((a + b) + (c + d)) + ((e + f) + (g + h))
    for at in range(first + whole, first + count):
        total += values[at]
    return float(total)


def is_rounding(difference: float, of: float) -> bool:
    """Return True where a difference is only rounding of a number."""
    return abs(difference) <= EQUAL * abs(of)


def is_held_already(quantity: float, held: float, price: float, equity: float) -> bool:
    """Return True where what a target lacks is no more than rounding."""
    return abs(quantity) <= EQUAL * abs(held) or abs(quantity) * price <= WORTH * equity


def held_after(held: float, quantity: float, price: float, equity: float) -> float:
    """Return the units held after a fill: exactly 0.0 where only rounding is left."""
    units = held + quantity
    if held * quantity >= 0.0:
        return units
    left = abs(units)
    if left <= EQUAL * abs(held) or left * price <= WORTH * equity:
        return 0.0
    return units


def reduces(held: float, quantity: float) -> bool:
    """Return True where an order does no more than reduce a position."""
    return held * quantity < 0.0 and abs(quantity) <= abs(held) * _WHOLE


def rounded(costs: Any, quantity: float) -> float:
    """Return the quantity, rounded towards zero if only whole units are traded."""
    if costs["whole"] == 0 or not math.isfinite(quantity):
        return quantity
    nearest = np.rint(quantity)
    if is_rounding(nearest - quantity, quantity):
        return float(nearest) + 0.0  # without the sign that a zero may have
    return float(np.trunc(quantity)) + 0.0


def price_after(costs: Any, reference: float, quantity: float, volume: float) -> float:
    """Return the price after slippage of a market order."""
    if costs["impact"] != 0.0:
        part = 1.0
        if volume > 0.0 and abs(quantity) / volume < 1.0:
            part = abs(quantity) / volume
        lost = costs["slippage"] + costs["impact"] * part * part
        return reference * float(1.0 + lost if quantity > 0.0 else 1.0 - lost)
    return reference * float(costs["buying"] if quantity > 0.0 else costs["selling"])


def commission(costs: Any, quantity: float, price: float) -> float:
    """Return the commission of a fill, at least the minimum."""
    paid = abs(quantity) * (price * costs["rate"] + costs["per_share"])
    return float(max(costs["minimum"], paid))


def capped(costs: Any, quantity: float, most: float) -> float:
    """Return as much of a quantity as a bar fills that offers `most` units."""
    offered = max(0.0, most)  # NaN, from a volume that is not known, becomes 0.0
    wanted = abs(quantity)
    if wanted <= offered or is_rounding(wanted - offered, wanted):
        return quantity
    return rounded(costs, math.copysign(offered, quantity))


def affordable(
    costs: Any, quantity: float, price: float, position: float, equity: float, others: float
) -> float:
    """Reduce an order to what the buying power covers."""
    side = math.copysign(1.0, quantity)
    wanted = abs(quantity)
    closing = max(0.0, -side * position)
    if wanted <= closing:
        return quantity
    leverage = costs["leverage"]
    room = leverage * equity - others - side * position * price
    dearer = price + leverage * (price * costs["rate"] + costs["per_share"])
    most, by_minimum = room / dearer, (room - leverage * costs["minimum"]) / price
    most = min(most, by_minimum)
    nothing = (max(0.0, WORTH * equity)) / price
    if wanted - most <= nothing:
        return quantity
    if most - closing <= nothing:
        most = closing
    return rounded(costs, side * most)


def sized_at_fill(
    costs: Any,
    target: tuple[float, float, float, float],
    reference: float,
    volume: float,
    most: float,
) -> float:
    """Return the quantity of a target at the very price of its fill; 0.0 if nothing is lacking.

    Args:
        costs: Conditions of a fill.
        target: Its fraction of equity, the equity before the fill, the units held, the last close.
        reference: The price before slippage.
        volume: Of the bar, units.
        most: Units that the bar fills of it.
    """
    _, equity, held, mark = target
    side = _lacks(target, reference)
    price = reference * (costs["buying"] if side > 0.0 else costs["selling"])
    if costs["impact"] != 0.0:
        price = _agreed(costs, target, side, price, reference, volume, most)
    quantity = _lacks(target, price)
    if not quantity * side > 0.0:
        quantity = 0.0
    if is_held_already(quantity, held, price, equity + held * (price - mark)):
        return 0.0
    return rounded(costs, quantity)


def _lacks(target: tuple[float, float, float, float], price: float) -> float:
    fraction, equity, held, mark = target
    return fraction * (equity + held * (price - mark)) / price - held


def _agreed(
    costs: Any,
    target: tuple[float, float, float, float],
    side: float,
    near: float,
    reference: float,
    volume: float,
    most: float,
) -> float:
    """Return the price whose quantity moves the bar to this price, by bisection."""
    least, far = near, price_after(costs, reference, math.copysign(math.inf, side), volume)
    middle = (near + far) / 2.0
    while near < middle < far or near > middle > far:
        lacking, asked = _lacks(target, middle), least
        if lacking * side > 0.0:
            filled = capped(costs, lacking, most)
            asked = price_after(costs, reference, filled, volume)
        if (asked >= middle) == (far > near):
            near = middle
        else:
            far = middle
        middle = (near + far) / 2.0
    return near
