"""Trials evaluated: metrics only, segment by segment.

Doctrine: a trial is the backtests of its segments. So every metric of every segment is compared
with that of `backtest` for the segment's own request, bit for bit, over random markets, strategies
and costs; and whatever goes wrong in one trial is that trial's outcome.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import numpy as np
from attrs import evolve, frozen
from hypothesis import given
from hypothesis import strategies as st
from support.engine_bars import in_memory, make_bars, make_request
from support.random_runs import EXECUTIONS, STRATEGIES, market
from support.trials import (
    START,
    assert_same_as_backtests,
    exactly,
    plan,
    segment,
    whole,
)

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.engine.kernel.choice import INTERPRETED
from glowback_trio.engine.trials.evaluation import evaluate, evaluate_in_turns
from glowback_trio.engine.trials.metric_names import score
from glowback_trio.engine.trials.plan import FULL, Splits, TrialPlan
from glowback_trio.engine.trials.splits import fold_splits
from glowback_trio.model.bars import Bars, Floats
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.api import Panel, TargetStrategy
from glowback_trio.model.strategies.parameters import MaCrossover


@st.composite
def searches(draw: st.DrawFn) -> tuple[BacktestRequest, list[Bars], list[TrialPlan]]:
    """A base request, its bars, and trials that differ in the strategy and its costs."""
    rows = draw(st.integers(6, 60))
    late = draw(st.sampled_from([0, 0, 3]))  # bars before the range
    bars = market(
        draw(st.integers(0, 2**32 - 1)),
        symbols=draw(st.sampled_from([1, 1, 1, 3])),
        rows=rows,
        gaps=draw(st.sampled_from([0.0, 0.0, 0.3])),
        spread=draw(st.sampled_from([0.02, 0.3])),
    )
    base = make_request(
        [one.symbol for one in bars],
        draw(st.sampled_from(STRATEGIES)),
        execution=draw(EXECUTIONS),
        risk_free_rate=draw(st.sampled_from([0.0, 0.03])),
        start_date=START + timedelta(days=late),
        warmup_bars=draw(st.sampled_from([0, 0, 2, 50])),
    )
    cut = draw(st.integers(late + 1, rows - 1))
    segments = [whole(base), segment("train", late, cut), segment("window-1", cut, rows)]
    sizes = draw(st.lists(st.sampled_from([0.2, 0.95, 1.0]), min_size=1, max_size=6))
    costs = st.sampled_from([0.0, 3.0, 200.0])
    plans = [
        plan(
            number,
            segments,
            **{
                "position_size": size,
                "execution.commission_bps": draw(costs),
                "execution.slippage_bps": draw(costs),
            },
        )
        for number, size in enumerate(sizes, 1)
    ]
    return base, bars, plans


@given(searches())
def test_metrics_of_trials_are_those_of_backtests_to_the_last_bit(
    search: tuple[BacktestRequest, list[Bars], list[TrialPlan]],
) -> None:
    assert_same_as_backtests(*search)


@given(searches())
def test_the_kernel_gives_the_metrics_of_backtests_to_the_last_bit(
    search: tuple[BacktestRequest, list[Bars], list[TrialPlan]],
) -> None:
    assert_same_as_backtests(*search, kernel=INTERPRETED)


def crossovers() -> tuple[BacktestRequest, list[Bars], list[TrialPlan]]:
    bars = market(5, 1, 700, gaps=0.0, spread=0.02)
    base = make_request(["S0"], MaCrossover(), execution={"commission_bps": 2.0})
    segments = [whole(base), segment("train", 0, 500), segment("window-1", 500, 700)]
    pairs = [(short, long) for short in range(1, 9) for long in range(2, 60, 7)]
    plans = [
        plan(number, segments, short_period=short, long_period=long)
        for number, (short, long) in enumerate(pairs, 1)
    ]
    return base, bars, plans


def test_a_grid_of_crossovers_equals_its_backtests_and_fails_where_they_do() -> None:
    outcomes = assert_same_as_backtests(*crossovers())
    (failed, *_) = [one for one in outcomes if one.error is not None]
    assert failed.error is not None
    assert "short_period: Input should be less than long_period" in failed.error
    assert not failed.metrics
    assert failed.sketch is None


def test_the_order_and_company_of_trials_change_nothing() -> None:
    base, bars, plans = crossovers()
    together = {one.trial_number: one for one in evaluate(base, in_memory(bars), plans)}
    for each in (*plans[::-7], plans[0]):
        (alone,) = evaluate(base, in_memory(bars), [each])
        beside = together[each.trial_number]
        assert exactly(alone.metrics) == exactly(beside.metrics)
        assert alone.sketch == beside.sketch


def test_a_sketch_is_that_of_the_full_runs_excess_returns() -> None:
    base, bars, plans = crossovers()
    base = evolve(base, risk_free_rate=0.05)
    outcome = next(iter(evaluate(base, in_memory(bars), plans[-1:])))
    result = backtest(applied(base, plans[-1].parameters), bars)
    excess = bar_returns(result.curve.value) - 0.05 / result.metrics["periods_per_year"]  # type: ignore[operator]  # a number
    assert outcome.sketch == ReturnsSketch.of(excess)


def test_a_trial_without_a_full_segment_has_no_sketch() -> None:
    base, bars, _plans = crossovers()
    part = plan(1, [segment("part", 0, 100)], short_period=2, long_period=5)
    (outcome,) = assert_same_as_backtests(base, bars, [part])
    assert outcome.sketch is None


def test_splits_score_the_returns_of_the_full_run() -> None:
    base, bars, plans = crossovers()
    splits = Splits(folds=5, test_folds=2, purge_bars=3, embargo_bars=4)
    asked = [evolve(each, splits=splits) for each in plans[-4:]]
    for each, outcome in zip(
        asked, evaluate(base, in_memory(bars), asked, objective="sortino_ratio"), strict=True
    ):
        returns = bar_returns(backtest(applied(base, each.parameters), bars).curve.value)
        expected = [
            tuple(
                float(np.asarray(score("sortino_ratio", returns[part], 365.0, 0.0)))
                for part in (split.train, split.test)
            )
            for split in fold_splits(len(returns), splits)
        ]
        assert list(outcome.split_scores) == expected


def test_folds_that_cannot_be_are_the_failure_of_the_trial() -> None:
    base, bars, plans = crossovers()
    asked = [evolve(plans[-1], splits=Splits(folds=5, purge_bars=1000, embargo_bars=1000))]
    (outcome,) = evaluate(base, in_memory(bars), asked)
    assert outcome.error is not None
    assert "leave nothing to train on" in outcome.error


def test_symbols_weights_and_a_benchmark_are_carried_out_too() -> None:
    bars = market(2, 3, 60, gaps=0.2, spread=0.02)
    base = make_request(["S0"], MaCrossover(short_period=2, long_period=5), benchmark_symbol="S2")
    plans = [
        plan(1, [whole(base)], symbols=("S1",)),
        plan(2, [whole(base)], symbols=("S0", "S1")),
        plan(3, [whole(base)], symbols="S0", long_period=9),
    ]
    outcomes = assert_same_as_backtests(base, bars, plans)
    assert outcomes[0].metrics[FULL]["beta"] is not None
    weighted = BacktestRequest(
        symbols=("S0", "S1"),
        start_date=base.start_date,
        end_date=base.end_date,
        portfolio_construction=PortfolioConstruction(target_weights={"S0": 0.5}),
    )
    assert_same_as_backtests(
        weighted, bars[:2], [plan(1, [whole(weighted)], **{"weights.S1": 0.3})]
    )


@frozen
class FailsFrom(TargetStrategy):
    """Holds its symbol, and fails where the level is too high."""

    name: ClassVar[str] = "fails_from"
    title: ClassVar[str] = "Fails from"

    level: float = 0.0

    def targets(self, panel: Panel) -> Floats:
        if self.level > 1:
            raise RuntimeError(f"level {self.level} is too high")
        wanted: Any = np.full((len(panel.time), len(panel.symbols)), np.nan)
        wanted[0] = self.level
        return wanted  # type: ignore[no-any-return]  # an array


def test_a_custom_strategy_that_fails_on_some_trials_fails_these_alone() -> None:
    bars = [make_bars("A", np.linspace(50, 80, 40).tolist())]
    base = make_request(["A"], FailsFrom())
    levels = (0.1, 2.0, 0.5, 3.0)
    plans = [plan(n, [whole(base)], level=level) for n, level in enumerate(levels, 1)]
    outcomes = assert_same_as_backtests(base, bars, plans)
    assert [one.error for one in outcomes] == [
        None,
        "fails_from failed: RuntimeError: level 2.0 is too high",
        None,
        "fails_from failed: RuntimeError: level 3.0 is too high",
    ]


def test_a_segment_without_bars_says_which_it_is() -> None:
    bars = [make_bars("A", np.linspace(50, 80, 40).tolist())]
    base = make_request(["A"])
    (outcome,) = evaluate(
        base, in_memory(bars), [plan(1, [whole(base), segment("window-1", 100, 120)])]
    )
    assert outcome.error == "In window-1: no bars for A in the requested range"


def test_long_runs_give_others_a_turn_between_their_slices() -> None:
    hours = make_bars("A", np.linspace(50, 80, 70_000).tolist(), step="h")
    base = make_request(["A"], resolution="hour")
    turns = list(
        evaluate_in_turns(
            base,
            in_memory([hours]),
            [plan(1, [whole(base)]), plan(2, [whole(base)])],
            objective="sharpe_ratio",
            checkpoint=lambda: None,
            clock=lambda: 0.0,
        )
    )
    assert len(turns) >= 6
    assert [one.trial_number for turn in turns for one in turn] == [1, 2]


def test_the_clock_is_the_callers() -> None:
    base, bars, plans = crossovers()
    seconds = iter(range(1000))
    (outcome,) = evaluate(base, in_memory(bars), plans[-1:], clock=lambda: float(next(seconds)))
    assert outcome.duration_s > 0
