"""Orders in words: what a strategy may specify of one, and what may happen to it."""

from __future__ import annotations

from enum import IntEnum
from typing import Literal, Self

from attrs import field, frozen

__all__ = ["PLAIN", "Kind", "OrderEventKind", "OrderSpec", "TimeInForce"]

Kind = Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
TimeInForce = Literal["GTC", "DAY", "IOC", "FOK"]


@frozen
class OrderSpec:
    """The conditions of an order, its quantity apart. Prices and distances are in currency.

    Attributes:
        kind: Which of the prices below it has.
        time_in_force: How long it may wait: until it is cancelled, to the end of the date of the
            first bar it is tried on, or for that bar only, in part (IOC) or in full (FOK).
        limit: The worst price it may fill at; of limit and stop-limit orders.
        stop: The price that triggers it; of stop and stop-limit orders.
        trail: How far the stop follows the best price; of trailing orders.
        stop_loss: Once it has filled, close the position it opened at this stop.
        take_profit: Likewise at this limit. Whichever of the two fills first cancels the other, and
            both end with the position.
        exits: The specs of the orders that these two become.
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


class OrderEventKind(IntEnum):
    """An event in the life of an order, and its reason.

    The engine records the number of a member; users read its `event` and `reason`. A number is the
    member's place in the class, so that a tuple over the class can be indexed by it.

    Attributes:
        event: `submitted`, `amended`, `filled`, `cancelled` or `rejected`.
        reason: Why it was cancelled, rejected or amended; empty otherwise.
    """

    event: str
    reason: str

    def __new__(cls, event: str, reason: str) -> Self:
        """Number the members from 0 in the order they are written in."""
        number = len(cls.__members__)
        member = int.__new__(cls, number)
        member._value_ = number
        member.event, member.reason = event, reason
        return member

    SUBMITTED = "submitted", ""
    FILLED = "filled", ""
    REPLACED = "cancelled", "replaced by a newer target"
    REMAINDER_UNAFFORDABLE = "cancelled", "insufficient buying power"
    UNAFFORDABLE = "rejected", "insufficient buying power"
    DATA_ENDED = "cancelled", "no bar left to fill it"
    RUINED = "cancelled", "equity is at or below zero"
    CANCELLED = "cancelled", "cancelled by the strategy"
    DAY_ENDED = "cancelled", "DAY: the day ended"
    IOC_REMAINDER = "cancelled", "IOC: unfilled remainder cancelled"
    FOK_UNFILLED = "cancelled", "FOK: could not fill in full"
    OCO_FILLED = "cancelled", "OCO: the other exit filled"
    SHORT_NOT_ALLOWED = "rejected", "short positions are not allowed"
    NO_POSITION = "cancelled", "reduce-only: no position left"
    BELOW_ONE_UNIT = "cancelled", "less than one unit"
    TOO_SMALL = "cancelled", "too small to trade"
    SIZED_AT_FILL = "amended", "sized at the fill price"
