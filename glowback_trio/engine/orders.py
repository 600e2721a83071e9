"""Orders that are open."""

from __future__ import annotations

from attrs import define

__all__ = ["Order"]


@define(eq=False)
class Order:
    """A market order, good till cancelled.

    Attributes:
        number: Counted from 1 in the order of submission.
        symbol: Index of the symbol.
        left: Signed units still to fill; positive buys.
        bar: Index, among the symbol's own bars, of the next one to try.
        filled: Whether any of it has been filled.
    """

    number: int
    symbol: int
    left: float
    bar: int
    filled: bool = False
