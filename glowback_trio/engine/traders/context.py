"""The context that an event-driven strategy sees at the close of a bar and orders through."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, get_args

import numpy as np

from glowback_trio.engine.execution.account import Account
from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.timeline import Timeline
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Floats
from glowback_trio.model.bounds import one_of
from glowback_trio.model.orders import PLAIN, Kind, OrderSpec, TimeInForce
from glowback_trio.model.strategies.api import Bar, ColumnName

__all__ = ["BrokerContext", "OrderDesk"]


class _Numbered(Protocol):
    @property
    def number(self) -> int:
        """The number of an order."""


class OrderDesk(Protocol):
    """The part of a broker that a context needs; see `Broker`."""

    @property
    def account(self) -> Account:
        """Cash and positions."""

    def value(self, row: int) -> tuple[float, float]:
        """Return equity and gross exposure at the closes of a row."""

    def first_bar(self, row: int, symbol: int) -> int:
        """Return the symbol's first bar that may fill an order made at a row's close."""

    def order_target(self, row: int, symbol: int, fraction: float, close: float, bar: int) -> None:
        """Order what a target lacks."""

    def order(self, row: int, symbol: int, quantity: float, bar: int, spec: OrderSpec) -> _Numbered:
        """Order so many units."""

    def cancel(self, row: int, number: int) -> bool:
        """Cancel an order; return True if it was still open."""

    def open_orders(self) -> Iterable[tuple[int, int]]:
        """Return number and symbol of each open order, oldest first."""


class BrokerContext:
    """The context of one run; see `model.strategies.api.Context` for every name."""

    def __init__(self, timeline: Timeline, broker: OrderDesk, costs: CostModel) -> None:
        self.row = 0
        self.messages: list[tuple[int, str]] = []
        self._broker = broker
        self._costs = costs
        self.show(timeline)

    def show(self, timeline: Timeline) -> None:
        """Show these bars from now on."""
        self.symbols: Sequence[str] = timeline.symbols
        self._timeline = timeline
        self._index = {symbol: index for index, symbol in enumerate(self.symbols)}
        self._aligned = all(len(rows) == len(timeline) for rows in timeline.rows)
        # What the strategy is shown of each symbol, where bars before the range come with it.
        self._seen = {at: timeline.seen(at) for at in timeline.warmup}
        # A view gives one element as a plain float several times faster than an array does.
        self._closes: Mapping[str, Sequence[float]] = {
            bars.symbol: bars.close.data for bars in timeline.bars
        }
        # Those of symbols that have a bar on every row, so that none has to be searched for.
        self._by_row = self._closes if self._aligned else {}

    @property
    def time(self) -> np.datetime64:
        """Opening time of this row's bars, UTC."""
        return self._timeline.time[self.row]  # type: ignore[no-any-return]  # numpy types an element as Any

    @property
    def date(self) -> np.datetime64:
        """Session date of this row."""
        return self._timeline.date[self.row]  # type: ignore[no-any-return]  # numpy types an element as Any

    @property
    def active(self) -> Sequence[str]:
        """The symbols with a bar at this time."""
        if self._aligned:
            return self.symbols
        rows, row = self._timeline.rows, self.row
        return [
            symbol
            for symbol, own in zip(self.symbols, rows, strict=True)
            if (at := int(np.searchsorted(own, row))) < len(own) and own[at] == row
        ]

    @property
    def cash(self) -> float:
        """Currency; negative when borrowed."""
        return self._broker.account.cash

    @property
    def equity(self) -> float:
        """Cash and positions at their last closes, currency."""
        return self._broker.value(self.row)[0]

    def position(self, symbol: str) -> float:
        """Return the signed units held."""
        return self._broker.account.units.item(self._at(symbol))

    def close(self, symbol: str) -> float:
        """Return the symbol's last close, currency; NaN before its first bar."""
        # Strategies read closes more often than anything else, so this case avoids the search.
        try:
            return self._by_row[symbol][self.row]
        except KeyError:
            pass
        seen = self._traded(self._at(symbol))
        return self._closes[symbol][seen - 1] if seen else math.nan

    def bar(self, symbol: str) -> Bar | None:
        """Return the symbol's last bar, of this time or earlier; None before its first."""
        at = self._at(symbol)
        seen, bars = self._traded(at), self._timeline.bars[at]
        columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
        return Bar(*(column.item(seen - 1) for column in columns)) if seen else None

    def count(self, symbol: str) -> int:
        """Return the number of the symbol's bars so far, this one included."""
        at = self._at(symbol)
        seen = self._traded(at)
        # Nothing is seen of a symbol before its first bar that can be traded.
        if self._seen and seen:
            seen += len(self._timeline.warmup.get(at, ()))
        return seen

    def history(self, symbol: str, bars: int, column: ColumnName = "close") -> Floats:
        """Return the symbol's last values, oldest first, fewer at its start; a read-only view."""
        if bars < 1:
            raise StrategyError(f"history is of at least 1 bar, not {bars!r}")
        if column not in get_args(ColumnName):
            raise StrategyError(
                f"a column is one of {one_of(get_args(ColumnName))}, not {column!r}"
            )
        at, seen = self._at(symbol), self.count(symbol)
        values: Floats = getattr(self._seen.get(at, self._timeline.bars[at]), column)
        return values[max(0, seen - bars) : seen]

    def target(self, symbol: str, fraction: float) -> None:
        """Order what the symbol lacks to a fraction of its share of equity."""
        row, closes = self.row, self._by_row.get(symbol)
        if closes is None:
            at, close = self._tradable(symbol), self.close(symbol)
        else:
            at, close = self._index[symbol], closes[row]
        if not math.isfinite(fraction):
            raise StrategyError(f"a target is a finite fraction, not {fraction!r}")
        bar = self._broker.first_bar(row, at)
        self._broker.order_target(row, at, float(fraction), close, bar)

    def order(
        self,
        symbol: str,
        quantity: float,
        *,
        limit: float | None = None,
        stop: float | None = None,
        trail: float | None = None,
        time_in_force: TimeInForce = "GTC",
        stop_loss: float | None = None,
        take_profit: float | None = None,
    ) -> int:
        """Order some units; return the number of the order."""
        at = self._tradable(symbol)
        if not (math.isfinite(quantity) and quantity):
            raise StrategyError(f"a quantity is a finite number other than 0, not {quantity!r}")
        quantity = self._costs.rounded(float(quantity))
        if not quantity:
            raise StrategyError("less than one unit was ordered, and only whole ones are traded")
        prices = {"limit": limit, "stop": stop, "trail": trail}
        exits = {"stop_loss": stop_loss, "take_profit": take_profit}
        spec = _spec(prices, exits, time_in_force)
        # The number is all a strategy gets of an order: an `Order` is changed by the broker only.
        bar = self._broker.first_bar(self.row, at)
        return self._broker.order(self.row, at, quantity, bar, spec).number

    def cancel(self, order: int) -> bool:
        """Cancel an order; return True if it was still open."""
        return self._broker.cancel(self.row, order)

    def open_orders(self, symbol: str | None = None) -> Sequence[int]:
        """Return the numbers of the open orders, oldest first."""
        at = None if symbol is None else self._at(symbol)
        return [number for number, own in self._broker.open_orders() if at in (None, own)]

    def log(self, message: str) -> None:
        """Log a sentence, which goes into the run's events and its result."""
        self.messages.append((self.row, str(message)))

    def _at(self, symbol: str) -> int:
        try:
            return self._index[symbol]
        except KeyError:
            known = ", ".join(self.symbols)
            raise StrategyError(f"{symbol!r} is not a symbol of this run; known: {known}") from None

    def _traded(self, at: int) -> int:
        """Return how many bars of a symbol the run has had, this row's included."""
        if self._aligned:
            return self.row + 1
        return int(np.searchsorted(self._timeline.rows[at], self.row, side="right"))

    def _tradable(self, symbol: str) -> int:
        at = self._at(symbol)
        if not (self._aligned or self.count(symbol)):
            raise StrategyError(f"{symbol} has no bar yet, so there is no price to order it at")
        return at


_KINDS: Mapping[tuple[str, ...], Kind] = {
    (): "market",
    ("limit",): "limit",
    ("stop",): "stop",
    ("limit", "stop"): "stop_limit",
    ("trail",): "trailing_stop",
}


def _spec(
    prices: dict[str, float | None],
    exits: dict[str, float | None],
    time_in_force: TimeInForce,
) -> OrderSpec:
    """Return the spec of an order, or raise for prices that do not fit together."""
    for name, price in (prices | exits).items():
        if price is not None and not (math.isfinite(price) and price > 0.0):
            raise StrategyError(f"{name} should be a positive price, not {price!r}")
    if time_in_force not in get_args(TimeInForce):
        words = ", ".join(get_args(TimeInForce))
        raise StrategyError(f"time_in_force should be one of {words}, not {time_in_force!r}")
    # Named in the order of `prices`, as the keys of `_KINDS` are.
    given = tuple(name for name, price in prices.items() if price is not None)
    if given not in _KINDS:
        raise StrategyError(f"an order cannot have {' and '.join(given)} at once")
    named = {
        name: None if price is None else float(price) for name, price in (prices | exits).items()
    }
    spec = OrderSpec(_KINDS[given], time_in_force, **named)
    return PLAIN if spec == PLAIN else spec
