"""Random markets, and random runs of the built-in strategies on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from support.engine_bars import make_request

from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.request import BacktestRequest, Stream
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    Strategy,
)

DAY_MS = 86_400_000

STRATEGIES: list[Strategy] = [
    BuyAndHold(position_size=1.0),
    MaCrossover(short_period=1, long_period=2, position_size=1.0),
    MaCrossover(short_period=2, long_period=5, direction="long_only"),
    Momentum(lookback_period=2, momentum_threshold=1.0, rebalance_frequency=2, position_size=1.0),
    MeanReversion(lookback_period=3, entry_threshold=0.7, exit_threshold=0.1, position_size=0.3),
    Rsi(lookback_period=2, oversold_threshold=40.0, overbought_threshold=60.0),
]

ON, OFF = (st.sampled_from([value]) for value in (True, False))

#: Options that leave the batch paths on, and options that turn them off.
BATCHED: dict[str, st.SearchStrategy[Any]] = {
    "slippage_bps": st.sampled_from([0.5, 50.0]),
    "commission_bps": st.sampled_from([1.5, 100.0]),
    "maker_commission_bps": st.just(0.0),
    "commission_per_share": st.just(0.01),
    "commission_minimum": st.sampled_from([1.0, 40.0]),
    "latency_ms": st.sampled_from([1, DAY_MS, int(2.5 * DAY_MS)]),
    "whole_shares": ON,
    "allow_short": OFF,
    "max_leverage": st.sampled_from([0.4, 3.0]),
}
UNBATCHED: dict[str, st.SearchStrategy[Any]] = {
    "max_volume_participation": st.sampled_from([0.01, 0.5]),
    "slippage_volume_impact": st.just(0.1),
    "size_at": st.just("fill"),
    "borrow_rate": st.just(0.5),
    "margin_interest_rate": st.just(0.4),
    "on_data_end": st.just("close"),
}
# Each option is left out half of the time. Were the second kind always drawn, hardly any example
# would take the batch paths.
EXECUTIONS = st.one_of(
    st.fixed_dictionaries({}, optional=BATCHED),
    st.fixed_dictionaries({}, optional=BATCHED | UNBATCHED),
)


def market(seed: int, symbols: int, rows: int, *, gaps: float, spread: float) -> list[Bars]:
    """Random walks, each with its own missing bars and its own late start."""
    rng = np.random.default_rng(seed)
    time = np.datetime64("2024-01-01", "ns") + np.arange(rows) * np.timedelta64(1, "D")
    return [_walk(rng, f"S{n}", time, gaps=gaps, spread=spread) for n in range(symbols)]


def _walk(rng: np.random.Generator, symbol: str, time: Any, *, gaps: float, spread: float) -> Bars:
    close = rng.uniform(5, 50) * np.exp(np.cumsum(rng.normal(0, spread, len(time))))
    opening: Floats = close * np.exp(rng.normal(0, spread / 2, len(time)))
    volume = rng.uniform(0, 200, len(time)).round()
    kept = rng.random(len(time)) >= gaps
    kept[rng.integers(len(time))] = True
    columns = (opening, np.maximum(opening, close), np.minimum(opening, close), close, volume)
    return Bars(symbol, time[kept], *(column[kept] for column in columns))


@st.composite
def runs(draw: st.DrawFn) -> tuple[BacktestRequest, list[Bars]]:
    """A request and its bars."""
    # 9 symbols are summed by numpy, fewer in a plain loop: the law spans both
    bars = market(
        draw(st.integers(0, 2**32 - 1)),
        symbols=draw(st.sampled_from([1, 2, 3, 9])),
        rows=draw(st.integers(1, 40)),
        gaps=draw(st.sampled_from([0.0, 0.3])),
        spread=draw(st.sampled_from([0.02, 0.3])),
    )
    request = make_request(
        [one.symbol for one in bars],
        draw(st.sampled_from(STRATEGIES)),
        execution=draw(EXECUTIONS),
        stream=Stream(orders=True, metrics_every=draw(st.sampled_from([1, 7])), progress_steps=9),
    )
    return request, bars
