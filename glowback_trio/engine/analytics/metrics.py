"""All metrics of a run by name, in the units of the wire (see docs/engine.md, Metrics)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from attrs import frozen

from glowback_trio.engine.analytics import returns as stats
from glowback_trio.engine.analytics import round_trips as trips
from glowback_trio.engine.analytics.arithmetic import Numbers, unsigned
from glowback_trio.engine.analytics.relative import RELATIVE, relative_metrics
from glowback_trio.engine.finite import quiet
from glowback_trio.model.bars import Dataset, Floats, Indices, Times
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Benchmark, Curve, Fills
from glowback_trio.wire.percent import as_percent

Metrics = dict[str, float | int | None]

__all__ = [
    "CurveFigures",
    "Metrics",
    "Traded",
    "curve_figures",
    "curve_metrics",
    "dataset_metrics",
    "formulas",
    "metrics",
    "plain",
    "plain_each",
    "trade_metrics",
]


@quiet
def metrics(
    request: BacktestRequest,
    dataset: Dataset,
    curve: Curve,
    trades: Fills,
    round_trips: Sequence[float],
    *,
    periods: float,
    benchmark: Benchmark | None = None,
    carry: Mapping[str, float] | None = None,
) -> Metrics:
    """Measure a finished run.

    Args:
        request: The run's request.
        dataset: The bars it was given.
        curve: The account, bar by bar.
        trades: All fills.
        round_trips: Net profit of each closed round trip, currency.
        periods: Bars per year, see `annualisation`.
        benchmark: The benchmark to measure against, if there is one.
        carry: Cash flows that belong to no fill, as `Result.carry`.

    Returns:
        By name: returns, volatility, drawdown, alpha and tracking error in percent; VaR and CVaR
        as fractions, losses positive; wins and losses in currency; the rest plain numbers.
        Undefined metrics are None, and so are those relative to a benchmark if there is none.
    """
    measured = curve_metrics(
        curve.value,
        curve.drawdown,
        curve.time,
        capital=curve.capital,
        periods=periods,
        risk_free_rate=request.risk_free_rate,
    )
    return {
        "initial_capital": curve.capital,
        **{name: plain(number) for name, number in measured.items()},
        "periods_per_year": periods,
        "exposure_time": float(stats.exposure_time(curve.gross)),
        **_documented(
            trade_metrics(
                float(curve.value.mean()), trips.tally(np.array(round_trips)), _traded(trades)
            )
        ),
        "total_financing_cost": math.fsum(-amount for amount in (carry or {}).values()),
        **dataset_metrics(dataset),
        **_benchmark_metrics(request, curve, periods, benchmark),
    }


@quiet
def curve_metrics(
    value: Floats,
    drawdown: Floats,
    time: Times,
    *,
    capital: float,
    periods: float,
    risk_free_rate: float,
) -> dict[str, Numbers]:
    """Measure one curve or many at once.

    Args:
        value: (T,) for one curve, (T, K) for K curves, currency.
        drawdown: Drawdowns of `value` as `returns.drawdowns` returns them, fractions.
        time: (T,) datetime64[ns] UTC.
        capital: Cash that every curve started with, currency.
        periods: Per year.
        risk_free_rate: Per year, a fraction.

    Returns:
        By name, in the units of the wire: a number for (T,), (K,) for (T, K); NaN where
        undefined.
    """
    returns = stats.bar_returns(value)
    figures = curve_figures(value[-1], returns, drawdown, time, risk_free_rate / periods)
    return formulas(figures, time, capital=capital, periods=periods, risk_free_rate=risk_free_rate)


@frozen(eq=False)
class CurveFigures:
    """The figures of a curve that its metrics are made of; or of K curves, each attribute (K,).

    Attributes:
        final: The last value, currency.
        spread: Of the returns.
        excess: Mean return less that without risk, a fraction, like the next two.
        shortfall: Mean square of what falls short of that without risk.
        fall: The deepest drawdown.
        longest_days: Duration of the longest one.
        worst: The `tail` of the returns, (W,) or (W, K).
    """

    final: Numbers
    spread: stats.Moments
    excess: Numbers
    shortfall: Numbers
    fall: Numbers
    longest_days: Numbers
    worst: Floats


def curve_figures(
    final: Numbers, returns: Floats, drawdown: Floats, time: Times, free: float
) -> CurveFigures:
    """Measure what the metrics of curves are made of.

    Args:
        final: Their last values, currency.
        returns: Their returns, as `returns.bar_returns` returns them.
        drawdown: As in `curve_metrics`.
        time: Likewise.
        free: The return of a bar without risk, a fraction.
    """
    return CurveFigures(
        final,
        stats.moments(returns),
        *stats.shortfall(returns, free),
        drawdown.max(axis=0),
        stats.max_drawdown_duration_days(drawdown, time),
        stats.tail(returns),
    )


def formulas(
    figures: CurveFigures, time: Times, *, capital: float, periods: float, risk_free_rate: float
) -> dict[str, Numbers]:
    """Work the metrics of curves out from their figures; see `curve_metrics`."""
    spread, worst, count = figures.spread, figures.worst, figures.spread.count
    growth = figures.final / capital
    annualized = stats.annualized_return(growth, count, periods)
    shortfall = figures.excess, figures.shortfall
    return {
        "final_value": figures.final,
        "total_return": as_percent(growth - 1.0),
        "annualized_return": as_percent(annualized),
        "cagr": as_percent(stats.cagr(growth, time)),
        "volatility": as_percent(stats.volatility(spread, periods)),
        "sharpe_ratio": stats.sharpe_ratio(spread, periods, risk_free_rate),
        "sortino_ratio": stats.ratio_to_shortfall(*shortfall, periods),
        "calmar_ratio": stats.calmar_ratio(annualized, figures.fall),
        "max_drawdown": as_percent(figures.fall),
        "max_drawdown_duration_days": figures.longest_days,
        "var_95": stats.var_95(worst, count),
        "cvar_95": stats.cvar_95(worst),
        "skewness": stats.skewness(spread),
        "kurtosis": stats.kurtosis(spread),
    }


@frozen(eq=False)
class Traded:
    """The trades of a run in figures; or those of K runs, each attribute (K,).

    Attributes:
        fills: Number of fills.
        notional: Currency bought and sold.
        commission: Currency.
        slippage: Currency.
    """

    fills: int | Indices
    notional: Numbers
    commission: Numbers
    slippage: Numbers


def _traded(trades: Fills) -> Traded:
    return Traded(
        len(trades),
        float((np.abs(trades.quantity) * trades.price).sum()),
        float(trades.commission.sum()),
        float(trades.slippage_cost.sum()),
    )


def trade_metrics(mean_value: Numbers, closed: trips.Tally, traded: Traded) -> dict[str, Any]:
    """Measure what one run has traded, or each of many.

    Args:
        mean_value: Mean of the account's value, currency; a number or (K,).
        closed: The closed round trips.
        traded: The fills.

    Returns:
        By name, numbers or (K,); NaN where undefined.
    """
    return {
        "total_trades": traded.fills,
        "round_trips": closed.count,
        "win_rate": trips.win_rate(closed),
        "profit_factor": trips.profit_factor(closed),
        "average_win": trips.average_win(closed),
        "average_loss": trips.average_loss(closed),
        "largest_win": trips.largest_win(closed),
        "largest_loss": trips.largest_loss(closed),
        "sqn": trips.sqn(closed),
        "kelly": trips.kelly(closed),
        "turnover": turnover(traded.notional, mean_value),
        "total_commissions": traded.commission,
        "total_slippage_cost": traded.slippage,
        # Clients of the reference server read these; there are no options here.
        "option_trade_count": 0,
        "option_event_count": 0,
    }


def _documented(measured: Mapping[str, Any]) -> Metrics:
    return {
        name: number if isinstance(number, int) else plain(number)
        for name, number in measured.items()
    }


def dataset_metrics(dataset: Dataset) -> Metrics:
    """Count what was found about the bars."""
    return {
        "data_quality_warning_count": sum(len(one.warnings) for one in dataset.quality),
        "data_quality_critical_count": sum(len(one.critical) for one in dataset.quality),
        "sample_data": int(dataset.kind == "sample"),
    }


def _benchmark_metrics(
    request: BacktestRequest, curve: Curve, periods: float, benchmark: Benchmark | None
) -> Metrics:
    if benchmark is None:
        return dict.fromkeys(RELATIVE)
    returns = stats.bar_returns(curve.value[benchmark.start :])
    measured = relative_metrics(returns, benchmark.returns, periods, request.risk_free_rate)
    return {name: plain(number) for name, number in measured.items()}


def turnover(notional: Numbers, mean_value: Numbers) -> Numbers:
    """Return notional bought and sold over the mean value; NaN if that is not positive.

    Args:
        notional: Currency.
        mean_value: Currency.
    """
    return stats.ratio(notional, mean_value, least=0.0)


def plain(number: Numbers) -> float | None:
    """Convert a statistic to a float, or None if it is NaN or infinite: documents have neither."""
    single = float(number)
    return unsigned(single) if math.isfinite(single) else None


def plain_each(numbers: Numbers) -> list[float | None]:
    """Convert statistics of many curves, (K,), as `plain` converts that of one."""
    each = np.asarray(numbers) + 0.0
    found: list[float | None] = each.tolist()
    for index in np.flatnonzero(~np.isfinite(each)).tolist():
        found[index] = None
    return found
