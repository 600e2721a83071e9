"""The tear sheet, block by block.

Doctrine: it is computed only from a result; each block has a case by hand, and the lost account
and the run that does nothing have a sheet, too.
"""

from __future__ import annotations

import json
import math
from typing import Any, Literal

import numpy as np
import pytest
from attrs import evolve
from support.engine_bars import make_bars, make_request

from glowback_trio.engine import backtest
from glowback_trio.engine.analytics import returns
from glowback_trio.engine.analytics.bootstrap.intervals import intervals, mean_block_length
from glowback_trio.engine.analytics.drawdowns import deepest_drawdowns
from glowback_trio.engine.analytics.overfit import probabilistic_sharpe
from glowback_trio.engine.analytics.relative import benchmark, relative_metrics
from glowback_trio.engine.analytics.tearsheet import calendar_returns, tear_sheet
from glowback_trio.model.bars import Bars, Times
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import BuyAndHold, MaCrossover
from glowback_trio.wire.json_text import dumps

BLOCKS = {
    "overview",
    "benchmark",
    "portfolio",
    "costs",
    "attribution",
    "top_contributors",
    "biggest_detractors",
    "exposure",
    "monthly_returns",
    "yearly_returns",
    "drawdowns",
    "robustness",
}


def days(count: int, start: str = "2024-01-01") -> Times:
    return np.datetime64(start, "ns") + np.arange(count) * np.timedelta64(1, "D")


def walks(symbols: str, bars: int = 120) -> list[Bars]:
    steps = np.random.default_rng(5).normal(0.0, 0.02, (len(symbols), bars))
    closes = 100.0 * np.exp(np.cumsum(steps, axis=1))
    return [make_bars(name, close.tolist()) for name, close in zip(symbols, closes, strict=True)]


def run(bars: list[Bars], **fields: Any) -> Result:
    symbols = [one.symbol for one in bars]
    strategy = MaCrossover(short_period=2, long_period=5)
    execution = {"commission_bps": 10.0, "slippage_bps": 5.0}
    return backtest(make_request(symbols, strategy, execution=execution, **fields), bars)


def test_a_tear_sheet_is_plain_json_and_the_same_every_time() -> None:
    bars = walks("ABCDEFGHIJKLM")
    result = run(bars)
    sheet = tear_sheet(result)
    assert sheet.keys() == BLOCKS
    assert json.loads(dumps(sheet)) == sheet
    assert tear_sheet(result) == sheet
    assert sheet["overview"] == {name: result.metrics[name] for name in sheet["overview"]}


def test_contributors_made_money_detractors_lost_some_and_neither_are_more_than_five() -> None:
    bars = walks("ABCDEFGHIJKLM")
    sheet = tear_sheet(run(bars))
    best, worst = sheet["top_contributors"], sheet["biggest_detractors"]
    shares = sorted(row["total_pnl"] for row in sheet["attribution"])
    assert [row["total_pnl"] for row in best] == [one for one in shares[::-1] if one > 0][:5]
    assert [row["total_pnl"] for row in worst] == [one for one in shares if one < 0][:5]
    assert len(best) + len(worst) >= 6


def test_costs_by_hand() -> None:
    bars = [make_bars("A", [10.0, 10.0, 12.0])]
    request = make_request("A", BuyAndHold(position_size=0.5), execution={"commission_bps": 100.0})
    result = evolve(backtest(request, bars), carry={"interest": -5.0})
    costs = tear_sheet(result)["costs"]
    assert costs == {
        "total_commissions": pytest.approx(5.0),
        "total_slippage_cost": 0.0,
        "total_carry": -5.0,
        "total_cost_drag": pytest.approx(10.0),
        "cost_drag_pct_initial": pytest.approx(1.0),
        "total_notional": pytest.approx(500.0),
        "turnover_multiple": pytest.approx(0.5),
        "ending_equity": pytest.approx(1095.0),
    }


def test_exposure_by_hand() -> None:
    bars = [make_bars("A", [10.0, 10.0, 15.0, 5.0])]
    result = backtest(make_request("A", BuyAndHold(position_size=0.5)), bars)
    exposure = tear_sheet(result)["exposure"]
    shares = [0.0, 500 / 1000, 750 / 1250, 250 / 750]  # 50 units from the second bar on
    assert exposure == {
        "exposure_time": 0.75,
        "average_gross_pct": pytest.approx(np.mean(shares) * 100),
        "largest_gross_pct": pytest.approx(60.0),
        "average_net_pct": pytest.approx(np.mean(shares) * 100),
        "smallest_net_pct": 0.0,
        "largest_net_pct": pytest.approx(60.0),
    }


@pytest.mark.parametrize(("unit", "rows"), [("M", 27), ("Y", 3)])
def test_months_and_years_compound_to_the_total_return(unit: Literal["M", "Y"], rows: int) -> None:
    value = 1000.0 * np.exp(np.cumsum(np.random.default_rng(2).normal(0, 0.01, 800)))
    found = calendar_returns(value, days(800), 1000.0, unit)
    growth = math.prod(1 + row["return_pct"] / 100 for row in found)
    assert growth == pytest.approx(value[-1] / 1000.0)
    assert len(found) == rows


def test_calendar_returns_count_from_the_last_value_before() -> None:
    time = np.array(["2023-12-29", "2023-12-31", "2024-02-01", "2024-02-29T23"], "datetime64[ns]")
    value = np.array([1000.0, 1100.0, 990.0, 1210.0])
    assert calendar_returns(value, time, 1000.0, "M") == [
        {"period": "2023-12", "return_pct": pytest.approx(10.0)},
        {"period": "2024-02", "return_pct": pytest.approx(10.0)},
    ]
    assert [row["period"] for row in calendar_returns(value, time, 1000.0, "Y")] == ["2023", "2024"]


def test_a_month_after_the_account_was_lost_has_no_return() -> None:
    time = np.array(["2024-01-31", "2024-02-29", "2024-03-31"], "datetime64[ns]")
    rows = calendar_returns(np.array([500.0, -10.0, -10.0]), time, 1000.0, "M")
    assert [row["return_pct"] for row in rows] == [-50.0, pytest.approx(-102.0), None]


def test_drawdowns_come_deepest_first_with_the_open_one_unrecovered() -> None:
    value = np.array([100.0, 90.0, 95.0, 100.0, 110.0, 99.0, 88.0, 110.0, 120.0, 114.0])
    drawdown = returns.drawdowns(value, 100.0)
    stamp = "2024-01-{:02}T00:00:00+00:00".format
    first, second, third = deepest_drawdowns(drawdown, days(10))
    assert first == {
        "peak": stamp(5),
        "trough": stamp(7),
        "recovery": stamp(8),
        "depth_pct": pytest.approx(20.0),
        "days": 3.0,
    }
    assert second["trough"] == stamp(2)
    assert second["days"] == 3.0
    assert third == {
        "peak": stamp(9),
        "trough": stamp(10),
        "recovery": None,
        "depth_pct": pytest.approx(5.0),
        "days": 1.0,
    }
    assert deepest_drawdowns(drawdown, days(10), most=1) == [first]
    assert deepest_drawdowns(np.zeros(4), days(4)) == []


def test_the_deepest_drawdown_is_the_metric_and_the_longest_one_too() -> None:
    bars = walks("AB", 300)
    result = run(bars)
    rows = deepest_drawdowns(result.curve.drawdown, result.curve.time, most=1_000)
    assert rows[0]["depth_pct"] == result.metrics["max_drawdown"]
    longest = result.metrics["max_drawdown_duration_days"]
    assert max(row["days"] for row in rows) == longest


def test_robustness_is_worked_out_from_the_runs_own_returns_and_rate() -> None:
    bars = walks("AB", 300)
    result = run(bars, risk_free_rate=0.03)
    found = tear_sheet(result, seed=4)["robustness"]
    series = returns.bar_returns(result.curve.value)
    periods = float(result.metrics["periods_per_year"] or 0)
    excess = series - 0.03 / periods
    spread = returns.moments(excess)
    per_bar = float(excess.mean() / excess.std(ddof=1))
    skew, kurtosis = float(returns.skewness(spread)), float(returns.kurtosis(spread))
    probability = probabilistic_sharpe(per_bar, len(series), skew, kurtosis)
    assert found["probabilistic_sharpe_ratio"] == pytest.approx(probability)
    expected = intervals(series, periods, 0.03, np.random.default_rng(4))
    for name, one in expected.items():
        assert one is not None
        assert found["intervals"][name] == {"low": one.low, "high": one.high}
    assert found["observations"] == len(series)
    assert found["block_length"] == mean_block_length(series)
    assert found["seed"] == 4


def test_a_run_that_does_nothing_has_a_tear_sheet_full_of_nothing() -> None:
    bars = [make_bars("A", [10.0])]
    result = backtest(make_request("A"), bars)
    sheet = tear_sheet(result)
    assert sheet["benchmark"] == sheet["portfolio"] == {}
    assert sheet["top_contributors"] == sheet["biggest_detractors"] == sheet["drawdowns"] == []
    assert sheet["monthly_returns"] == [{"period": "2024-01", "return_pct": 0.0}]
    assert sheet["robustness"]["probabilistic_sharpe_ratio"] is None
    assert sheet["robustness"]["minimum_track_record"] is None
    assert set(sheet["robustness"]["intervals"].values()) == {None}


def test_an_account_that_is_lost_has_a_tear_sheet_too() -> None:
    bars = [make_bars("A", [10.0, 9.0, 9.0, 20.0, 21.0, 15.0])]
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    result = backtest(make_request("A", strategy), bars)
    assert result.curve.value[-1] < 0
    sheet = tear_sheet(result)
    assert set(sheet["robustness"]["intervals"].values()) == {None}
    curve = result.curve
    gross = [
        stake / value * 100
        for stake, value in zip(curve.gross, curve.value, strict=True)
        if value > 0
    ]
    assert len(gross) < len(curve)
    assert sheet["exposure"]["average_gross_pct"] == pytest.approx(np.mean(gross))
    assert sheet["exposure"]["largest_gross_pct"] == pytest.approx(max(gross))
    assert sheet["drawdowns"][0]["depth_pct"] > 100


def test_the_benchmark_block_compares_both_over_the_same_bars() -> None:
    bars, market = walks("A"), walks("AB")[1]
    result = run(bars)
    spy = benchmark(market, result.curve.time, 1000.0)
    series = returns.bar_returns(result.curve.value)
    relative = relative_metrics(series, spy.returns, 365.0, 0.0)
    metrics = {**result.metrics, **{name: float(one) for name, one in relative.items()}}
    found = tear_sheet(evolve(result, metrics=metrics, benchmark=spy))["benchmark"]
    assert found["benchmark_symbol"] == "B"
    assert found["observations"] == 119
    difference = found["strategy_annualized_return"] - found["benchmark_annualized_return"]
    assert difference == pytest.approx(found["excess_return"])
    assert found["beta"] == float(relative["beta"])


def test_an_account_lost_before_its_benchmark_begins_has_no_return_to_compare() -> None:
    closes = [10.0, 9.0, 9.0, 20.0, 21.0, 15.0]
    bars = [make_bars("A", closes), make_bars("B", closes, keep=[3, 4, 5])]
    strategy = MaCrossover(short_period=1, long_period=2, position_size=1.0)
    result = backtest(make_request("A", strategy, benchmark_symbol="B"), bars)
    assert result.benchmark is not None
    assert result.curve.value[result.benchmark.start] < 0
    found = tear_sheet(result)["benchmark"]
    assert found["strategy_annualized_return"] is None
    assert found["benchmark_annualized_return"] < 0
