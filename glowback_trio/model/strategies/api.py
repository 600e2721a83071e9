"""Strategies of one's own: what to derive from, and what such a strategy sees.

A strategy is a frozen value: its fields are its parameters, with their bounds in the annotations,
checked and described as those of the built-in ones are. What it remembers during a run belongs to
that run alone and is made by `start`.
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
    """What a strategy sees at the close of a bar, and what it may order.

    Nothing here tells of a later bar. An order is first tried at the symbol's next bar, or the
    first one that the request's latency allows.
    """

    @property
    def time(self) -> np.datetime64:
        """When the bars at hand opened, UTC."""

    @property
    def symbols(self) -> Sequence[str]:
        """All symbols of the run, alphabetically."""

    @property
    def active(self) -> Sequence[str]:
        """Those that have a bar at this time."""

    @property
    def cash(self) -> float:
        """Currency; negative when borrowed."""

    @property
    def equity(self) -> float:
        """Cash, and positions at their last closes, currency."""

    def position(self, symbol: str) -> float:
        """Signed units held."""

    def close(self, symbol: str) -> float:
        """The symbol's last close, currency; NaN before its first bar."""

    def bar(self, symbol: str) -> Bar | None:
        """The symbol's last bar, of this time or an earlier one; None before its first."""

    def count(self, symbol: str) -> int:
        """How many bars of the symbol there have been, the last one included."""

    def history(self, symbol: str, bars: int, column: ColumnName = "close") -> Floats:
        """The symbol's last values, oldest first: a read-only view.

        Args:
            symbol: One of `symbols`.
            bars: How many, at least 1; there are fewer near the start.
            column: Which.
        """

    def target(self, symbol: str, fraction: float) -> None:
        """Order what is missing to a target, in place of what is still open for the one before.

        Args:
            symbol: One that has had a bar.
            fraction: Signed, of the symbol's share of equity, which is equity over the number of
                symbols. The quantity is worked out at the last close.
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
        """Order units: at the market, or at the prices given, all in currency.

        Args:
            symbol: One that has had a bar.
            quantity: Signed; positive buys.
            limit: The worst price to take.
            stop: The price that sets the order off; with `limit` as well, a stop-limit order.
            trail: How far a stop follows the best price, from the close before its first bar on.
            time_in_force: `GTC`, `DAY`, `IOC` or `FOK`; see `model.orders.OrderSpec`.
            stop_loss: Once filled, leave at this stop what was bought or sold short.
            take_profit: Likewise at this limit; whichever fills first cancels the other.

        Returns:
            The order's number.
        """

    def cancel(self, order: int) -> bool:
        """Cancel an order; whether it was still open."""

    def open_orders(self, symbol: str | None = None) -> Sequence[int]:
        """The numbers of open orders, oldest first."""

    def log(self, message: str) -> None:
        """Say a sentence in the run's events and its result."""


OnBar = Callable[[Context], object]


@frozen
class CustomStrategy(Checked):
    """What strategies of one's own have in common: names, and parameters as fields.

    Derive from one of its two kinds, and decorate that class with `attrs.frozen` as well.

    Attributes:
        name: How requests name it: lower-case letters, digits and _.
        aliases: How they may name it, too.
        title: Its name for people.

    Raises:
        StrategyError: At construction, if the class is not whole.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str]

    def __attrs_post_init__(self) -> None:
        check_class(type(self))
        super().__attrs_post_init__()


def check_class(cls: type[CustomStrategy]) -> None:
    """See that a class of strategies is whole.

    Raises:
        StrategyError: It has no name, alias or title that will do, or is not decorated, so that
            what it says of its parameters counts for nothing.
    """
    for name in (getattr(cls, "name", None), *cls.aliases):
        if not (isinstance(name, str) and re.fullmatch(_NAME, name)):
            raise StrategyError(
                f"{cls.__name__} needs a name of lower-case letters, digits and _, not {name!r}"
            )
    if not (title := getattr(cls, "title", None)) or not isinstance(title, str):
        raise StrategyError(f"{cls.__name__} needs a title, not {title!r}")
    if "__attrs_attrs__" not in vars(cls):
        raise StrategyError(f"{cls.__name__} should be decorated with attrs.frozen")


@frozen
class BarStrategy(CustomStrategy):
    """A strategy that is asked at the close of every bar."""

    @abstractmethod
    def start(self) -> OnBar:
        """Begin a run: give the function that is called at every bar, with a memory of its own."""


class Panel:
    """The bars of some symbols that share their times: all columns (T, N), read-only.

    Args:
        bars: One per symbol.
    """

    def __init__(self, bars: Sequence[Bars]) -> None:
        self.symbols = tuple(one.symbol for one in bars)
        self.time = bars[0].time
        self._bars = bars

    def column(self, name: ColumnName) -> Floats:
        """One column of all symbols: prices in currency, volume in units."""
        column = np.stack([getattr(one, name) for one in self._bars], axis=1)
        column.setflags(write=False)
        return column


@frozen
class TargetStrategy(CustomStrategy):
    """A strategy that knows all its targets at once, from arrays; much the faster of the two.

    It is trusted not to look ahead: a row of its targets may depend on that row of the panel and
    those before it, and nothing checks that.
    """

    @abstractmethod
    def targets(self, panel: Panel) -> Floats:
        """Work all targets out.

        Args:
            panel: The bars of all symbols that share their times. Where some miss bars that others
                have, there are several such, and it is called for each.

        Returns:
            (T, N) signed fractions of each symbol's share of equity, on the bars that call for a
            new position; NaN on those that call for nothing new.
        """
