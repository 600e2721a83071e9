"""The account: cash, and units of every symbol."""

from __future__ import annotations

import numpy as np
from attrs import define

from glowback_trio.model.bars import Floats

__all__ = ["Account"]

_FEW = 8


@define(eq=False)
class Account:
    """What is owned. What it cost is no business of the account, but of the books.

    Attributes:
        cash: Currency; negative when borrowed.
        units: Signed units of each symbol, (N,).
    """

    cash: float
    units: Floats

    @classmethod
    def opened(cls, capital: float, symbols: int) -> Account:
        """An account with nothing but cash."""
        return cls(capital, np.zeros(symbols))

    def worth(self, marks: Floats) -> tuple[float, float]:
        """Equity and gross exposure at these prices.

        Args:
            marks: (N,) currency.

        Returns:
            Currency, both. For a few symbols a plain loop beats numpy, whose sum adds so few in the
            same order. (`sum` would compensate on newer Pythons and give other digits.)
        """
        if len(marks) == 1:
            value = self.units.item(0) * marks.item(0)
            return self.cash + value, abs(value)
        if len(marks) >= _FEW:
            worth = self.units * marks
            net = float(np.add.reduce(worth))
            return self.cash + net, float(np.add.reduce(np.abs(worth, out=worth)))
        net = gross = 0.0
        for units, mark in zip(self.units.tolist(), marks.tolist(), strict=True):
            value = units * mark
            net += value
            gross += abs(value)
        return self.cash + net, gross
