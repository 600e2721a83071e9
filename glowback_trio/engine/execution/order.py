"""Orders, while they are open."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, frozen

from glowback_trio.model.orders import PLAIN, OrderSpec

__all__ = ["Order", "Rest"]


@define(eq=False)
class Order:
    """An order and what is left of it.

    Attributes:
        number: Counted from 1 in the order of submission.
        symbol: Index of the symbol.
        remaining: Signed units still to fill, positive buys; 0.0 once it is closed.
        bar: Index, among the symbol's own bars, of the next one to try.
        open_price: Open of that bar, currency.
        mark: Close of the bar before it, currency.
        filled: Whether any of it has been filled.
        spec: What else is asked of it.
        fraction: The target it stands for, where the quantity is worked out when it fills; until
            then `remaining` only says on which side.
        level: The price that sets it off, while it still has to be set off.
        reduce_only: Whether it is a way out of a position, and so never opens one.
        oco: The other way out of the same position.
    """

    number: int
    symbol: int
    remaining: float
    bar: int
    open_price: float
    mark: float
    filled: bool = False
    spec: OrderSpec = PLAIN
    fraction: float | None = None
    level: float | None = None
    reduce_only: bool = False
    oco: Order | None = None


@frozen(eq=False)
class Rest:
    """Orders that are submitted but not tried, and what the account is worth before them.

    Attributes:
        orders: Number, symbol, signed quantity and bar of each.
        equity: At the last closes, after what was filled, currency.
        gross: Exposure, likewise.
    """

    orders: Sequence[tuple[int, int, float, int]]
    equity: float
    gross: float
