"""Every metric that `empyrical` has as well agrees with it to 1e-9.

Doctrine: an independent library on real prices and on random ones; where the definitions differ on
purpose, the difference is converted here, where it can be read.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from functools import cache
from typing import Literal

import empyrical
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from support.engine_bars import make_request

from glowback_trio.data.demo_prices import demo_path
from glowback_trio.engine import backtest
from glowback_trio.engine.analytics import relative, returns
from glowback_trio.engine.analytics.metrics import curve_metrics
from glowback_trio.engine.analytics.tearsheet import calendar_returns
from glowback_trio.model.bars import Bars, Floats, Times
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.parameters import (
    BuyAndHold,
    MaCrossover,
    MeanReversion,
    Momentum,
    Rsi,
    Strategy,
)

CAPITAL = 1_000_000.0
RATE = 0.02
STRATEGIES: list[Strategy] = [BuyAndHold(), MaCrossover(), Momentum(), MeanReversion(), Rsi()]


@cache
def demo_bars(symbol: str) -> Bars:
    with (demo_path() / f"{symbol}_1d.csv").open() as file:
        header, *rows = csv.reader(file)
    assert header[0] == "date"
    time = np.array([row[0] for row in rows], "datetime64[ns]")
    return Bars(symbol, time, *np.array([row[1:] for row in rows], float).T)


def close_to(expected: float) -> object:
    return pytest.approx(expected, rel=1e-9, abs=1e-12)


def business_days(count: int) -> Times:
    days = np.datetime64("2010-01-01") + np.arange(2 * count + 7) * np.timedelta64(1, "D")
    return days[np.is_busday(days)][:count].astype("datetime64[ns]")


@st.composite
def random_returns(draw: st.DrawFn, columns: int = 1) -> Floats:
    """Returns with fat tails and a drift, (T, columns), none of which loses everything."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, drift, scale = draw(
        st.tuples(st.integers(20, 600), st.floats(-0.002, 0.002), st.floats(1e-4, 0.03))
    )
    return np.clip(drift + scale * random.standard_t(3, (count, columns)), -0.5, 0.5)


def shared(series: Floats, periods: float) -> dict[str, float]:
    """What `empyrical` makes of per-bar returns, in our signs and units."""
    free, fall = RATE / periods, -empyrical.max_drawdown(series)
    annual = empyrical.annual_return(series, annualization=periods)
    return {
        "total_return": empyrical.cum_returns_final(series) * 100,
        "annualized_return": annual * 100,
        "volatility": empyrical.annual_volatility(series, annualization=periods) * 100,
        "sharpe_ratio": empyrical.sharpe_ratio(series, free, annualization=periods),
        "sortino_ratio": empyrical.sortino_ratio(series, free, annualization=periods),
        "calmar_ratio": empyrical.calmar_ratio(series, annualization=periods),
        "max_drawdown": fall * 100,
        "var_95": -empyrical.value_at_risk(series),
        "cvar_95": -empyrical.conditional_value_at_risk(series),
        "skewness": float(scipy_stats.skew(series)),
        "kurtosis": float(scipy_stats.kurtosis(series)),
    }


def run(strategy: Strategy, symbol: str = "AAPL") -> Result:
    request = make_request(
        (symbol,),
        strategy,
        start_date="2015-01-01",
        end_date="2020-12-31",
        initial_capital=CAPITAL,
        risk_free_rate=RATE,
        execution={"commission_bps": 1.0, "slippage_bps": 2.0},
    )
    return backtest(request, [demo_bars(symbol)])


@pytest.mark.parametrize("symbol", ["AAPL", "IBM", "SPY"])
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: str(one.name))
def test_a_run_on_real_prices_has_empyricals_metrics(strategy: Strategy, symbol: str) -> None:
    result = run(strategy, symbol)
    series = returns.bar_returns(result.curve.value)
    expected = shared(series, 252.0)
    assert len(series) > 1_000
    assert {name: result.metrics[name] for name in expected} == {
        name: close_to(number) for name, number in expected.items()
    }


@given(random_returns(), st.sampled_from([12.0, 52.0, 252.0, 365.0]))
def test_random_series_have_empyricals_metrics(drawn: Floats, periods: float) -> None:
    series = drawn[:, 0]
    value = CAPITAL * np.cumprod(np.append(1.0, 1.0 + series))
    found = curve_metrics(
        value,
        returns.drawdowns(value, CAPITAL),
        business_days(len(value)),
        capital=CAPITAL,
        periods=periods,
        risk_free_rate=RATE,
    )
    expected = shared(series, periods)
    assert {name: float(found[name]) for name in expected} == {
        name: close_to(number) for name, number in expected.items()
    }


@given(random_returns(columns=2))
def test_what_is_relative_to_a_benchmark_agrees_after_conversion(drawn: Floats) -> None:
    series, market = drawn.T
    found = relative.relative_metrics(series, market, 252.0, RATE)
    active, free = series - market, RATE / 252
    per_bar = float(found["alpha"]) / 100 / 252
    annual: Callable[[Floats], float] = empyrical.annual_return
    assert float(found["beta"]) == close_to(empyrical.beta(series, market, free))
    # empyrical compounds the mean, here it is multiplied like the mean of the Sharpe ratio
    assert (1 + per_bar) ** 252 - 1 == close_to(empyrical.alpha(series, market, free))
    # empyrical leaves the ratio per bar
    ratio = float(found["information_ratio"]) / math.sqrt(252)
    assert ratio == close_to(empyrical.excess_sharpe(series, market))
    assert float(found["tracking_error"]) == close_to(empyrical.annual_volatility(active) * 100)
    assert float(found["benchmark_return"]) == close_to(empyrical.cum_returns_final(market) * 100)
    assert float(found["excess_return"]) == close_to((annual(series) - annual(market)) * 100)


def test_a_run_is_measured_against_a_real_benchmark_as_empyrical_does() -> None:
    curve = run(MaCrossover()).curve
    spy = relative.benchmark(demo_bars("SPY"), curve.time, CAPITAL)
    series = returns.bar_returns(curve.value)
    found = relative.relative_metrics(series, spy.returns, 252.0, 0.0)
    alpha, beta = empyrical.alpha_beta(series, spy.returns)
    assert float(found["beta"]) == close_to(beta)
    assert (1 + float(found["alpha"]) / 25_200) ** 252 - 1 == close_to(alpha)


@pytest.mark.parametrize(("unit", "convert_to"), [("M", "monthly"), ("Y", "yearly")])
def test_calendar_returns_are_empyricals_aggregated_ones(
    unit: Literal["M", "Y"], convert_to: str
) -> None:
    curve = run(MaCrossover()).curve
    rows = calendar_returns(curve.value, curve.time, CAPITAL, unit)
    series = pd.Series(returns.bar_returns(curve.value), index=pd.DatetimeIndex(curve.time[1:]))
    expected = empyrical.aggregate_returns(series, convert_to)
    assert [row["return_pct"] for row in rows] == [close_to(one * 100) for one in expected]
