"""Match an order against a bar: fill only what the bar's four prices prove.

Where a bar does not show what came first, the worse order of events is assumed. All rules are
written for an order to buy; one to sell is the same with every price negated.
"""

from __future__ import annotations

from typing import NamedTuple

from glowback_trio.engine.execution.order import Order
from glowback_trio.model.bars import Bars

__all__ = ["Match", "Prices", "at_open", "follow", "match", "prices", "rest_of_bar"]


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
        late: True if the price came to it from above (to a sale from below), so that of the higher
            prices of the bar only the close is sure to come afterwards.
    """

    price: float
    at_open: bool
    limited: bool
    maker: bool = False
    late: bool = False


def at_open(price: float) -> Match:
    """Return the match of a plain market order, which fills at a bar's open."""
    # Every fill comes here, and the constructor of a named tuple takes twice as long.
    return tuple.__new__(Match, (price, True, False, False, False))


def prices(bars: Bars, bar: int) -> Prices:
    """Return one bar as plain floats."""
    return Prices(*(column.item(bar) for column in (bars.open, bars.high, bars.low, bars.close)))


def match(order: Order, bar: Prices) -> Match | None:
    """Find where the bar fills the order; a triggered order forgets its stop, filled or not.

    * market: the open;
    * limit: the open if it is no worse than the limit, else the limit once it is touched;
    * stop, trailing stop: the stop once it is touched, the open if that is beyond it; a remainder
      waits as a market order;
    * trailing stop, besides: the open moves its level before the rest of the bar, and a close that
      lies the trail away from the bar's best price proves that the level which this price set was
      passed on the way to it;
    * stop-limit: as a limit once it is triggered. Triggered within the bar it fills at the stop if
      the limit allows that; if not, at the limit if the close allows it, because the price then
      came from the stop to the close. Of other prices the bar does not show whether they came
      after the stop, and the order waits.
    """
    side = _side(order.remaining)
    # Seen from the buyer's side, and the price turned back afterwards.
    found = _to_buy(order, _seen(bar, side), side)
    return found and found._replace(price=found.price * side)


def follow(order: Order, bar: Prices) -> None:
    """Move a trailing stop after a bar that did not trigger it; the new level counts from the next.

    Within one bar the best price may have come before or after the worst, so but for its open and
    its close the bar itself is held to the old level.
    """
    trail, side = order.spec.trail, _side(order.remaining)
    if trail is not None and order.level is not None:
        order.level = side * min(order.level * side, _seen(bar, side).low + trail)


def rest_of_bar(quantity: float, at: Match, bar: Prices) -> Prices:
    """Return the prices that may still come in a bar after a fill, for the exits of that fill.

    After a fill at the open all of it. After a late fill, such as a wait at a limit, the price came
    down to it, or up from the low that had set it: the low may have come later, and of higher
    prices only the close is certain. After a stop the price went up through it, so the high came
    later; the low may have, and that is the worse case.

    Args:
        quantity: Signed units filled.
        at: Where they were filled.
        bar: The whole bar.
    """
    if at.at_open:
        return bar
    side = _side(quantity)
    seen, price = _seen(bar, side), at.price * side
    high = max(price, seen.close) if at.late else seen.high
    return _seen(Prices(price, high, seen.low, seen.close), side)


def _side(quantity: float) -> float:
    return 1.0 if quantity > 0.0 else -1.0


def _seen(bar: Prices, side: float) -> Prices:
    """Return the bar as a buyer sees it: for a sale, prices negated, high and low exchanged."""
    return bar if side > 0.0 else Prices(-bar.open, -bar.low, -bar.high, -bar.close)


def _to_buy(order: Order, bar: Prices, side: float) -> Match | None:
    limit = None if order.spec.limit is None else order.spec.limit * side
    if order.level is None:
        return _at_once(bar, limit)
    level, trail = order.level * side, order.spec.trail
    if trail is not None:
        level = min(level, bar.open + trail)
    if bar.high < level:
        return _turned(order, bar, trail)
    # Triggered for good: if it does not fill on this bar, it waits as a market or limit order.
    order.level = None
    if bar.open >= level:
        return _at_once(bar, limit)
    if limit is None or level <= limit:
        return Match(level, at_open=False, limited=limit is not None)
    return _waited(limit) if bar.close <= limit else None


def _at_once(bar: Prices, limit: float | None) -> Match | None:
    """Find where a bar fills an order that waits for no stop."""
    if limit is None:
        return Match(bar.open, at_open=True, limited=False)
    # An open beyond the limit is a better price than the limit.
    if bar.open <= limit:
        return Match(bar.open, at_open=True, limited=True)
    return _waited(limit) if bar.low <= limit else None


def _turned(order: Order, bar: Prices, trail: float | None) -> Match | None:
    """Find out whether a bar has itself moved a trailing stop to a level that its close passed."""
    if trail is None or bar.close < bar.low + trail:
        return None
    order.level = None
    return Match(bar.low + trail, at_open=False, limited=False, late=True)


def _waited(limit: float) -> Match:
    return Match(limit, at_open=False, limited=True, maker=True, late=True)
