"""The account: cash, and units of every symbol."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import cast

import numpy as np
from attrs import define, field

from glowback_trio.engine.finite import quiet
from glowback_trio.model.bars import Floats

__all__ = ["Account"]

_FEW = 8  # symbols below which a loop is faster than numpy


@define(eq=False)
class Account:
    """Cash and positions. What positions cost is kept by the ledger, not here.

    Attributes:
        cash: Currency; negative when borrowed.
        units: Signed units of each symbol, (N,).
        held: The same memory as a view, which reads and writes one number several times faster.
    """

    cash: float
    units: Floats
    held: MutableSequence[float] = field(init=False, repr=False)

    @held.default
    def _view(self) -> MutableSequence[float]:
        return cast("MutableSequence[float]", self.units.data)

    @classmethod
    def opened(cls, capital: float, symbols: int) -> Account:
        """Return an account with nothing but cash."""
        return cls(capital, np.zeros(symbols))

    def worth(self, marks: Floats) -> tuple[float, float]:
        """Return equity and gross exposure at these prices.

        Args:
            marks: (N,) currency.

        Returns:
            Currency, both.
        """
        if len(marks) == 1:
            return self.worth_of_one(marks.item(0))
        if len(marks) >= _FEW:
            net, gross = _sums(self.units, marks)
            return self.cash + net, gross
        # numpy adds fewer than 8 numbers in this very order, so the digits are the same. `sum`
        # would not do: from Python 3.12 on it compensates for rounding and gives other digits.
        net = gross = 0.0
        for units, mark in zip(self.units.tolist(), marks.tolist(), strict=True):
            value = units * mark
            net += value
            gross += abs(value)
        return self.cash + net, gross

    def worth_of_one(self, mark: float) -> tuple[float, float]:
        """Return equity and gross exposure of an account for one symbol, at this price."""
        value = self.held[0] * mark
        return self.cash + value, abs(value)


@quiet
def _sums(units: Floats, marks: Floats) -> tuple[float, float]:
    """Return the sum of market values, and of their sizes."""
    worth = units * marks
    net = float(np.add.reduce(worth))
    return net, float(np.add.reduce(np.abs(worth, out=worth)))
