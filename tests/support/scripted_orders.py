"""Strategies that follow a test's script, and bars with every price given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from attrs import frozen
from hypothesis import strategies as st
from support.engine_bars import MONDAY

from glowback_trio.model.bars import Bars
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar

Row = tuple[float, float, float, float]
Act = Callable[[Context], object]


def make_ohlc(
    rows: Sequence[Row],
    symbol: str = "A",
    *,
    volume: float = 1e9,
    step: Literal["h", "D"] = "D",
    start: str = MONDAY,
) -> Bars:
    """Return bars of these opens, highs, lows and closes."""
    time = np.datetime64(start, "ns") + np.arange(len(rows)) * np.timedelta64(1, step)
    opening, high, low, close = np.array(rows, dtype=float).T
    return Bars(symbol, time, opening, high, low, close, np.full(len(rows), volume))


def starting(begin: Callable[[], Act]) -> BarStrategy:
    """Return a strategy that starts every run with this function."""

    @frozen
    class Acting(BarStrategy):
        name: ClassVar[str] = "acting"
        title: ClassVar[str] = "Acting"

        def start(self) -> OnBar:
            return begin()

    return Acting()


def acting(plan: Mapping[int, Act]) -> BarStrategy:
    """Return a strategy that acts at some bars, counted from 0."""

    def begin() -> Act:
        bars = itertools.count()

        def on_bar(context: Context) -> None:
            if (act := plan.get(next(bars))) is not None:
                act(context)

        return on_bar

    return starting(begin)


def ordering(symbol: str = "A", quantity: float = 1.0, **more: Any) -> Act:
    return lambda context: context.order(symbol, quantity, **more)


@frozen
class Wish:
    """An order whose prices are distances from the last close, in its direction."""

    bar: int
    quantity: float
    prices: Mapping[str, float]
    time_in_force: str

    def placed(self, context: Context, symbol: str, *, mirrored: bool = False) -> int:
        """Submit the order; mirrored, all that is up is down."""
        side, close = -1.0 if mirrored else 1.0, context.close(symbol)
        prices = {
            name: away if name == "trail" else close + side * away
            for name, away in self.prices.items()
        }
        quantity, tif = side * self.quantity, self.time_in_force
        return context.order(symbol, quantity, time_in_force=tif, **prices)  # type: ignore[arg-type] # one of the four


def wishing(wishes: Sequence[Wish], symbol: str = "A", *, mirrored: bool = False) -> BarStrategy:
    """Return a strategy that submits each wish at its bar."""
    by_bar: dict[int, list[Wish]] = {}
    for wish in wishes:
        by_bar.setdefault(wish.bar, []).append(wish)

    def at(due: Sequence[Wish]) -> Act:
        return lambda context: [one.placed(context, symbol, mirrored=mirrored) for one in due]

    return acting({bar: at(due) for bar, due in by_bar.items()})


# Quarters are exact in floats, so that a touch is a touch and a mirrored price is its mirror.
DISTANCES = st.integers(-12, 12).map(lambda quarters: quarters / 4)


@st.composite
def walks(draw: st.DrawFn, *, most: int = 12) -> list[Row]:
    """Draw bars in quarters around 100, with gaps, and wicks on either side."""
    rows: list[Row] = []
    close = 100.0
    for _ in range(draw(st.integers(2, most))):
        opening = close + draw(DISTANCES)
        close = opening + draw(DISTANCES)
        high = max(opening, close) + abs(draw(DISTANCES))
        low = min(opening, close) - abs(draw(DISTANCES))
        rows.append((opening, high, low, close))
    return rows


@st.composite
def wishes(draw: st.DrawFn, *, bars: int = 12, brackets: bool = True) -> Wish:
    """Draw an order of any kind."""
    kind = draw(st.sampled_from([(), ("limit",), ("stop",), ("limit", "stop"), ("trail",)]))
    prices = {name: draw(DISTANCES) for name in kind}
    if "trail" in prices:
        prices["trail"] = abs(prices["trail"]) + 0.25
    if brackets:
        exits = draw(st.sets(st.sampled_from(["stop_loss", "take_profit"])))
        prices |= {name: draw(DISTANCES) for name in sorted(exits)}
    return Wish(
        bar=draw(st.integers(0, bars - 1)),
        quantity=draw(st.sampled_from([-40.0, -10.0, -3.0, 3.0, 10.0, 40.0])),
        prices=prices,
        time_in_force=draw(st.sampled_from(["GTC", "DAY", "IOC", "FOK"])),
    )
