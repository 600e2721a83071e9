"""At which price a bar fills an order: what its four prices prove, and no more.

Where a bar cannot tell what came first, the worse order of events is taken. All rules are written
for an order to buy; one to sell is the same with every price negated.
"""

from __future__ import annotations

from typing import NamedTuple

from glowback_trio.engine.execution.order import Order
from glowback_trio.model.bars import Bars

__all__ = ["Match", "Prices", "follow", "match", "prices", "rest_of_bar"]


class Prices(NamedTuple):
    """A bar's open, high, low and close, or those of what is left of it; currency."""

    open: float
    high: float
    low: float
    close: float


class Match(NamedTuple):
    """A bar meets an order.

    Attributes:
        price: Before slippage, currency.
        at_open: Whether this happens at the open, or later in the bar.
        limited: Whether the order names its price itself, so that slippage does not touch it.
        maker: Whether it was waiting at its limit until the price came to it.
    """

    price: float
    at_open: bool
    limited: bool
    maker: bool = False


def prices(bars: Bars, bar: int) -> Prices:
    """One bar as plain numbers."""
    return Prices(*(column.item(bar) for column in (bars.open, bars.high, bars.low, bars.close)))


def match(order: Order, bar: Prices) -> Match | None:
    """Find where the bar fills the order. One that is set off forgets its stop, filled or not.

    * market: the open;
    * limit: the open if it is no worse than the limit, else the limit once it is touched;
    * stop, trailing stop: the stop once it is touched, the open if that is beyond it; what the bar
      leaves of it is a market order;
    * stop-limit: as a limit from the moment it is set off. Set off within the bar it fills at the
      stop if the limit allows that; if not, the bar cannot tell whether the limit was still
      touched after, and it waits.
    """
    side = _side(order.remaining)
    found = _to_buy(order, _seen(bar, side), side)
    return found and found._replace(price=found.price * side)


def follow(order: Order, bar: Prices) -> None:
    """Let a trailing stop follow a bar that did not set it off; the new level counts from the next.

    Within one bar the best price may have come before or after the worst.
    """
    trail, side = order.spec.trail, _side(order.remaining)
    if trail is not None and order.level is not None:
        order.level = side * min(order.level * side, _seen(bar, side).low + trail)


def rest_of_bar(quantity: float, met: Match, bar: Prices) -> Prices:
    """What may still happen in a bar after it has filled an entry, to the ways out of it.

    After a fill at the open all of it. After a wait at a limit the price came down to it, so the
    low came with it or later; of higher prices only the close is certain. After a stop the price
    went up through it, so the high came later; the low may have, and that is the worse case.

    Args:
        quantity: What was filled, signed units.
        met: Where.
        bar: All of the bar.
    """
    if met.at_open:
        return bar
    side = _side(quantity)
    seen, price = _seen(bar, side), met.price * side
    high = max(price, seen.close) if met.maker else seen.high
    return _seen(Prices(price, high, seen.low, seen.close), side)


def _side(quantity: float) -> float:
    return 1.0 if quantity > 0.0 else -1.0


def _seen(bar: Prices, side: float) -> Prices:
    """The bar as one who buys sees it: for a sale all prices negated, high and low exchanged."""
    return bar if side > 0.0 else Prices(-bar.open, -bar.low, -bar.high, -bar.close)


def _to_buy(order: Order, bar: Prices, side: float) -> Match | None:
    spec = order.spec
    limit = None if spec.limit is None else spec.limit * side
    if order.level is not None:
        level = order.level * side
        if bar.high < level:
            return None
        order.level = None
        if bar.open < level:
            allowed = limit is None or level <= limit
            return Match(level, at_open=False, limited=limit is not None) if allowed else None
    if limit is None:
        return Match(bar.open, at_open=True, limited=False)
    if bar.open <= limit:
        return Match(bar.open, at_open=True, limited=True)
    return Match(limit, at_open=False, limited=True, maker=True) if bar.low <= limit else None
