"""The curves of many accounts on one track, one account to a row."""

from __future__ import annotations

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.engine.batch.many_accounts import FilledOrders
from glowback_trio.engine.finite import LARGEST, quiet
from glowback_trio.model.bars import Floats

__all__ = ["Curves", "draw_curves"]


@frozen(eq=False)
class Curves:
    """Curves of K accounts.

    Attributes:
        value: (K, T) currency.
        drawdown: (K, T) fall from the running peak, a fraction.
        exposure: (K,) part of the bars at whose close something was held.
        is_sound: (K,) False where the account is lost, or its value is no number to go on with.
    """

    value: Floats = field(repr=False)
    drawdown: Floats = field(repr=False)
    exposure: Floats = field(repr=False)
    is_sound: NDArray[np.bool_] = field(repr=False)


@quiet
def draw_curves(fills: FilledOrders, accounts: slice, close: Floats, capital: float) -> Curves:
    """Draw the curves of some accounts that stand on the same track.

    Args:
        fills: Of these accounts and others.
        accounts: Which they are.
        close: Of the track, (T,) currency.
        capital: Cash at the start, currency.
    """
    start = fills.start[accounts.start : accounts.stop + 1]
    which = slice(start.item(0), start.item(-1))
    count, bars = len(start) - 1, len(close)
    # What an account begins with holds until its first fill, and each fill until the next.
    first = start[:-1] - start[0] + np.arange(count)
    place = np.empty(count + which.stop - which.start, np.intp)
    filled = np.ones(len(place), bool)
    filled[first] = False
    place[first] = np.arange(count) * bars
    place[filled] = (fills.account[which] - accounts.start) * bars + fills.due[which]
    lasting = np.diff(place, append=count * bars)
    units, cash = np.zeros(len(place)), np.full(len(place), capital)
    units[filled], cash[filled] = fills.units[which], fills.cash[which]
    value = np.repeat(units, lasting).reshape(count, bars)
    value *= close
    value += np.repeat(cash, lasting).reshape(count, bars)
    held = np.add.reduceat(np.where(units != 0.0, lasting, 0), first)
    drawdown = np.maximum.accumulate(value, axis=1)
    np.maximum(drawdown, capital, out=drawdown)
    fall = np.subtract(drawdown, value)
    np.divide(fall, drawdown, out=drawdown)
    # Written so that NaN fails it: every comparison with NaN is false.
    is_sound = (value.min(axis=1) > 0.0) & (value.max(axis=1) < LARGEST)
    return Curves(value, drawdown, held / bars, is_sound)
