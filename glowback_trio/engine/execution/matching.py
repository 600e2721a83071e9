"""Match an order against a bar: fill only what the bar's four prices prove.

Where a bar does not show what came first, the worse order of events is assumed. All rules are
written for an order to buy; one to sell is the same with every price negated.
"""

from __future__ import annotations

from typing import NamedTuple

from glowback_trio.engine.execution.order import Order
from glowback_trio.model.bars import Bars

__all__ = ["Match", "Prices", "follow", "match", "prices", "rest_of_bar"]


class Prices(NamedTuple):
    """Open, high, low and close of a bar or of the rest of one, currency."""

    open: float
    high: float
    low: float
    close: float


class Match(NamedTuple):
    """Where a bar fills an order.

    Attributes:
        price: Before slippage, currency.
        at_open: True if it fills at the open, False if later in the bar.
        limited: True if the order has a limit, so that slippage does not touch the price.
        maker: True if the order was waiting at its limit until the price came to it.
    """

    price: float
    at_open: bool
    limited: bool
    maker: bool = False


def prices(bars: Bars, bar: int) -> Prices:
    """Return one bar as plain floats."""
    return Prices(*(column.item(bar) for column in (bars.open, bars.high, bars.low, bars.close)))


def match(order: Order, bar: Prices) -> Match | None:
    """Find where the bar fills the order; a triggered order forgets its stop, filled or not.

    * market: the open;
    * limit: the open if it is no worse than the limit, else the limit once it is touched;
    * stop, trailing stop: the stop once it is touched, the open if that is beyond it; a remainder
      waits as a market order;
    * stop-limit: as a limit once it is triggered. Triggered within the bar it fills at the stop if
      the limit allows that; if not, the bar does not show whether the limit was touched afterwards,
      and the order waits.
    """
    side = _side(order.remaining)
    # Seen from the buyer's side, and the price turned back afterwards.
    found = _to_buy(order, _seen(bar, side), side)
    return found and found._replace(price=found.price * side)


def follow(order: Order, bar: Prices) -> None:
    """Move a trailing stop after a bar that did not trigger it; the new level counts from the next.

    Within one bar the best price may have come before or after the worst, so the bar itself is
    held to the old level.
    """
    trail, side = order.spec.trail, _side(order.remaining)
    if trail is not None and order.level is not None:
        order.level = side * min(order.level * side, _seen(bar, side).low + trail)


def rest_of_bar(quantity: float, at: Match, bar: Prices) -> Prices:
    """Return the prices that may still come in a bar after a fill, for the exits of that fill.

    After a fill at the open all of it. After a wait at a limit the price came down to it, so the
    low came with it or later; of higher prices only the close is certain. After a stop the price
    went up through it, so the high came later; the low may have, and that is the worse case.

    Args:
        quantity: Signed units filled.
        at: Where they were filled.
        bar: The whole bar.
    """
    if at.at_open:
        return bar
    side = _side(quantity)
    seen, price = _seen(bar, side), at.price * side
    # A limit was reached from above, so a higher price than the fill may have come before it.
    high = max(price, seen.close) if at.maker else seen.high
    return _seen(Prices(price, high, seen.low, seen.close), side)


def _side(quantity: float) -> float:
    return 1.0 if quantity > 0.0 else -1.0


def _seen(bar: Prices, side: float) -> Prices:
    """Return the bar as a buyer sees it: for a sale, prices negated, high and low exchanged."""
    return bar if side > 0.0 else Prices(-bar.open, -bar.low, -bar.high, -bar.close)


def _to_buy(order: Order, bar: Prices, side: float) -> Match | None:
    spec = order.spec
    limit = None if spec.limit is None else spec.limit * side
    if order.level is not None:
        level = order.level * side
        if bar.high < level:
            return None
        # Triggered for good: if it does not fill on this bar, it waits as a market or limit order.
        order.level = None
        if bar.open < level:
            allowed = limit is None or level <= limit
            return Match(level, at_open=False, limited=limit is not None) if allowed else None
    if limit is None:
        return Match(bar.open, at_open=True, limited=False)
    # An open beyond the limit is a better price than the limit.
    if bar.open <= limit:
        return Match(bar.open, at_open=True, limited=True)
    return Match(limit, at_open=False, limited=True, maker=True) if bar.low <= limit else None
