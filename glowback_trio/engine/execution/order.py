"""Orders, while they are open."""

from __future__ import annotations

from attrs import define

from glowback_trio.model.orders import PLAIN, OrderSpec

__all__ = ["Order"]


@define(eq=False)
class Order:
    """An order and what is left of it.

    Attributes:
        number: Counted from 1 in the order of submission.
        symbol: Index of the symbol.
        left: Signed units still to fill, positive buys; 0.0 once it is closed.
        bar: Index, among the symbol's own bars, of the next one to try.
        opening: Open of that bar, currency.
        mark: Close of the bar before it, currency.
        filled: Whether any of it has been filled.
        spec: What else is asked of it.
        fraction: The target it stands for, where the quantity is worked out when it fills; until
            then `left` only says on which side.
        level: The price that sets it off, while it still has to be set off.
        leaves: Whether it is a way out of a position, and so never opens one.
        other: The other way out of the same position.
    """

    number: int
    symbol: int
    left: float
    bar: int
    opening: float
    mark: float
    filled: bool = False
    spec: OrderSpec = PLAIN
    fraction: float | None = None
    level: float | None = None
    leaves: bool = False
    other: Order | None = None
