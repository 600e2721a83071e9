"""Bars for warming up: indicators and histories see them, and nothing else of a run does.

Doctrine: a run with `warmup_bars` differs from one without only in what its strategy knows at its
first bars. Everything that is traded, valued, measured or told begins in the range.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import evolve, frozen
from support.engine_bars import as_bytes, make_bars, make_request, run_slices
from support.random_runs import market

from glowback_trio.engine import Simulation, backtest
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Bars, Dataset, Floats, Quality
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar, Panel, TargetStrategy
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    TargetWeights,
)
from glowback_trio.wire.requests import parse_request, request_document

START = "2024-02-10"  # row 40 of a market that begins on 2024-01-01
BUILT_IN = [
    BuyAndHold(),
    MaCrossover(short_period=3, long_period=8),
    Momentum(lookback_period=4, momentum_threshold=2.0, rebalance_frequency=3),
    MeanReversion(lookback_period=6, entry_threshold=1.2, exit_threshold=0.3),
    Rsi(lookback_period=5, oversold_threshold=35.0, overbought_threshold=60.0, smoothing="cutler"),
]


def requested(bars: list[Bars], strategy: Any, warmup: int, **fields: Any) -> BacktestRequest:
    symbols = [one.symbol for one in bars]
    return make_request(symbols, strategy, start_date=START, warmup_bars=warmup, **fields)


def in_range(bars: list[Bars]) -> list[Bars]:
    first = np.datetime64(START, "ns")
    return [one.part(slice(int(one.time.searchsorted(first)), len(one))) for one in bars]


@pytest.mark.parametrize("strategy", BUILT_IN, ids=lambda one: str(one.name))
def test_nothing_is_traded_valued_or_told_before_the_range(strategy: Any) -> None:
    bars = market(3, 3, 90, gaps=0.2, spread=0.03)
    request = requested(bars, strategy, 30, benchmark_symbol="S1")
    drafts, _ = run_slices_of(request, bars)
    result = backtest(request, bars)
    first = np.datetime64(START, "ns")
    assert result.curve.time[0] >= first
    assert result.curve.value[0] == request.initial_capital
    for times in (result.trades.time, result.orders.time):
        assert (times >= first).all()
    assert all(draft.bar >= 0 for draft in drafts)
    cold = backtest(evolve(request, warmup_bars=0), bars)
    assert cold.curve.time.tobytes() == result.curve.time.tobytes()
    assert cold.benchmark is not None
    assert result.benchmark is not None
    assert cold.benchmark.value.tobytes() == result.benchmark.value.tobytes()
    assert cold.manifest["annualisation"] == result.manifest["annualisation"]


def run_slices_of(request: BacktestRequest, bars: list[Bars]) -> tuple[list[Any], Result]:
    parts = [(one, cut) for one, cut in zip(bars, in_range(bars), strict=True)]
    warmup = [
        one.part(slice(max(0, len(one) - len(cut) - request.warmup_bars), len(one) - len(cut)))
        for one, cut in parts
    ]
    quality = [Quality(one.symbol, rows=len(one), bars=len(one)) for one in bars]
    dataset = Dataset([cut for _, cut in parts], "memory", "user_provided", quality, warmup=warmup)
    simulation, drafts = Simulation(request, dataset), []
    while not simulation.finished:
        drafts += simulation.advance(7)
    return drafts, simulation.result()


@pytest.mark.parametrize("strategy", BUILT_IN, ids=lambda one: str(one.name))
def test_slices_change_nothing_after_warming_up(strategy: Any) -> None:
    bars = market(3, 3, 90, gaps=0.0, spread=0.03)
    request = requested(bars, strategy, 30)
    whole = backtest(request, bars)
    sliced = run_slices_of(request, bars)[1]
    assert whole.curve.value.tobytes() == sliced.curve.value.tobytes()
    assert whole.metrics == sliced.metrics


@pytest.mark.parametrize("strategy", BUILT_IN, ids=lambda one: str(one.name))
def test_a_strategy_that_has_warmed_up_decides_on_the_first_bar_like_a_later_one(
    strategy: Any,
) -> None:
    """More bars than an indicator needs change nothing: no state comes from them."""
    bars = market(3, 3, 90, gaps=0.0, spread=0.03)
    enough, more = (backtest(requested(bars, strategy, warmup), bars) for warmup in (10, 40))
    assert len(enough.trades) >= 1
    assert enough.curve.value.tobytes() == more.curve.value.tobytes()
    assert enough.orders.time.tobytes() == more.orders.time.tobytes()


def test_a_crossover_trades_from_the_first_bar_once_it_has_warmed_up() -> None:
    rising = [make_bars("A", [10.0 + row for row in range(60)])]
    strategy = MaCrossover(short_period=2, long_period=20)
    warm, cold = (backtest(requested(rising, strategy, count), rising) for count in (19, 0))
    assert str(warm.orders.time[0])[:10] == START
    assert str(cold.orders.time[0])[:10] == "2024-02-29"


@frozen
class Seeing(BarStrategy):
    """Logs what it is shown."""

    name: ClassVar[str] = "seeing"
    title: ClassVar[str] = "Seeing"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            seen = context.history("A", 1000)
            bar = context.bar("A")
            shown = None if bar is None else bar.close
            context.log(
                f"{context.date} {context.count('A')} {len(seen)} {context.close('A')} {shown}"
            )
            if context.count("A"):
                assert not seen.flags.writeable
                assert seen[-1] == context.close("A") == shown
                assert context.history("A", 2, "open")[-1] == context.bar("A").open  # type: ignore[union-attr] # counted

        return on_bar


def test_histories_begin_with_the_bars_for_warming_up() -> None:
    bars = [make_bars("A", [10.0 + row for row in range(43)])]
    result = backtest(requested(bars, Seeing(), 5), bars)
    seen = [line for line in result.logs if line.startswith("2024-")]
    assert seen == [
        "2024-02-10 6 6 50.0 50.0",
        "2024-02-11 7 7 51.0 51.0",
        "2024-02-12 8 8 52.0 52.0",
    ]


def test_a_symbol_is_not_seen_before_its_first_bar_in_the_range() -> None:
    late = make_bars("A", [10.0 + row for row in range(43)], keep=[*range(30), 41, 42])
    other = make_bars("B", [10.0] * 43)
    result = backtest(requested([late, other], Seeing(), 5), [late, other])
    seen = [line for line in result.logs if line.startswith("2024-")]
    assert seen == [
        "2024-02-10 0 0 nan None",
        "2024-02-11 6 6 51.0 51.0",
        "2024-02-12 7 7 52.0 52.0",
    ]


@frozen
class Given(TargetStrategy):
    """Wants what it is told, from the first bar that it sees on."""

    name: ClassVar[str] = "given"
    title: ClassVar[str] = "Given"

    wanted: str = ""

    def targets(self, panel: Panel) -> Floats:
        targets = np.array([float(one) for one in self.wanted.split()])
        return np.repeat(targets[:, np.newaxis], len(panel.symbols), axis=1)


@pytest.mark.parametrize(
    ("wanted", "ordered"),
    [
        ("0.5 nan nan nan nan", [0]),  # lasts until the range begins
        ("0.5 0.2 nan nan nan", [0]),
        ("0.5 nan 0.3 nan nan", [0]),  # replaced there
        ("nan nan nan nan 0.5", [2]),
        ("0.5 0.0 nan nan nan", []),
    ],
)
def test_a_custom_target_lasts_until_the_range_begins(wanted: str, ordered: list[int]) -> None:
    bars = [make_bars("A", [10.0] * 43)]
    result = backtest(requested(bars, Given(wanted=wanted), 2), bars)
    rows = result.curve.time.searchsorted(result.orders.time[result.orders.what == 0]).tolist()
    assert rows == ordered


def test_a_custom_strategy_has_to_give_targets_for_the_bars_for_warming_up_too() -> None:
    bars = [make_bars("A", [10.0] * 43)]
    with pytest.raises(Exception, match=r"shape \(3, 1\) for bars of shape \(5, 1\)"):
        backtest(requested(bars, Given(wanted="0 0 0"), 2), bars)


@frozen
class Together(TargetStrategy):
    """Holds what it is told of each panel: as much as it has symbols."""

    name: ClassVar[str] = "together"
    title: ClassVar[str] = "Together"

    def targets(self, panel: Panel) -> Floats:
        return np.full((len(panel.time), len(panel.symbols)), len(panel.symbols) / 10)


def test_symbols_that_share_their_bars_stay_one_panel() -> None:
    bars = market(3, 3, 60, gaps=0.0, spread=0.01)
    result = backtest(requested(bars, Together(), 30), bars)
    held = [result.final_positions[one.symbol] * one.close[-1] for one in bars]
    assert held == pytest.approx([100.0] * 3, rel=0.1)  # 0.3 of a third of 1000


def test_symbols_with_different_bars_before_the_range_have_panels_of_their_own() -> None:
    one = make_bars("A", [10.0] * 43)
    other = make_bars("B", [10.0] * 43, keep=[*range(38), 40, 41, 42])
    result = backtest(requested([one, other], Given(wanted="0.5 nan nan nan nan"), 2), [one, other])
    assert sorted(result.final_positions) == ["A", "B"]


def test_portfolios_count_their_schedule_from_the_first_bar_of_the_range() -> None:
    bars = market(3, 3, 90, gaps=0.0, spread=0.03)
    construction = PortfolioConstruction(
        target_weights={one.symbol: 0.3 for one in bars}, rebalance_frequency="weekly"
    )
    fields = {"portfolio_construction": construction}
    warm, cold = (
        backtest(requested(bars, TargetWeights(), count, **fields), bars) for count in (30, 0)
    )
    assert warm.curve.value.tobytes() == cold.curve.value.tobytes()
    assert warm.orders.time.tobytes() == cold.orders.time.tobytes()


def test_fewer_bars_than_requested_are_taken_and_said() -> None:
    long, short = (
        make_bars("LONG", [10.0] * 60),
        make_bars("SHORT", [10.0] * 25, start="2024-02-05"),
    )
    request = requested([long, short], BuyAndHold(), 30)
    result = backtest(request, [long, short])
    [said] = [line for line in result.logs if "warmup_bars" in line]
    assert said == (
        "warmup_bars asks for 30 bars before 2024-02-10, and there are fewer: SHORT has 5; "
        "indicators that need more begin later"
    )
    assert result.manifest["dataset"]["warmup"]["bar_counts"] == {"LONG": 30, "SHORT": 5}
    enough = backtest(evolve(request, warmup_bars=5), [long, short])
    assert not [line for line in enough.logs if "warmup_bars" in line]


def test_the_digest_of_the_bars_covers_those_for_warming_up() -> None:
    bars = [make_bars("A", [10.0 + row for row in range(60)])]
    changed = [make_bars("A", [11.0, *(10.0 + row for row in range(1, 60))])]
    digests = [
        backtest(requested(one, BuyAndHold(), count), one).manifest["dataset"]["digest"]
        for one, count in ((bars, 0), (changed, 0), (bars, 40), (changed, 40))
    ]
    assert digests[0] == digests[1]
    assert len(set(digests[1:])) == 3


def test_a_manifest_repeats_the_run_and_says_nothing_without_bars_for_warming_up() -> None:
    bars = market(3, 3, 90, gaps=0.0, spread=0.03)
    request = requested(bars, MaCrossover(short_period=3, long_period=8), 20)
    result = backtest(request, bars)
    again = backtest(parse_request(result.manifest["replay_request"]), bars)
    assert as_bytes(again) == as_bytes(result)
    without = backtest(evolve(request, warmup_bars=0), bars)
    assert "warmup" not in str(without.manifest)
    assert "warmup_bars" not in request_document(evolve(request, warmup_bars=0))
    assert run_slices(evolve(request, warmup_bars=0), in_range(bars), [9])[1].metrics == (
        without.metrics
    )


def test_bars_for_warming_up_are_checked_like_the_others() -> None:
    bad = make_bars("A", [10.0] * 50)
    close = bad.close.copy()
    close[35] = np.nan
    broken = Bars("A", bad.time, bad.open, bad.high, bad.low, close, bad.volume)
    backtest(requested([broken], BuyAndHold(), 2), [broken])
    with pytest.raises(DataError, match="close at 2024-02-05"):
        backtest(requested([broken], BuyAndHold(), 9), [broken])


def test_bars_for_warming_up_have_to_end_before_the_range_begins() -> None:
    bars = make_bars("A", [10.0] * 50)
    dataset = Dataset([bars], "memory", "user_provided", [Quality("A", 50, 50)], warmup=[bars])
    with pytest.raises(DataError, match="should end before"):
        Simulation(make_request(["A"]), dataset)
