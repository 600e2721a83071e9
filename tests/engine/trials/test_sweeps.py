"""Trials carried out by the kernel, many in one call.

Doctrine: as of a company in arrays, together changes nothing but the time it takes. Companies of
each built-in strategy, with every cost but financing drawn for each trial, are compared with the
same backtests by the broker, metrics bit for bit and sketches byte for byte, by the kernel as plain
Python and, where numba is installed, compiled. That the kernel is what evaluates them is checked on
the block itself.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from attrs import evolve
from support.companies import SPACES, Space, company, entered, evaluated
from support.engine_bars import in_memory, make_request
from support.random_runs import market
from support.trials import assert_same_as_backtests, plan, whole

from glowback_trio.compute import kernel as kernels
from glowback_trio.engine.analytics.returns import STRETCH
from glowback_trio.engine.kernel.choice import INTERPRETED, Kernel, choose, chosen, using
from glowback_trio.engine.trials.evaluation import evaluate
from glowback_trio.engine.trials.plan import Splits
from glowback_trio.extras import FAST
from glowback_trio.model.strategies.parameters import MaCrossover, Strategy

# The compiler takes ten seconds, on a busy machine many times that.
pytestmark = pytest.mark.timeout(600)
needs_numba = pytest.mark.skipif(not FAST.is_installed, reason="numba is not installed")
#: Costs that the kernel knows and arrays do not.
MORE_COSTS: Space = {
    "execution.max_volume_participation": [None, None, 1e-4, 0.1],
    "execution.size_at": ["signal", "fill"],
    "execution.slippage_volume_impact": [0.0, 0.1],
}


@pytest.fixture(scope="module")
def compiled(kernel_cache: Path) -> Kernel:
    """The compiled kernel, which no other test takes."""
    before = chosen()
    kernels.warm()
    found = chosen()
    choose(before)
    assert found is not None
    return found


def assert_same(kernel: Kernel, strategy: Strategy, count: int, seed: int, spread: float) -> int:
    """Compare a company, and return how many of its trials the kernel has carried out."""
    bars = market(seed, 1, 150, gaps=0.0, spread=spread)
    base = make_request(["S0"], strategy, risk_free_rate=0.02)
    plans = company(strategy, base, count, seed, MORE_COSTS)
    outcomes = assert_same_as_backtests(base, bars, plans, kernel)
    for one, lone in zip(outcomes, evaluate(base, in_memory(bars), plans), strict=True):
        assert one.sketch == lone.sketch
    with using(kernel):
        return evaluated(base, bars, plans)


@pytest.mark.parametrize("strategy", SPACES, ids=lambda strategy: strategy.name)
def test_a_sweep_by_the_interpreted_kernel_equals_its_backtests(strategy: Strategy) -> None:
    assert assert_same(INTERPRETED, strategy, 30, seed=1, spread=0.02) >= 15


@needs_numba
@pytest.mark.parametrize("spread", [0.02, 0.1, 0.35])
@pytest.mark.parametrize("strategy", SPACES, ids=lambda strategy: strategy.name)
def test_a_sweep_by_the_compiled_kernel_equals_its_backtests(
    compiled: Kernel, strategy: Strategy, spread: float
) -> None:
    evaluated_by_it = assert_same(compiled, strategy, 60, seed=2, spread=spread)
    assert evaluated_by_it > 25 or spread > 0.1  # where accounts are lost, the simulation does it


@needs_numba
@pytest.mark.parametrize("rows", [1, 2, 3, 9, 20, 21, 400, 40_000])
def test_records_of_any_length_have_the_same_figures_and_sketches(
    compiled: Kernel, rows: int
) -> None:
    # Powers of more returns than this are summed in pieces.
    assert rows < STRETCH or rows == 40_000
    bars = market(5, 1, rows, gaps=0.0, spread=0.003)
    base = make_request(["S0"], MaCrossover(), risk_free_rate=0.01)
    plans = [plan(n, [whole(base)], short_period=1, long_period=n + 1) for n in range(1, 6)]
    outcomes = assert_same_as_backtests(base, bars, plans, compiled)
    for one, lone in zip(outcomes, evaluate(base, in_memory(bars), plans), strict=True):
        assert one.sketch == lone.sketch


def test_splits_are_scored_alike() -> None:
    bars = market(5, 1, 200, gaps=0.0, spread=0.02)
    base = make_request(["S0"], MaCrossover())
    splits = Splits(folds=4, test_folds=1, purge_bars=2, embargo_bars=1)
    plans = [evolve(each, splits=splits) for each in company(MaCrossover(), base, 8, 3)]
    with using(INTERPRETED):
        swept = list(evaluate(base, in_memory(bars), plans))
    for one, lone in zip(swept, evaluate(base, in_memory(bars), plans), strict=True):
        assert one.split_scores
        assert repr(list(one.split_scores)) == repr(list(lone.split_scores))


def test_financing_is_left_to_the_simulation() -> None:
    base = make_request(["S0"], MaCrossover(), execution={"borrow_rate": 0.1})
    with using(INTERPRETED):
        assert not entered(base, [plan(1, [whole(base)])])
