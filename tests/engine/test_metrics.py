"""Metrics, against numbers worked out by hand.

Doctrine: every metric has a case by hand, and one for what makes it undefined; `test_empyrical`
compares them with an independent library.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from support.engine_bars import fills, make_bars, make_request

from glowback_trio.engine import Simulation, backtest
from glowback_trio.engine.analytics import returns, round_trips
from glowback_trio.engine.analytics.metrics import plain
from glowback_trio.model.bars import Dataset, Quality, Times
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuyAndHold, MaCrossover

NAMES = {
    "initial_capital",
    "final_value",
    "total_return",
    "annualized_return",
    "volatility",
    "sharpe_ratio",
    "sortino_ratio",
    "calmar_ratio",
    "max_drawdown",
    "max_drawdown_duration_days",
    "var_95",
    "cvar_95",
    "skewness",
    "kurtosis",
    "total_commissions",
    "total_trades",
    "win_rate",
    "profit_factor",
    "average_win",
    "average_loss",
    "largest_win",
    "largest_loss",
    "option_trade_count",
    "option_event_count",
    "data_quality_warning_count",
    "data_quality_critical_count",
    "sample_data",
    "round_trips",
    "exposure_time",
    "turnover",
    "cagr",
    "sqn",
    "kelly",
    "periods_per_year",
    "total_slippage_cost",
    "total_financing_cost",
    "benchmark_return",
    "alpha",
    "beta",
    "tracking_error",
    "information_ratio",
    "excess_return",
}


def days(count: int, start: str = "2024-01-01") -> Times:
    return np.datetime64(start, "ns") + np.arange(count) * np.timedelta64(1, "D")


def test_every_metric_is_named_and_finite_or_none() -> None:
    metrics = backtest(make_request(), [make_bars("A", [10.0, 11.0, 10.5])]).metrics
    assert metrics.keys() == NAMES
    assert all(value is None or math.isfinite(value) for value in metrics.values())


def test_moments_by_hand() -> None:
    found = returns.moments(np.array([0.1, -0.1, 0.3, 0.1]))
    assert found.mean == pytest.approx(0.1)
    assert found.second == pytest.approx(0.02)
    assert found.third == pytest.approx(0.0, abs=1e-18)
    assert found.fourth == pytest.approx(0.0008)
    assert found.sd == pytest.approx(math.sqrt(0.08 / 3))
    assert returns.skewness(found) == pytest.approx(0.0, abs=1e-12)
    assert returns.kurtosis(found) == pytest.approx(-1.0)


def test_ratios_by_hand() -> None:
    series = np.array([0.1, -0.1, 0.3, 0.1])
    spread = returns.moments(series)
    assert returns.volatility(spread, 252.0) == pytest.approx(math.sqrt(0.08 / 3 * 252))
    sharpe = 0.1 / math.sqrt(0.08 / 3) * math.sqrt(252)
    assert returns.sharpe_ratio(spread, 252.0, 0.0) == pytest.approx(sharpe)
    assert returns.sharpe_ratio(spread, 252.0, 25.2) == pytest.approx(0.0, abs=1e-12)
    # one shortfall of 0.1 among four returns: sqrt(0.01 / 4) = 0.05
    assert returns.sortino_ratio(series, 252.0, 0.0) == pytest.approx(2.0 * math.sqrt(252))
    # 0.05 less on each: shortfall 0.15 alone
    assert returns.sortino_ratio(series, 100.0, 5.0) == pytest.approx(0.05 / 0.075 * 10.0)
    assert returns.calmar_ratio(0.3, 0.2) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("growth", "count", "expected"),
    [(1.21, 126, 0.4641), (1.0, 5, 0.0), (0.0, 5, -1.0), (-0.1, 5, math.nan), (1.1, 0, math.nan)],
)
def test_annualized_return(growth: float, count: int, expected: float) -> None:
    found = returns.annualized_return(growth, count, 252.0)
    assert found == pytest.approx(expected, nan_ok=True)


def test_growth_that_compounds_beyond_any_number_is_undefined() -> None:
    minute = np.array(["2024-01-01T00:00", "2024-01-01T00:01"], "M8[ns]")
    assert math.isnan(returns.annualized_return(2.0, 1, 98_280.0))
    assert math.isnan(returns.cagr(2.0, minute))


def test_cagr_counts_calendar_years() -> None:
    time = np.array(["2020-01-01", "2021-12-31T12:00"], "datetime64[ns]")  # 730.5 days
    assert returns.cagr(1.21, time) == pytest.approx(0.1)
    assert math.isnan(returns.cagr(1.21, time[:1]))


def test_value_at_risk_interpolates_and_the_tail_mean_counts_whole_returns() -> None:
    series = np.arange(41.0)[::-1] / 100.0 - 0.2  # rank 2 exactly: -0.18
    assert returns.var_95(returns.tail(series), len(series)) == pytest.approx(0.18)
    assert returns.cvar_95(returns.tail(series)) == pytest.approx((0.20 + 0.19 + 0.18) / 3)
    longer = np.arange(51.0) / 100.0 - 0.2  # rank 2.5: between -0.18 and -0.17
    assert returns.var_95(returns.tail(longer), len(longer)) == pytest.approx(0.175)
    assert returns.cvar_95(returns.tail(longer)) == pytest.approx(0.19)


def test_a_tail_needs_twenty_returns() -> None:
    assert math.isnan(returns.var_95(returns.tail(np.zeros(19)), 19))
    assert math.isnan(returns.cvar_95(returns.tail(np.zeros(19))))
    assert returns.var_95(returns.tail(np.zeros(20)), 20) == 0.0


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([100.0], 0),
        ([100.0, 101, 102], 0),
        ([100.0, 90, 95, 100, 99], 3),
        ([100.0, 90, 95, 101, 99, 98, 97, 96], 4),
        ([100.0, 110, 100, 110, 100, 100, 111], 3),
        ([100.0, 90, 80], 2),
    ],
)
def test_drawdown_lasts_from_the_last_peak_to_the_recovery_or_the_end(
    value: list[float], expected: float
) -> None:
    peaks = np.maximum.accumulate(value)
    found = returns.max_drawdown_duration_days((peaks - value) / peaks, days(len(value)))
    assert found == expected


def test_drawdown_duration_is_in_calendar_days_over_gaps_and_within_days() -> None:
    drawdown = np.array([0.0, 0.1, 0.0])
    weekend = np.array(["2024-01-05", "2024-01-08", "2024-01-09"], "datetime64[ns]")
    assert returns.max_drawdown_duration_days(drawdown, weekend) == 4.0
    hours = np.datetime64("2024-01-01", "ns") + np.arange(3) * np.timedelta64(6, "h")
    assert returns.max_drawdown_duration_days(drawdown, hours) == 0.5


@pytest.mark.parametrize(
    ("statistic", "mixed", "losing"),
    [
        (round_trips.win_rate, 0.5, 0.0),
        (round_trips.profit_factor, 8.0, 0.0),
        (round_trips.average_win, 20.0, None),
        (round_trips.average_loss, -5.0, -5.0),
        (round_trips.largest_win, 30.0, None),
        (round_trips.largest_loss, -5.0, -8.0),
        (round_trips.kelly, 0.375, None),
        (round_trips.sqn, 35 / 4 / math.sqrt(718.75 / 3) * 2, -5.0 / 3.0 * math.sqrt(3)),
    ],
)
def test_round_trip_statistics(statistic: object, mixed: float, losing: float | None) -> None:
    assert callable(statistic)
    tally = round_trips.tally
    assert plain(statistic(tally(np.array([10.0, -5.0, 0.0, 30.0])))) == pytest.approx(mixed)
    assert plain(statistic(tally(np.array([-2.0, -5.0, -8.0])))) == pytest.approx(losing)
    assert plain(statistic(tally(np.array([])))) is None


def test_only_winners_have_no_profit_factor() -> None:
    assert plain(round_trips.profit_factor(round_trips.tally(np.array([3.0, 4.0])))) is None
    assert plain(round_trips.sqn(round_trips.tally(np.array([0.1, 0.1, 0.1])))) is None


def test_many_tallies_are_those_of_each_to_the_last_bit() -> None:
    rng = np.random.default_rng(5)
    each = [rng.normal(0.0, 100.0, n).round(1) for n in (0, 1, 2, 0, 7, 8, 9, 130, 300, 8, 1)]
    each.append(np.full(5, 0.1))
    together = round_trips.tallied(np.concatenate(each), np.array([len(one) for one in each]))
    for index, profits in enumerate(each):
        alone = round_trips.tally(profits)
        for statistic in STATISTICS:
            many = plain(np.broadcast_to(statistic(together), len(each))[index])
            assert many == plain(statistic(alone))


STATISTICS = (
    round_trips.win_rate,
    round_trips.profit_factor,
    round_trips.average_win,
    round_trips.average_loss,
    round_trips.largest_win,
    round_trips.largest_loss,
    round_trips.kelly,
    round_trips.sqn,
)


def run(closes: list[float], **fields: Any) -> Result:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return backtest(make_request(**fields), [make_bars("A", closes)])


@pytest.mark.parametrize("closes", [[10.0], [10.0] * 30])
def test_a_run_in_which_nothing_moves_leaves_ratios_undefined(closes: list[float]) -> None:
    metrics = run(closes).metrics
    undefined = "sharpe_ratio sortino_ratio calmar_ratio skewness kurtosis win_rate profit_factor"
    assert all(metrics[name] is None for name in undefined.split())
    assert metrics["total_return"] == metrics["max_drawdown"] == 0.0
    assert metrics["volatility"] == (None if len(closes) == 1 else 0.0)
    assert metrics["annualized_return"] == (None if len(closes) == 1 else 0.0)


def test_units_of_the_wire() -> None:
    result = run([10.0, 10.0, 11.0, 9.9], strategy=BuyAndHold(position_size=1.0))
    metrics = result.metrics
    assert metrics["total_return"] == pytest.approx(-1.0)
    assert metrics["max_drawdown"] == pytest.approx(10.0)
    assert metrics["max_drawdown_duration_days"] == 1.0
    assert metrics["exposure_time"] == 0.75
    assert metrics["turnover"] == pytest.approx(1000.0 / np.mean([1000, 1000, 1100, 990]))
    step = np.array([0.0, 0.1, -0.1])
    assert metrics["volatility"] == pytest.approx(step.std(ddof=1) * math.sqrt(252) * 100)
    assert metrics["annualized_return"] == pytest.approx((0.99**84 - 1) * 100)


def test_the_risk_free_rate_and_the_periods_can_be_set() -> None:
    closes = [10.0, 10.0, 11.0, 10.0]
    plain = run(closes, periods_per_year=100.0).metrics
    assert plain["periods_per_year"] == 100.0
    excess = run(closes, periods_per_year=100.0, risk_free_rate=0.1).metrics
    step = np.array([0.0, 0.1, 10 / 11 - 1])
    assert plain["sharpe_ratio"] == pytest.approx(step.mean() / step.std(ddof=1) * 10)
    assert excess["sharpe_ratio"] == pytest.approx((step - 0.001).mean() / step.std(ddof=1) * 10)


def test_trade_metrics_count_fills_and_closed_round_trips_apart() -> None:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=0.5)
    result = run([10.0, 11.0, 12.0, 10.0, 10.0], strategy=strategy)
    assert len(fills(result)) == result.metrics["total_trades"] == 2
    assert result.metrics["round_trips"] == 1
    assert result.metrics["win_rate"] == 0.0
    bought, sold = np.abs(result.trades.quantity * result.trades.price)
    assert result.metrics["turnover"] == pytest.approx((bought + sold) / result.curve.value.mean())
    loss = result.trades.pnl[1]
    assert result.metrics["average_loss"] == result.metrics["largest_loss"] == loss < 0


def test_a_lost_account_has_metrics_too() -> None:
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    metrics = run([10.0, 9.0, 9.0, 20.0, 21.0, 15.0], strategy=strategy).metrics
    assert metrics["annualized_return"] is None
    assert metrics["cagr"] is None
    assert metrics["final_value"] == pytest.approx(-2000 / 9)
    assert metrics["max_drawdown"] == pytest.approx(100 * 11 / 9)


def test_quality_findings_and_sample_data_are_counted() -> None:
    bars = make_bars("A", [10.0, 10.0])
    quality = Quality("A", 2, 2, critical=("bad",), warnings=("odd", "gap"))
    simulation = Simulation(make_request(), Dataset([bars], "sample", "sample", [quality]))
    simulation.run()
    result = simulation.result()
    assert result.metrics["data_quality_warning_count"] == 2
    assert result.metrics["data_quality_critical_count"] == 1
    assert result.metrics["sample_data"] == 1
    assert result.logs[-4:] == [
        "Generated prices: use these results for smoke tests, not for research.",
        "Data quality warning [A]: odd",
        "Data quality warning [A]: gap",
        "Data quality critical [A]: bad",
    ]
