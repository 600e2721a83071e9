"""A benchmark along a run, and metrics relative to it.

Doctrine: a few bars by hand, with holes in the benchmark's record at every place.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from support.engine_bars import in_memory, make_bars, make_request

from glowback_trio.engine import Simulation
from glowback_trio.engine.analytics.metrics import metrics
from glowback_trio.engine.analytics.relative import RELATIVE, benchmark, relative_metrics
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Times
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Benchmark

SERIES = np.array([0.02, -0.01, 0.03, 0.0])
MARKET = np.array([0.01, -0.02, 0.02, 0.01])


def days(count: int) -> Times:
    return np.datetime64("2024-01-01", "ns") + np.arange(count) * np.timedelta64(1, "D")


def test_all_capital_is_in_the_benchmark_from_its_first_close_on() -> None:
    found = benchmark(make_bars("SPY", [50.0, 55.0, 45.0]), days(3), 1000.0)
    assert found.start == 0
    assert found.value.tolist() == pytest.approx([1000.0, 1100.0, 900.0])
    assert found.returns.tolist() == pytest.approx([0.1, -2 / 11])


def test_rounding_moves_nothing_on_the_bar_the_benchmark_is_bought_on() -> None:
    assert 1000.0 / 51.0 * 51.0 != 1000.0
    found = benchmark(make_bars("SPY", [51.0, 51.0]), days(2), 1000.0)
    assert found.value[0] == 1000.0


def test_capital_rests_in_cash_before_and_marks_last_where_bars_are_missing() -> None:
    bars = make_bars("SPY", [1.0, 1.0, 50.0, 1.0, 60.0], keep=[2, 4])
    found = benchmark(bars, days(6), 1000.0)
    assert found.start == 2
    assert np.isnan(found.price[:2]).all()
    assert found.price[2:].tolist() == [50.0, 50.0, 60.0, 60.0]
    assert found.value.tolist() == pytest.approx([1000, 1000, 1000, 1000, 1200, 1200])
    assert found.returns.tolist() == pytest.approx([0.0, 0.2, 0.0])
    every = found.returns_at(slice(None))
    assert every.tolist() == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.2, 0.0])
    assert found.returns_at(np.array([4, 0])).tolist() == every[[4, 0]].tolist()
    assert found.returns_at(slice(3, 5)).tolist() == every[3:5].tolist()


def test_bars_between_two_rows_count_for_the_later_one() -> None:
    bars = make_bars("SPY", [50.0, 51.0, 52.0, 53.0], step="h")
    found = benchmark(bars, days(2), 1000.0)
    assert found.price.tolist() == [50.0, 53.0]


@pytest.mark.parametrize("closes", [[], [50.0]])
def test_a_benchmark_without_a_bar_in_time_is_refused(closes: list[float]) -> None:
    late = make_bars("SPY", closes, start="2024-02-01")
    with pytest.raises(DataError, match="no bars for the benchmark SPY"):
        benchmark(late, days(3), 1000.0)


@pytest.mark.parametrize("price", [0.0, -1.0, math.inf, math.nan])
def test_a_benchmark_that_cannot_be_bought_is_refused(price: float) -> None:
    bars = make_bars("SPY", [50.0, price, 50.0])
    with pytest.raises(DataError, match=r"benchmark SPY: close at 2024-01-02.*positive and finite"):
        benchmark(bars, days(3), 1000.0)


def test_relative_metrics_by_hand() -> None:
    found = relative_metrics(SERIES, MARKET, 4.0, 0.02)
    # about their means the benchmark is .005, -.025, .015, .005 and the series .01, -.02, .02, -.01
    beta = (0.00005 + 0.0005 + 0.0003 - 0.00005) / (2.5e-5 + 6.25e-4 + 2.25e-4 + 2.5e-5)
    active_sd = math.sqrt(((0.01 - 0.005) ** 2 * 3 + (-0.01 - 0.005) ** 2) / 3)
    assert found.keys() == set(RELATIVE)
    assert found["beta"] == pytest.approx(beta)
    assert found["alpha"] == pytest.approx((0.01 - 0.005 - beta * (0.005 - 0.005)) * 400)
    assert found["tracking_error"] == pytest.approx(active_sd * 2 * 100)
    assert found["information_ratio"] == pytest.approx(0.005 / active_sd * 2)
    market, strategy = 1.01 * 0.98 * 1.02 * 1.01, 1.02 * 0.99 * 1.03
    assert found["benchmark_return"] == pytest.approx((market - 1) * 100)
    assert found["excess_return"] == pytest.approx((strategy - market) * 100)


def test_a_run_that_is_its_benchmark_leaves_nothing_to_explain() -> None:
    found = relative_metrics(MARKET, MARKET, 252.0, 0.02)
    assert found["beta"] == pytest.approx(1.0)
    assert found["alpha"] == pytest.approx(0.0, abs=1e-12)
    assert found["tracking_error"] == found["excess_return"] == 0.0
    assert math.isnan(found["information_ratio"])


def test_a_benchmark_that_stands_still_explains_nothing() -> None:
    found = relative_metrics(SERIES, np.zeros(4), 252.0, 0.0)
    assert math.isnan(found["beta"])
    assert math.isnan(found["alpha"])
    assert found["benchmark_return"] == 0.0


def test_no_returns_leave_everything_relative_undefined_but_the_return() -> None:
    found = relative_metrics(np.array([]), np.array([]), 252.0, 0.0)
    assert found.pop("benchmark_return") == 0.0
    assert all(math.isnan(number) for number in found.values())


def measured(against: Benchmark | None, **fields: Any) -> dict[str, float | int | None]:
    request: BacktestRequest = make_request(**fields)
    simulation = Simulation(request, in_memory([make_bars("A", [10.0, 11.0, 12.0, 11.0, 13.0])]))
    simulation.run()
    result = simulation.result()
    return metrics(
        request,
        simulation._dataset,
        result.curve,
        result.trades,
        simulation._ledger.round_trips,
        periods=252.0,
        benchmark=against,
    )


def test_a_run_without_a_benchmark_has_no_relative_metrics() -> None:
    found = measured(None)
    assert [found[name] for name in RELATIVE] == [None] * len(RELATIVE)


def test_a_run_is_compared_only_where_there_is_a_benchmark() -> None:
    late = make_bars("SPY", [9.0, 9.0, 20.0, 22.0, 20.9], keep=[2, 3, 4])
    found = measured(benchmark(late, days(5), 1000.0), periods_per_year=252.0)
    # bought at the second bar's open of 10: 1100, 1200, 1100, 1300 from there on
    strategy, market = [1100 / 1200 - 1, 1300 / 1100 - 1], [0.1, -0.05]
    expected = relative_metrics(np.array(strategy), np.array(market), 252.0, 0.0)
    assert {name: found[name] for name in RELATIVE} == {
        name: pytest.approx(number) for name, number in expected.items()
    }


def test_a_benchmark_bought_on_the_last_bar_leaves_undefined_metrics_null() -> None:
    last = make_bars("SPY", [9.0] * 5, keep=[4])
    found = measured(benchmark(last, days(5), 1000.0))
    assert found["benchmark_return"] == 0.0
    assert all(found[name] is None for name in RELATIVE if name != "benchmark_return")
