"""The names of metrics, and metrics of returns alone.

Doctrine: the names are those of real runs. A metric of all returns of a run, computed from these
alone, is the run's own, up to the rounding of a product of returns.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.engine_bars import make_request
from support.random_runs import market

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.engine.trials.metric_names import METRIC_NAMES, RETURN_METRICS, score
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import MaCrossover


@pytest.fixture(scope="module")
def result() -> Result:
    bars = market(1, 1, 200, gaps=0.0, spread=0.02)
    strategy = MaCrossover(short_period=3, long_period=9)
    return backtest(make_request(["S0"], strategy, risk_free_rate=0.02), bars)


def test_every_metric_of_a_run_has_its_name_here(result: Result) -> None:
    bars = market(1, 2, 50, gaps=0.0, spread=0.02)
    construction = PortfolioConstruction(target_weights={"S0": 0.5, "S1": 0.4})
    request = BacktestRequest(
        symbols=("S0", "S1"),
        start_date="2024-01-01",
        end_date="2030-01-01",
        portfolio_construction=construction,
    )
    weighted = backtest(request, bars)
    assert set(METRIC_NAMES) == {*result.metrics, *weighted.metrics}
    assert len(set(METRIC_NAMES)) == len(METRIC_NAMES)
    assert set(METRIC_NAMES) >= RETURN_METRICS


@pytest.mark.parametrize("name", sorted(RETURN_METRICS))
def test_a_metric_of_all_returns_is_that_of_the_run(name: str, result: Result) -> None:
    returns = bar_returns(result.curve.value)
    periods = result.metrics["periods_per_year"]
    assert periods is not None
    found = float(np.asarray(score(name, returns, periods, 0.02)))
    assert found == pytest.approx(result.metrics[name], rel=1e-9)


@pytest.mark.parametrize("name", sorted(RETURN_METRICS))
def test_a_metric_of_many_curves_is_that_of_each_to_the_last_bit(name: str) -> None:
    many = np.asfortranarray(np.random.default_rng(3).normal(0.0005, 0.01, (3000, 70)))
    together = np.asarray(score(name, many, 252.0, 0.01))
    alone = [float(np.asarray(score(name, many[:, k], 252.0, 0.01))) for k in range(70)]
    assert together.tolist() == alone
