"""Orders, while they are open."""

from __future__ import annotations

from attrs import define

__all__ = ["Order"]


@define(eq=False)
class Order:
    """A market order, good till cancelled.

    Attributes:
        number: Counted from 1 in the order of submission.
        symbol: Index of the symbol.
        left: Signed units still to fill, positive buys; 0.0 once it is closed.
        bar: Index, among the symbol's own bars, of the next one to try.
        opening: Open of that bar, currency.
        mark: Close of the bar before it, currency.
        filled: Whether any of it has been filled.
    """

    number: int
    symbol: int
    left: float
    bar: int
    opening: float
    mark: float
    filled: bool = False
