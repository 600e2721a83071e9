"""Custom strategies: the classes to derive from, and what a strategy sees of the market.

A strategy is a frozen value: its fields are its parameters, with their bounds in the annotations,
checked and described like those of the built-in strategies. What it remembers during a run belongs
to that run and is made by `start`.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from attrs import frozen

from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.bounds import Checked
from glowback_trio.model.orders import TimeInForce
from glowback_trio.model.short_repr import counted, describe, listed

__all__ = [
    "Bar",
    "BarStrategy",
    "ColumnName",
    "Context",
    "CustomStrategy",
    "OnBar",
    "Panel",
    "TargetStrategy",
    "check_class",
]

_NAME = "[a-z][a-z0-9_]{0,63}"

ColumnName = Literal["open", "high", "low", "close", "volume"]


class Bar(NamedTuple):
    """One bar: prices in currency, volume in units."""

    open: float
    high: float
    low: float
    close: float
    volume: float


class Context(Protocol):
    """What a strategy sees at the close of a bar, and how it orders.

    Nothing here shows a later bar. With `warmup_bars`, a symbol's first bar comes with those before
    the run: `count` counts them and `history` shows them. An order is first tried at the symbol's
    next bar, or at the first one that the request's latency allows.
    """

    @property
    def time(self) -> np.datetime64:
        """Opening time of the current bars, UTC."""

    @property
    def date(self) -> np.datetime64:
        """Session date of the current bars: the day of their market."""

    @property
    def symbols(self) -> Sequence[str]:
        """All symbols of the run, alphabetically."""

    @property
    def active(self) -> Sequence[str]:
        """Symbols that have a bar at this time."""

    @property
    def cash(self) -> float:
        """Cash, currency; negative when borrowed."""

    @property
    def equity(self) -> float:
        """Cash plus positions at their last closes, currency."""

    def position(self, symbol: str) -> float:
        """Return the signed units that are held."""

    def close(self, symbol: str) -> float:
        """Return the symbol's last close, currency; NaN before its first bar."""

    def bar(self, symbol: str) -> Bar | None:
        """Return the symbol's last bar, of this time or an earlier one; None before its first."""

    def count(self, symbol: str) -> int:
        """Return how many bars of the symbol there have been, the last one included."""

    def history(self, symbol: str, bars: int, column: ColumnName = "close") -> Floats:
        """Return the symbol's last values, oldest first, as a read-only view.

        Args:
            symbol: One of `symbols`.
            bars: Number of values, at least 1; there are fewer near the start.
            column: Column of the bars.
        """

    def target(self, symbol: str, fraction: float) -> None:
        """Order the difference to a target; replaces what is still open for the target before.

        Args:
            symbol: A symbol that has had a bar.
            fraction: Signed fraction of the symbol's share of equity, which is equity over the
                number of symbols. The quantity is worked out at the last close.
        """

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
        """Order units, at the market or at the prices given; prices are in currency.

        Args:
            symbol: A symbol that has had a bar.
            quantity: Signed; positive buys.
            limit: Worst price to accept.
            stop: Price that triggers the order; together with `limit`, a stop-limit order.
            trail: Distance at which a stop follows the best price, from the close before its first
                bar on.
            time_in_force: `GTC`, `DAY`, `IOC` or `FOK`; see `model.orders.OrderSpec`.
            stop_loss: Stop price of an exit order for what this order buys or sells short.
            take_profit: Limit price of another one. If one of them fills, the other is cancelled.

        Returns:
            The order's number.
        """

    def cancel(self, order: int) -> bool:
        """Cancel an order; return whether it was still open."""

    def open_orders(self, symbol: str | None = None) -> Sequence[int]:
        """Return the numbers of the open orders, oldest first."""

    def log(self, message: str) -> None:
        """Add a sentence to the run's events and its result."""


OnBar = Callable[[Context], object]


@frozen
class CustomStrategy(Checked):
    """Base of the two kinds of custom strategies: names, and parameters as fields.

    Derive from `BarStrategy` or `TargetStrategy`, and decorate the class with `attrs.frozen`.

    Attributes:
        name: Name in requests: lower-case letters, digits and _.
        aliases: Further names in requests.
        title: Name for people.

    Raises:
        StrategyError: At construction, if the class is incomplete.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str]

    def __attrs_post_init__(self) -> None:
        check_class(type(self))
        super().__attrs_post_init__()


def check_class(cls: type[CustomStrategy]) -> None:
    """Check that a class of strategies is complete.

    Raises:
        StrategyError: A name, an alias or the title is missing or not valid, or the class is not
            decorated, so that its annotations would not become parameters.
    """
    for name in (getattr(cls, "name", None), *cls.aliases):
        if not (isinstance(name, str) and re.fullmatch(_NAME, name)):
            raise StrategyError(
                f"{cls.__name__} needs a name of lower-case letters, digits and _, not {name!r}"
            )
    if not (title := getattr(cls, "title", None)) or not isinstance(title, str):
        raise StrategyError(f"{cls.__name__} needs a title, not {title!r}")
    # Looked for in the class itself: it also inherits the mark of its decorated base.
    if "__attrs_attrs__" not in vars(cls):
        raise StrategyError(f"{cls.__name__} should be decorated with attrs.frozen")


@frozen
class BarStrategy(CustomStrategy):
    """A strategy that is called at the close of every bar."""

    @abstractmethod
    def start(self) -> OnBar:
        """Begin a run: return the function to call at every bar, which may remember things."""


class Panel:
    """The bars of some symbols that share their times: all columns (T, N), read-only.

    Args:
        bars: One per symbol.

    Attributes:
        symbols: The N symbols.
        time: Opening times, (T,) datetime64[ns] UTC.
        date: Session dates, (T,) datetime64[D]: the days of the first symbol's market.
    """

    def __init__(self, bars: Sequence[Bars]) -> None:
        self.symbols = tuple(one.symbol for one in bars)
        self.time = bars[0].time
        self.date = bars[0].date
        self._bars = bars

    def __repr__(self) -> str:
        return describe(self, listed(self.symbols), counted(len(self.time), "bar"))

    def column(self, name: ColumnName) -> Floats:
        """Return one column of all symbols: prices in currency, volume in units."""
        column = np.stack([getattr(one, name) for one in self._bars], axis=1)
        column.setflags(write=False)
        return column


@frozen
class TargetStrategy(CustomStrategy):
    """A strategy that works all its targets out at once, from arrays; much the faster kind.

    It is trusted not to look ahead: a row of its targets may depend on that row of the panel and
    on those before it, but nothing checks that.
    """

    @abstractmethod
    def targets(self, panel: Panel) -> Floats:
        """Work out all targets.

        Args:
            panel: Bars of symbols that share their times, beginning with the request's
                `warmup_bars`. If some symbols miss bars that others have, there are several panels,
                and the method is called for each.

        Returns:
            (T, N) signed fractions of each symbol's share of equity, on the bars that call for a
            new position; NaN on those that call for nothing new. Of the rows for warming up only
            the last target counts, as that of the first row after them if this has none.
        """
