"""All metrics of a run by name, in the units of the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from glowback_trio.engine import returns as stats
from glowback_trio.engine import round_trips as trips

if TYPE_CHECKING:
    from glowback_trio.engine.books import Books
    from glowback_trio.model.bars import Dataset, Floats
    from glowback_trio.model.request import BacktestRequest
    from glowback_trio.model.result import Curve, Trades

    Metrics = dict[str, float | int | None]

__all__ = ["metrics"]

_BENCHMARK = (
    "benchmark_return",
    "alpha",
    "beta",
    "tracking_error",
    "information_ratio",
    "excess_return",
)


def metrics(
    request: BacktestRequest, dataset: Dataset, curve: Curve, trades: Trades, books: Books
) -> Metrics:
    """Measure a finished run.

    Returns, volatility and drawdown are in percent, VaR and CVaR fractions with losses positive,
    wins and losses in currency, everything else a plain number. Undefined metrics are None.
    """
    return {
        **_curve_metrics(request, curve),
        **_trade_metrics(curve, trades, books),
        **_dataset_metrics(dataset),
        **dict.fromkeys(_BENCHMARK),
    }


def _curve_metrics(request: BacktestRequest, curve: Curve) -> Metrics:
    returns = curve.returns[1:]
    periods = request.periods_per_year or stats.periods_per_year(curve.time)
    spread, rate = stats.moments(returns), request.risk_free_rate
    growth = float(curve.value[-1]) / curve.capital
    annualized = stats.annualized_return(growth, len(returns), periods)
    fall, worst = float(curve.drawdown.max()), stats.tail(returns)
    return {
        "initial_capital": curve.capital,
        "final_value": float(curve.value[-1]),
        "total_return": (growth - 1.0) * 100.0,
        "annualized_return": _percent(annualized),
        "cagr": _percent(stats.cagr(growth, curve.time)),
        "volatility": _percent(stats.volatility(spread, periods)),
        "sharpe_ratio": stats.sharpe_ratio(spread, periods, rate),
        "sortino_ratio": stats.sortino_ratio(returns, periods, rate),
        "calmar_ratio": stats.calmar_ratio(annualized, fall),
        "max_drawdown": fall * 100.0,
        "max_drawdown_duration_days": stats.max_drawdown_duration_days(curve.drawdown, curve.time),
        "var_95": stats.var_95(worst, len(returns)),
        "cvar_95": stats.cvar_95(worst),
        "skewness": stats.skewness(spread),
        "kurtosis": stats.kurtosis(spread),
        "periods_per_year": periods,
        "exposure_time": exposure_time(curve),
    }


def _trade_metrics(curve: Curve, trades: Trades, books: Books) -> Metrics:
    profits = np.array(books.round_trips)
    return {
        "total_trades": len(trades),
        "round_trips": len(profits),
        "win_rate": trips.win_rate(profits),
        "profit_factor": trips.profit_factor(profits),
        "average_win": trips.average_win(profits),
        "average_loss": trips.average_loss(profits),
        "largest_win": trips.largest_win(profits),
        "largest_loss": trips.largest_loss(profits),
        "sqn": trips.sqn(profits),
        "kelly": trips.kelly(profits),
        "turnover": turnover(curve.value, trades),
        "total_commissions": float(trades.commission.sum()),
        "total_slippage_cost": float(trades.slippage_cost.sum()),
        "option_trade_count": 0,
        "option_event_count": 0,
    }


def _dataset_metrics(dataset: Dataset) -> Metrics:
    return {
        "data_quality_warning_count": sum(len(one.warnings) for one in dataset.quality),
        "data_quality_critical_count": sum(len(one.critical) for one in dataset.quality),
        "sample_data": int(dataset.kind == "sample"),
    }


def exposure_time(curve: Curve) -> float:
    """The part of all bars at whose close something was held, a fraction."""
    return float((curve.gross > 0).mean())


def turnover(value: Floats, trades: Trades) -> float | None:
    """Notional bought and sold over the mean value of the account; None if that is not positive."""
    mean = float(value.mean())
    return float((np.abs(trades.quantity) * trades.price).sum()) / mean if mean > 0 else None


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else fraction * 100.0
