"""Laws of every run, whatever the prices, the strategy and the costs.

Random runs draw every option of `execution`. The auditor trusts no figure of a result but the
fills, and recomputes the rest.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from support.engine_bars import as_bytes, audit, in_memory, run_slices
from support.random_runs import runs

from glowback_trio.engine import Simulation, backtest
from glowback_trio.model.bars import Bars
from glowback_trio.model.request import BacktestRequest


@given(runs())
@settings(max_examples=300)
def test_the_ledger_balances_at_every_bar(run: tuple[BacktestRequest, list[Bars]]) -> None:
    request, bars = run
    audit(backtest(request, bars), bars)


@given(runs())
def test_no_fill_takes_more_than_buying_power_volume_and_whole_shares_allow(
    run: tuple[BacktestRequest, list[Bars]],
) -> None:
    request, bars = run
    result = backtest(request, bars)
    trades, execution = result.trades, request.execution
    if execution.whole_shares:
        assert (trades.quantity == np.trunc(trades.quantity)).all()
    if not execution.allow_short:
        held = np.zeros(len(bars))
        for symbol, quantity in zip(trades.symbol.tolist(), trades.quantity.tolist(), strict=True):
            held[symbol] += quantity
            assert held[symbol] >= -1e-9
    if (cap := execution.max_volume_participation) is not None:
        volume = {one.symbol: dict(zip(one.time.tolist(), one.volume, strict=True)) for one in bars}
        for moment, symbol, quantity in zip(
            trades.time.tolist(), trades.symbol.tolist(), trades.quantity.tolist(), strict=True
        ):
            # A position whose data have ended is closed without a bar, and so without its volume.
            ended = execution.on_data_end == "close" and moment > max(
                volume[trades.symbols[symbol]]
            )
            most = math.inf if ended else cap * volume[trades.symbols[symbol]][moment]
            assert abs(quantity) <= most * (1 + 1e-12)


@given(runs(), st.lists(st.integers(1, 15), min_size=1, max_size=8))
def test_slicing_changes_neither_a_draft_nor_the_result(
    run: tuple[BacktestRequest, list[Bars]], slices: list[int]
) -> None:
    whole, result = run_slices(*run, [1_000_000])
    for cut in (slices, [1]):
        drafts, sliced = run_slices(*run, cut)
        assert drafts == whole
        assert as_bytes(sliced) == as_bytes(result)
    assert as_bytes(backtest(*run)) == as_bytes(result)


@given(runs(), st.data())
def test_no_bar_after_another_changes_what_was_decided_or_filled_up_to_it(
    run: tuple[BacktestRequest, list[Bars]], data: st.DataObject
) -> None:
    request, bars = run
    before = Simulation(request, in_memory(bars))
    last = data.draw(st.integers(0, before.bars - 1))
    then = np.unique(np.concatenate([one.time for one in bars]))[last]
    rng = np.random.default_rng(7)
    after = Simulation(request, in_memory([_with_another_future(one, then, rng) for one in bars]))
    drafts, drafts_after = before.advance(last + 1), after.advance(last + 1)
    if last == before.bars - 1:  # only the end cancels what is open
        assert as_bytes(before.result()) == as_bytes(after.result())
    assert drafts == drafts_after


def _with_another_future(bars: Bars, then: Any, rng: np.random.Generator) -> Bars:
    later = bars.time > then
    columns = []
    for column in (bars.open, bars.high, bars.low, bars.close, bars.volume):
        changed = column.copy()
        changed[later] *= rng.uniform(0.1, 10.0, later.sum())
        columns.append(changed)
    return Bars(bars.symbol, bars.time, *columns)


@given(runs(), st.randoms(use_true_random=False))
def test_the_order_of_symbols_changes_nothing(
    run: tuple[BacktestRequest, list[Bars]], random: Any
) -> None:
    request, bars = run
    shuffled = random.sample(bars, len(bars))
    again = backtest(evolve(request, symbols=[one.symbol for one in shuffled]), shuffled)
    first = backtest(request, bars)
    same = {"symbols": list(request.symbols)}
    replay = {**again.manifest["replay_request"], **same}
    manifest = {**again.manifest, "replay_request": replay}
    assert as_bytes(evolve(again, manifest=manifest)) == as_bytes(first)


@given(runs(), st.sampled_from([2.0, 1024.0, 0.125]))
def test_scaling_prices_and_capital_scales_money_and_leaves_ratios(
    run: tuple[BacktestRequest, list[Bars]], factor: float
) -> None:
    request, bars = run
    execution = request.execution
    dearer = evolve(
        request,
        initial_capital=request.initial_capital * factor,
        execution=evolve(
            execution,
            commission_per_share=execution.commission_per_share * factor,
            commission_minimum=execution.commission_minimum * factor,
        ),
    )
    scaled = backtest(dearer, [_scaled(one, factor) for one in bars])
    result = backtest(request, bars)
    assert scaled.trades.quantity.tolist() == result.trades.quantity.tolist()
    assert scaled.curve.value.tolist() == (result.curve.value * factor).tolist()
    for name in ("sharpe_ratio", "max_drawdown", "win_rate", "turnover", "total_return"):
        assert scaled.metrics[name] == result.metrics[name]


def _scaled(bars: Bars, factor: float) -> Bars:
    return evolve(
        bars,
        open=bars.open * factor,
        high=bars.high * factor,
        low=bars.low * factor,
        close=bars.close * factor,
    )


@given(runs(), st.sampled_from([3.0, 0.1]))
def test_volumes_matter_to_nothing_but_a_cap_and_an_impact(
    run: tuple[BacktestRequest, list[Bars]], factor: float
) -> None:
    request, bars = run
    free = evolve(request.execution, max_volume_participation=None, slippage_volume_impact=0.0)
    request = evolve(request, execution=free)
    busier = backtest(request, [evolve(one, volume=one.volume * factor) for one in bars])
    result = backtest(request, bars)
    # The manifest says which bars these were.
    assert as_bytes(evolve(busier, manifest={})) == as_bytes(evolve(result, manifest={}))


@given(runs())
def test_the_same_run_gives_the_same_bytes(run: tuple[BacktestRequest, list[Bars]]) -> None:
    assert as_bytes(backtest(*run)) == as_bytes(backtest(*run))
