"""Orders in words: what may be asked of one, and what may happen to it."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

__all__ = ["HAPPENINGS", "PLAIN", "Kind", "OrderSpec", "TimeInForce"]

Kind = Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
TimeInForce = Literal["GTC", "DAY", "IOC", "FOK"]


@frozen
class OrderSpec:
    """What is asked of an order beside its quantity. Prices and distances are in currency.

    Attributes:
        kind: What has to happen before it fills.
        time_in_force: How long it may wait: until it is cancelled, to the end of the date of the
            first bar it is tried on, or for that bar alone, in part (IOC) or only whole (FOK).
        limit: The worst price it takes; of limit and stop-limit orders.
        stop: The price that sets it off; of stop and stop-limit orders.
        trail: How far the stop follows the best price; of trailing orders.
        stop_loss: Once it has filled, leave the position it opened at this stop.
        take_profit: Likewise at this limit. Whichever of the two fills first cancels the other, and
            both end with the position.
        exits: The specs of the orders these two become.
    """

    kind: Kind = "market"
    time_in_force: TimeInForce = "GTC"
    limit: float | None = None
    stop: float | None = None
    trail: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None
    exits: tuple[OrderSpec, ...] = field(init=False, repr=False, eq=False)

    @exits.default
    def _exits(self) -> tuple[OrderSpec, ...]:
        loss, profit = self.stop_loss, self.take_profit
        stop = () if loss is None else (OrderSpec("stop", stop=loss),)
        return stop if profit is None else (*stop, OrderSpec("limit", limit=profit))


PLAIN = OrderSpec()

#: What may happen to an order, and why. The engine writes down where in this list it stands.
HAPPENINGS = (
    ("submitted", ""),
    ("filled", ""),
    ("cancelled", "replaced by a newer target"),
    ("cancelled", "buying power does not cover it"),
    ("rejected", "buying power does not cover it"),
    ("cancelled", "no bar left to fill it"),
    ("cancelled", "equity is at or below zero"),
    ("cancelled", "cancelled by the strategy"),
    ("cancelled", "its day is over"),
    ("cancelled", "what its one bar left of it may not wait"),
    ("cancelled", "its one bar could not fill it whole"),
    ("cancelled", "the other way out of the position was taken"),
    ("rejected", "short positions are not allowed"),
    ("cancelled", "no position left to leave"),
    ("cancelled", "less than one unit"),
    ("amended", "sized at the price it fills at"),
)
