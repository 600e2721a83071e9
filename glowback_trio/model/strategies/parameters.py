"""The built-in strategies as values: their names, their parameters, and the bounds of these.

What a strategy does with its parameters is arithmetic, in `engine.strategies`. Sizes are fractions
of a symbol's share of equity; periods are counted in bars.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal

from attrs import frozen

from glowback_trio.errors import Problem
from glowback_trio.model.bounds import Checked, Ge, Gt, Le
from glowback_trio.model.strategies.api import BarStrategy, TargetStrategy

__all__ = [
    "STRATEGIES",
    "UNSUPPORTED",
    "BuiltIn",
    "BuyAndHold",
    "MaCrossover",
    "MeanReversion",
    "Momentum",
    "Rsi",
    "Strategy",
    "TargetWeights",
]

Period = Annotated[int, Ge(1), Le(1_000_000)]
Size = Annotated[float, Gt(0), Le(1)]
Threshold = Annotated[float, Ge(0)]
Level = Annotated[float, Ge(0), Le(100)]


@frozen
class BuyAndHold(Checked):
    """Buy once, on each symbol's first bar, and hold to the end."""

    name: ClassVar[str] = "buy_and_hold"
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = "Buy and Hold"

    position_size: Size = 0.95


def _short_is_shorter(short_period: int, long_period: int) -> Iterator[Problem]:
    if short_period >= long_period:
        message = f"Input should be less than long_period, which is {long_period}"
        yield Problem("value_error", ("short_period",), message, short_period)


@frozen
class MaCrossover(Checked):
    """Be long while the fast mean of closes is above the slow one, short (or flat) while below."""

    name: ClassVar[str] = "ma_crossover"
    aliases: ClassVar[tuple[str, ...]] = ("moving_average_crossover",)
    title: ClassVar[str] = "Moving Average Crossover"
    __checks__ = (_short_is_shorter,)

    short_period: Period = 10
    long_period: Period = 20
    direction: Literal["long_short", "long_only"] = "long_short"
    position_size: Size = 0.95


@frozen
class Momentum(Checked):
    """Be long after the close has risen by more than a threshold, flat after it fell by as much.

    `momentum_threshold` is in percent over `lookback_period` bars.
    """

    name: ClassVar[str] = "momentum"
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = "Momentum"

    lookback_period: Period = 10
    momentum_threshold: Threshold = 5.0
    rebalance_frequency: Period = 5
    position_size: Size = 0.95


def _step_fits(position_size: float, max_position_size: float) -> Iterator[Problem]:
    if position_size > max_position_size:
        message = f"Input should be at most max_position_size, which is {max_position_size}"
        yield Problem("value_error", ("position_size",), message, position_size)


@frozen
class MeanReversion(Checked):
    """Step into a position against an extreme z-score of the close, leave when it has come back."""

    name: ClassVar[str] = "mean_reversion"
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = "Mean Reversion"
    __checks__ = (_step_fits,)

    lookback_period: Period = 20
    entry_threshold: Threshold = 2.0
    exit_threshold: float = 1.0
    position_size: Size = 0.25
    max_position_size: Size = 0.95


def _oversold_is_lower(oversold_threshold: float, overbought_threshold: float) -> Iterator[Problem]:
    if oversold_threshold >= overbought_threshold:
        message = f"Input should be less than overbought_threshold, which is {overbought_threshold}"
        yield Problem("value_error", ("oversold_threshold",), message, oversold_threshold)


@frozen
class Rsi(Checked):
    """Buy when the relative strength index is oversold, leave when it is overbought."""

    name: ClassVar[str] = "rsi"
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = "RSI"
    __checks__ = (_oversold_is_lower,)

    lookback_period: Period = 14
    oversold_threshold: Level = 30.0
    overbought_threshold: Level = 70.0
    smoothing: Literal["wilder", "cutler"] = "wilder"
    position_size: Size = 0.95


@frozen
class TargetWeights(Checked):
    """Hold the weights of `portfolio_construction`, which has all parameters."""

    name: ClassVar[str] = "target_weights"
    aliases: ClassVar[tuple[str, ...]] = ()
    title: ClassVar[str] = "Target Weights"


BuiltIn = BuyAndHold | MaCrossover | Momentum | MeanReversion | Rsi
Strategy = BuiltIn | TargetWeights | BarStrategy | TargetStrategy

STRATEGIES: Mapping[str, type[Strategy]] = {
    cls.name: cls for cls in (BuyAndHold, MaCrossover, Momentum, MeanReversion, Rsi, TargetWeights)
}

#: Names that clients of the reference server may send; a reason helps more than "unknown".
UNSUPPORTED: Mapping[str, str] = {
    "covered_call": "covered_call needs options, which this engine does not trade",
}
