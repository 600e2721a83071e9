"""Orders, while they are open."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define, frozen

from glowback_trio.model.orders import PLAIN, OrderSpec

__all__ = ["Order", "Remainder"]


@define(eq=False)
class Order:
    """An open order.

    Attributes:
        number: Counted from 1 in the order of submission.
        symbol: Index of the symbol.
        remaining: Signed units still to fill, positive buys; 0.0 once the order is closed.
        bar: Index, among the symbol's own bars, of the next one to try.
        mark: Close of the bar before that one, currency.
        ordered: Signed units it was made for; what is left of them by rounding is nothing.
        first: The `bar` it began with, whose session is that of a DAY order.
        filled: True once any of it has been filled.
        spec: Its kind, prices and time in force.
        reduce_only: True if the order may close a position but never open one.
        fraction: The target it stands for, if the quantity is computed when it fills; until then
            only the sign of `remaining` counts.
        level: The price that triggers it, until it has been triggered.
        oco: The other exit of the same position, which a fill of this one cancels.
    """

    number: int
    symbol: int
    remaining: float
    bar: int
    mark: float
    ordered: float
    first: int
    filled: bool = False
    spec: OrderSpec = PLAIN
    reduce_only: bool = False
    fraction: float | None = None
    level: float | None = None
    oco: Order | None = None

    def link(self, other: Order) -> None:
        """Make two exits cancel each other."""
        self.oco, other.oco = other, self


@frozen(eq=False)
class Remainder:
    """Orders that a batch has submitted but not tried, and the account's value before them.

    Attributes:
        orders: Number, symbol, signed quantity and bar of each.
        equity: At the last closes, after what was filled, currency.
        gross: Gross exposure, likewise.
    """

    orders: Sequence[tuple[int, int, float, int]]
    equity: float
    gross: float
