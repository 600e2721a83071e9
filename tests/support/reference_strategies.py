"""Reference strategies: the built-in ones computed plainly, bar by bar, from the closes so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_never

import numpy as np
from support.scripted_orders import Act, starting

from glowback_trio.model.bars import Floats
from glowback_trio.model.strategies.api import BarStrategy, Context
from glowback_trio.model.strategies.parameters import (
    BuiltIn,
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)

#: From the closes of a symbol so far: the target they call for, or None for nothing new.
Rule = Callable[[Floats], float | None]


def reference_strategy(strategy: BuiltIn, *, allow_short: bool = True) -> BarStrategy:
    """Return an event-driven strategy that orders what a built-in one orders."""

    def begin() -> Act:
        rules: dict[str, Rule] = {}

        def on_bar(context: Context) -> None:
            for symbol in context.active:
                if symbol not in rules:
                    warmup = context.count(symbol) - 1
                    rules[symbol] = _rule(strategy, warmup, allow_short=allow_short)
                rule = rules[symbol]
                wanted = rule(context.history(symbol, 1_000_000))
                if wanted is not None:
                    context.target(symbol, wanted)

        return on_bar

    return starting(begin)


def _rule(strategy: BuiltIn, warmup: int, *, allow_short: bool) -> Rule:
    match strategy:
        case BuyAndHold():
            return lambda closes: strategy.position_size if len(closes) == 1 + warmup else None
        case MaCrossover():
            short = allow_short and strategy.direction == "long_short"
            below = -strategy.position_size if short else 0.0
            return _sided(lambda closes: _crossing(strategy, closes), strategy, below)
        case Momentum():
            return _sided(lambda closes: _moving(strategy, closes, warmup), strategy, 0.0)
        case MeanReversion():
            return _stepping(strategy, allow_short=allow_short)
        case Rsi():
            return _sided(lambda closes: _relative_strength(strategy, closes), strategy, 0.0)
        case _:
            assert_never(strategy)


def _sided(side_of: Callable[[Floats], int], strategy: Any, below: float) -> Rule:
    """Want something new where the side changes."""
    side = 0

    def rule(closes: Floats) -> float | None:
        nonlocal side
        now = side_of(closes)
        if now in (0, side):
            return None
        side = now
        return float(strategy.position_size) if now > 0 else below

    return rule


def _crossing(strategy: MaCrossover, closes: Floats) -> int:
    if len(closes) < strategy.long_period:
        return 0
    fast = closes[-strategy.short_period :].mean()
    slow = closes[-strategy.long_period :].mean()
    return 0 if abs(fast - slow) <= 1e-12 * slow else (1 if fast > slow else -1)


def _moving(strategy: Momentum, closes: Floats, warmup: int) -> int:
    since = len(closes) - 1 - strategy.lookback_period
    past = len(closes) - 1 - max(strategy.lookback_period, warmup)
    if past < 0 or past % strategy.rebalance_frequency:
        return 0
    rise = (closes[-1] - closes[since]) * 100.0
    threshold = strategy.momentum_threshold * closes[since]
    return int(rise > threshold) - int(rise < -threshold)


def _relative_strength(strategy: Rsi, closes: Floats) -> int:
    changes, period = np.diff(closes), strategy.lookback_period
    if len(changes) < period:
        return 0
    gain, loss = (_smoothed(np.maximum(part, 0.0), strategy) for part in (changes, -changes))
    index = 50.0 if gain + loss == 0.0 else 100.0 * gain / (gain + loss)
    return int(index < strategy.oversold_threshold) - int(index > strategy.overbought_threshold)


def _smoothed(changes: Floats, strategy: Rsi) -> float:
    period = strategy.lookback_period
    if strategy.smoothing == "cutler":
        return float(changes[-period:].mean())
    mean = float(changes[:period].mean())
    for change in changes[period:].tolist():
        mean = ((period - 1) * mean + change) / period
    return mean


def _stepping(strategy: MeanReversion, *, allow_short: bool) -> Rule:
    level = 0.0

    def rule(closes: Floats) -> float | None:
        nonlocal level
        before, level = level, _level(level, _score(strategy, closes), strategy, short=allow_short)
        return None if level == before else level

    return rule


def _score(strategy: MeanReversion, closes: Floats) -> float:
    window = closes[-strategy.lookback_period :]
    if len(window) < strategy.lookback_period or (window == window[0]).all():
        return float("nan")
    return float((window[-1] - window.mean()) / window.std())


def _level(level: float, score: float, strategy: MeanReversion, *, short: bool) -> float:
    entry, leave = strategy.entry_threshold, strategy.exit_threshold
    if (level > 0 and score > -leave) or (level < 0 and score < leave):
        return 0.0
    if score < -entry and level >= 0:
        return min(level + strategy.position_size, strategy.max_position_size)
    if short and score > entry and level <= 0:
        return max(level - strategy.position_size, -strategy.max_position_size)
    return level
