"""Laws of every event-driven strategy, whatever it orders.

Strategies that order at random are run on random bars: the ledger balances, no later bar changes
the past, slices change no byte, and limits on shorts and units hold.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_bars import as_bytes, audit, in_memory, make_request, run_slices
from support.same_results import assert_same
from support.scripted_orders import Act, Wish, make_ohlc, starting, walks, wishes

from glowback_trio.engine import Simulation, backtest
from glowback_trio.engine.kernel.choice import INTERPRETED, using
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest, Stream
from glowback_trio.model.strategies.api import BarStrategy, Context

SYMBOLS = ("A", "B")

ON, OFF = (st.sampled_from([value]) for value in (True, False))

EXECUTIONS = st.fixed_dictionaries(
    {"max_leverage": st.sampled_from([0.7, 100.0])},
    optional={
        "slippage_bps": st.just(20.0),
        "slippage_volume_impact": st.just(0.1),
        "commission_bps": st.just(10.0),
        "maker_commission_bps": st.sampled_from([0.0, 50.0]),
        "commission_minimum": st.just(1.0),
        "latency_ms": st.sampled_from([1, 3 * 3_600_000]),
        "whole_shares": ON,
        "allow_short": OFF,
        "max_volume_participation": st.sampled_from([0.05, 0.5]),
        "size_at": st.just("fill"),
        "borrow_rate": st.just(5.0),
        "margin_interest_rate": st.just(3.0),
    },
)


def busy(wanted: Sequence[Wish], aims: Mapping[int, float]) -> BarStrategy:
    """Orders of all kinds on either symbol, targets in between, now and then a cancellation."""

    def begin() -> Act:
        bars = itertools.count()

        def on_bar(context: Context) -> None:
            bar = next(bars)
            for wish in (one for one in wanted if one.bar == bar):
                symbol = SYMBOLS[wish.quantity > 5.0]
                if context.count(symbol):
                    wish.placed(context, symbol)
            if bar in aims and context.count("A"):
                context.target("A", aims[bar])
            if bar % 5 == 4 and (waiting := context.open_orders()):
                context.cancel(waiting[0])
            context.log(f"{bar}: {context.equity!r}")

        return on_bar

    return starting(begin)


@st.composite
def busy_runs(draw: st.DrawFn) -> tuple[BacktestRequest, list[Bars]]:
    """Hourly bars over midnight, the second symbol's with holes."""
    volume = draw(st.sampled_from([40.0, 1e9]))
    first, second = (
        make_ohlc(draw(walks()), symbol, step="h", start="2024-01-01T20:00", volume=volume)
        for symbol in SYMBOLS
    )
    kept = np.array(draw(st.lists(st.booleans(), min_size=len(second), max_size=len(second))))
    kept[draw(st.integers(0, len(second) - 1))] = True
    columns = (second.time, second.open, second.high, second.low, second.close, second.volume)
    bars = [first, Bars("B", *(column[kept] for column in columns))]
    aims = draw(st.dictionaries(st.integers(0, 11), st.sampled_from([-0.6, 0.0, 0.8]), max_size=3))
    request = make_request(
        SYMBOLS,
        busy(draw(st.lists(wishes(), max_size=8)), aims),
        execution=draw(EXECUTIONS),
        resolution="hour",
        initial_capital=draw(st.sampled_from([3_000.0, 100_000.0])),
        stream=Stream(orders=True, metrics_every=1),
    )
    return request, bars


@given(busy_runs())
@settings(max_examples=150)
def test_the_ledger_balances_and_every_order_ends(run: tuple[BacktestRequest, list[Bars]]) -> None:
    request, bars = run
    audit(backtest(request, bars), bars)


@given(busy_runs(), st.data())
@settings(max_examples=100)
def test_no_later_bar_changes_what_was_decided_filled_or_emitted(
    run: tuple[BacktestRequest, list[Bars]], data: st.DataObject
) -> None:
    request, bars = run
    before = Simulation(request, in_memory(bars))
    last = data.draw(st.integers(0, before.bars - 1))
    then = np.unique(np.concatenate([one.time for one in bars]))[last]
    after = Simulation(request, in_memory([_with_another_future(one, then) for one in bars]))
    if last == before.bars - 1:
        assert as_bytes_of(before) == as_bytes_of(after)
    else:
        assert before.advance(last + 1) == after.advance(last + 1)


def as_bytes_of(simulation: Simulation) -> bytes:
    simulation.run()
    return as_bytes(simulation.result())


def _with_another_future(bars: Bars, then: Any) -> Bars:
    factor = np.where(bars.time > then, np.arange(len(bars)) % 7 + 0.5, 1.0)
    names = ("open", "high", "low", "close", "volume")
    return evolve(bars, **{name: getattr(bars, name) * factor for name in names})


@given(busy_runs(), st.lists(st.integers(1, 5), min_size=1, max_size=6))
@settings(max_examples=100)
def test_slicing_changes_neither_a_draft_nor_the_result(
    run: tuple[BacktestRequest, list[Bars]], slices: list[int]
) -> None:
    drafts, whole = run_slices(*run, [1_000_000])
    sliced, result = run_slices(*run, slices)
    assert sliced == drafts
    assert as_bytes(result) == as_bytes(whole)


@given(busy_runs())
def test_no_position_is_short_and_no_unit_broken_where_that_is_not_allowed(
    run: tuple[BacktestRequest, list[Bars]],
) -> None:
    request, bars = run
    trades = backtest(request, bars).trades
    held = np.zeros(len(bars))
    for symbol, quantity in zip(trades.symbol.tolist(), trades.quantity.tolist(), strict=True):
        held[symbol] += quantity
        assert request.execution.allow_short or held[symbol] >= 0.0
        assert not request.execution.whole_shares or quantity == int(quantity)


@given(busy_runs())
@settings(max_examples=100)
def test_the_kernel_draws_and_books_the_same(run: tuple[BacktestRequest, list[Bars]]) -> None:
    plain = backtest(*run)
    with using(INTERPRETED):
        assert_same(backtest(*run), plain)
