"""All paths to a fill give the same bytes: bar by bar, one symbol as a batch, many as a batch.

Each built-in strategy is held against a reference strategy that is called at every bar, and the
batch paths against the broker, on random runs with every option of `execution`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_bars import audit, make_request
from support.random_runs import DAY_MS, EXECUTIONS, STRATEGIES, market, runs
from support.reference_strategies import reference_strategy
from support.same_results import assert_same

from glowback_trio.engine import backtest
from glowback_trio.engine.execution.broker import Broker
from glowback_trio.engine.execution.costs import cost_model
from glowback_trio.engine.execution.journal import EventJournal, Records
from glowback_trio.engine.strategies.signals import work_out
from glowback_trio.engine.timeline import align
from glowback_trio.engine.traders.target import TargetTrader
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import (
    BuiltIn,
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
)

BUILT_IN: list[BuiltIn] = [
    BuyAndHold(),
    MaCrossover(short_period=3, long_period=8),
    MaCrossover(short_period=3, long_period=8, direction="long_only"),
    Momentum(lookback_period=4, momentum_threshold=2.0, rebalance_frequency=3),
    MeanReversion(lookback_period=6, entry_threshold=1.2, exit_threshold=0.3),
    Rsi(lookback_period=5, oversold_threshold=35.0, overbought_threshold=60.0),
    Rsi(lookback_period=5, oversold_threshold=35.0, overbought_threshold=60.0, smoothing="cutler"),
]

COSTS = {
    "slippage_bps": 5.0,
    "commission_bps": 2.5,
    "commission_per_share": 0.005,
    "commission_minimum": 1.0,
}


def both(
    strategy: BuiltIn,
    bars: list[Bars],
    *,
    warmup: int = 0,
    start: str = "2024-01-01",
    **execution: Any,
) -> tuple[Result, Result]:
    symbols = [one.symbol for one in bars]
    allowed = execution.get("allow_short", True)
    more: dict[str, Any] = {"initial_capital": 1e5, "warmup_bars": warmup, "start_date": start}
    arrays, events = (
        backtest(make_request(symbols, one, execution=execution, **more), bars)
        for one in (strategy, reference_strategy(strategy, allow_short=allowed))
    )
    if not warmup:
        audit(events, bars)
    return arrays, events


@pytest.mark.parametrize("strategy", BUILT_IN, ids=lambda one: str(one.name))
@pytest.mark.parametrize("gaps", [0.0, 0.3], ids=["aligned", "ragged"])
@pytest.mark.parametrize("symbols", [1, 3, 9])
@pytest.mark.parametrize(
    "execution",
    [
        COSTS,
        {**COSTS, "max_volume_participation": 0.5, "latency_ms": 2 * DAY_MS},
        {**COSTS, "whole_shares": True, "allow_short": False, "borrow_rate": 1.0},
        {**COSTS, "size_at": "fill", "slippage_volume_impact": 0.1, "margin_interest_rate": 1.0},
    ],
    ids=["costs", "cap and latency", "whole and long", "sized at the fill"],
)
def test_a_reference_strategy_called_bar_by_bar_gives_the_same_result(
    strategy: BuiltIn, symbols: int, gaps: float, execution: dict[str, Any]
) -> None:
    bars = market(11 + symbols, symbols, 90, gaps=gaps, spread=0.03)
    arrays, events = both(strategy, bars, **execution)
    assert len(arrays.trades) >= 1
    assert_same(arrays, events)


@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from(BUILT_IN),
    EXECUTIONS,
    st.tuples(st.sampled_from([1, 3, 9]), st.sampled_from([0.0, 0.3])),
    st.integers(1, 40),
)
@settings(max_examples=100)
def test_a_reference_strategy_gives_the_same_result_after_warming_up(
    seed: int,
    strategy: BuiltIn,
    execution: dict[str, Any],
    size: tuple[int, float],
    warmup: int,
) -> None:
    symbols, gaps = size
    bars = market(seed, symbols, 70, gaps=gaps, spread=0.03)
    # No later than any symbol's last bar, so that none is missing from the range.
    start = min("2024-02-05", *(str(one.time[-1])[:10] for one in bars))
    assert_same(*both(strategy, bars, warmup=warmup, start=start, **execution))


@given(st.integers(0, 2**32 - 1), st.sampled_from(BUILT_IN), EXECUTIONS)
@settings(max_examples=60)
def test_a_reference_strategy_gives_the_same_result_where_accounts_are_ruined_and_orders_cut(
    seed: int, strategy: BuiltIn, execution: dict[str, Any]
) -> None:
    wild = market(seed, 2, 40, gaps=0.1, spread=0.4)
    bolder = (
        evolve(strategy, position_size=1.0) if not isinstance(strategy, MeanReversion) else strategy
    )
    assert_same(*both(bolder, wild, **execution))


def carried_out(
    request: BacktestRequest, bars: list[Bars], stops: list[int], *, shortcuts: bool
) -> Records:
    """What a trader and its broker write down, over some stretches of rows."""
    timeline, agreed, journal = align(bars), cost_model(request.execution), EventJournal()
    signals = work_out(request.strategy, agreed, timeline, lambda: None)  # type: ignore[arg-type] # all here have targets
    broker = Broker(timeline, agreed, journal, request.initial_capital)
    trader = TargetTrader(signals, broker, agreed, journal, shortcuts=shortcuts)
    rows = [0, *sorted({stop for stop in stops if stop < len(timeline)}), len(timeline)]
    for start, stop in pairwise(rows):
        trader.run(start, stop, timeline.marks(max(start - 1, 0), stop))
    return journal.take()


@given(runs(), st.lists(st.integers(1, 39), max_size=3))
@settings(max_examples=300)
def test_batches_record_what_the_broker_records(
    run: tuple[BacktestRequest, list[Bars]], stops: list[int]
) -> None:
    slow, fast = (carried_out(*run, stops, shortcuts=shortcuts) for shortcuts in (False, True))
    assert np.array_equal(slow.events, fast.events)
    assert slow.events.tobytes() == fast.events.tobytes()
    assert slow.fills.tobytes() == fast.fills.tobytes()


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: str(one.name))
@pytest.mark.parametrize("symbols", [1, 12])
def test_batches_record_what_the_broker_records_over_long_runs(
    strategy: BuiltIn, symbols: int
) -> None:
    bars = market(3, symbols, 700, gaps=0.0, spread=0.02)
    request = make_request([one.symbol for one in bars], strategy, execution=COSTS)
    slow, fast = (
        carried_out(request, bars, [400], shortcuts=shortcuts) for shortcuts in (False, True)
    )
    assert slow.events.tobytes() == fast.events.tobytes()
    assert slow.fills.tobytes() == fast.fills.tobytes()
