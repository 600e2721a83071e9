"""The leak check: what looks ahead is found, and what does not is left alone.

Rule: every planted leak of `support/planted_leaks.py` is found, with a bar, a symbol and both
decisions; no honest strategy is accused, whatever bars, costs and warm-up it is given.
"""

from __future__ import annotations

import random
from typing import Any, ClassVar

import numpy as np
import pytest
from attrs import frozen
from support.engine_bars import make_bars, make_request
from support.planted_leaks import HONEST, LEAKS
from support.random_runs import market

from glowback_trio import BacktestRequest, Bars, BarStrategy, Context, OnBar, Panel, TargetStrategy
from glowback_trio.engine.lookahead.check import check_strategy
from glowback_trio.engine.lookahead.cuts import early_cuts, spread_cuts
from glowback_trio.errors import InvalidRequestError, StrategyError
from glowback_trio.model.bars import Floats
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    TargetWeights,
)

BUILT_IN = [
    BuyAndHold(),
    MaCrossover(),
    MaCrossover(short_period=3, long_period=8, direction="long_only"),
    Momentum(),
    Momentum(lookback_period=4, momentum_threshold=2.0, rebalance_frequency=3),
    MeanReversion(),
    Rsi(),
    Rsi(lookback_period=5, oversold_threshold=35.0, overbought_threshold=60.0, smoothing="cutler"),
]


def three(seed: int = 5, rows: int = 900, gaps: float = 0.0) -> list[Bars]:
    return market(seed, 3, rows, gaps=gaps, spread=0.015)


def asked(strategy: Any, bars: list[Bars], **fields: Any) -> BacktestRequest:
    return make_request([one.symbol for one in bars], strategy, initial_capital=1e6, **fields)


def ids(strategy: Any) -> str:
    return str(strategy.name)


def test_there_are_more_than_twenty_leaks_and_five_honest_strategies() -> None:
    assert len(LEAKS) >= 30
    assert len(HONEST) >= 10


@pytest.mark.parametrize("strategy", LEAKS, ids=ids)
@pytest.mark.parametrize("symbols", [1, 3])
def test_a_planted_leak_is_found(strategy: Any, symbols: int) -> None:
    # Of a single symbol, the winner is always that one.
    bars = three()[: 3 if strategy.name == "winners_of_the_whole_range" else symbols]
    report = check_strategy(asked(strategy, bars), bars)
    assert report.verdict == "leaks", report.sentence
    assert not report.clean
    found = report.changed
    assert found is not None
    assert found.bar <= found.cut
    assert found.symbol in {one.symbol for one in bars}
    assert found.decided != found.decided_instead
    assert "looks ahead" in report.sentence


@pytest.mark.parametrize("strategy", LEAKS, ids=ids)
@pytest.mark.parametrize("seed", [1, 2])
def test_a_planted_leak_is_found_on_few_bars(strategy: Any, seed: int) -> None:
    bars = three(seed, 260)
    report = check_strategy(asked(strategy, bars), bars)
    assert report.verdict == "leaks", report.sentence


@pytest.mark.parametrize("strategy", [*BUILT_IN, *HONEST], ids=ids)
@pytest.mark.parametrize("gaps", [0.0, 0.2])
@pytest.mark.parametrize("warmup", [0, 150])
def test_an_honest_strategy_is_not_accused(strategy: Any, gaps: float, warmup: int) -> None:
    bars = three(gaps=gaps)
    fields: dict[str, Any] = {"start_date": "2024-07-01", "warmup_bars": warmup} if warmup else {}
    report = check_strategy(asked(strategy, bars, **fields), bars)
    assert report.verdict == "clean", report.sentence
    assert report.cuts == 64
    assert report.decisions >= 1
    assert "does not look ahead" in report.sentence


@pytest.mark.parametrize("strategy", [*BUILT_IN, *HONEST], ids=ids)
@pytest.mark.parametrize("seed", range(4))
def test_an_honest_strategy_is_not_accused_whatever_the_costs_and_the_market(
    strategy: Any, seed: int
) -> None:
    bars = market(seed, 1 + seed, 150 + 100 * seed, gaps=0.1 * (seed % 2), spread=0.1)
    execution = [
        {"allow_short": False, "commission_bps": 5.0},
        {"max_volume_participation": 0.5, "latency_ms": 2 * 86_400_000},
        {"borrow_rate": 1.0, "whole_shares": True},
        {"max_leverage": 3.0, "margin_interest_rate": 1.0, "size_at": "fill"},
    ][seed]
    report = check_strategy(asked(strategy, bars, execution=execution), bars)
    assert report.verdict == "clean", report.sentence


def test_the_same_check_gives_the_same_report() -> None:
    bars = three()
    for strategy in (LEAKS[3], LEAKS[-1], HONEST[0]):
        request = asked(strategy, bars)
        assert check_strategy(request, bars) == check_strategy(request, bars)


@frozen
class Dice(BarStrategy):
    """Decides by chance, and not from a seed of its own."""

    name: ClassVar[str] = "dice"
    title: ClassVar[str] = "Dice"

    def start(self) -> OnBar:
        return lambda context: context.target("S0", random.random())


@frozen
class Noise(TargetStrategy):
    """The same, of arrays."""

    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "Noise"

    def targets(self, panel: Panel) -> Floats:
        return np.random.default_rng().random((len(panel.time), len(panel.symbols)))


@pytest.mark.parametrize("strategy", [Dice(), Noise()], ids=ids)
def test_what_decides_by_chance_is_told_from_what_looks_ahead(strategy: Any) -> None:
    bars = three()
    report = check_strategy(asked(strategy, bars), bars)
    assert report.verdict == "unrepeatable"
    assert "each time it is run" in report.sentence


@frozen
class Idle(BarStrategy):
    """Never decides anything."""

    name: ClassVar[str] = "idle"
    title: ClassVar[str] = "Idle"

    def start(self) -> OnBar:
        return lambda _context: None


def test_a_strategy_that_decides_nothing_is_not_called_checked() -> None:
    bars = three()
    report = check_strategy(asked(Idle(), bars), bars)
    assert (report.verdict, report.decisions) == ("clean", 0)
    assert report.sentence == "idle has made no decision on these bars, so none was checked"


@frozen
class Broken(BarStrategy):
    """Fails in the middle."""

    name: ClassVar[str] = "broken"
    title: ClassVar[str] = "Broken"

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            if context.count("S0") == 100:
                raise ValueError("no more")

        return on_bar


def test_a_strategy_that_fails_on_the_bars_as_they_are_cannot_be_checked() -> None:
    bars = three()
    with pytest.raises(StrategyError, match="broken failed at the bar"):
        check_strategy(asked(Broken(), bars), bars)


def test_weights_are_no_strategy() -> None:
    bars = three()
    construction = PortfolioConstruction(target_weights={"S0": 0.5})
    request = asked(TargetWeights(), bars, portfolio_construction=construction)
    with pytest.raises(InvalidRequestError, match="no strategy to check"):
        check_strategy(request, bars)


@pytest.mark.parametrize("cuts", [0, 1025, 2.0, True])
def test_cuts_out_of_bounds_are_refused(cuts: Any) -> None:
    bars = three()
    with pytest.raises(InvalidRequestError, match="from 1 to 1,024"):
        check_strategy(asked(BuyAndHold(), bars), bars, cuts=cuts)


@pytest.mark.parametrize("rows", [1, 2, 3, 60])
def test_a_short_range_is_cut_at_every_bar(rows: int) -> None:
    bars = [make_bars("A", [10.0 + row % 7 for row in range(rows)])]
    report = check_strategy(asked(MaCrossover(short_period=1, long_period=2), bars), bars)
    assert (report.verdict, report.cuts) == ("clean", rows - 1)


def test_an_account_that_is_lost_ends_the_calls_and_the_cuts() -> None:
    @frozen
    class Reckless(BarStrategy):
        name: ClassVar[str] = "reckless"
        title: ClassVar[str] = "Reckless"

        def start(self) -> OnBar:
            def on_bar(context: Context) -> None:
                if context.count("A") == 1:
                    context.order("A", -90_000)
                context.target("A", 0.0) if context.equity < 0 else context.log("still here")

            return on_bar

    bars = [make_bars("A", [10.0] * 100 + [10.0 * 1.2**row for row in range(50)])]
    report = check_strategy(asked(Reckless(), bars), bars)
    assert report.verdict == "clean"
    assert report.decisions == 1


@pytest.mark.parametrize("rows", [70, 500, 5000])
@pytest.mark.parametrize("changes", [[], [1], [3, 4, 5], list(range(10, 70)), [69]])
@pytest.mark.parametrize("count", [1, 2, 64])
@pytest.mark.parametrize("choose", [early_cuts, spread_cuts])
def test_there_are_as_many_cuts_as_asked_for(
    choose: Any, count: int, changes: list[int], rows: int
) -> None:
    chosen = choose(rows, np.array(changes, dtype=np.intp), count)
    assert chosen == sorted(set(chosen))
    assert chosen[0] >= 0
    assert chosen[-1] <= rows - 2
    assert len(chosen) >= min(count, rows - 1)
