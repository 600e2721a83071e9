"""Names of the metrics that a trial can be ranked by, and those that returns alone give."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from glowback_trio.engine.analytics import returns as stats
from glowback_trio.engine.analytics.arithmetic import Numbers
from glowback_trio.engine.analytics.relative import RELATIVE
from glowback_trio.model.bars import Floats
from glowback_trio.wire.percent import as_percent

__all__ = ["METRIC_NAMES", "RETURN_METRICS", "score"]

_Score = Callable[[Floats, float, float], Numbers]


def _growth(returns: Floats) -> Floats:
    """Return what 1.00 has become after each return, and 1.00 before the first; (T + 1, K)."""
    grown = np.ones((len(returns) + 1, *returns.shape[1:]), order="F")
    np.cumprod(1.0 + returns, axis=0, out=grown[1:])
    return grown


def _annualized(returns: Floats, periods: float) -> Numbers:
    return stats.annualized_return(_growth(returns)[-1], len(returns), periods)


def _deepest(returns: Floats) -> Floats:
    deepest: Floats = stats.drawdowns(_growth(returns), 1.0).max(axis=0)
    return deepest


_SCORES: Mapping[str, _Score] = {
    "total_return": lambda returns, _periods, _free: as_percent(_growth(returns)[-1] - 1.0),
    "annualized_return": lambda returns, periods, _free: as_percent(_annualized(returns, periods)),
    "volatility": lambda returns, periods, _free: as_percent(
        stats.volatility(stats.moments(returns), periods)
    ),
    "sharpe_ratio": lambda returns, periods, free: stats.sharpe_ratio(
        stats.moments(returns), periods, free
    ),
    "sortino_ratio": stats.sortino_ratio,
    "calmar_ratio": lambda returns, periods, _free: stats.calmar_ratio(
        _annualized(returns, periods), _deepest(returns)
    ),
    "max_drawdown": lambda returns, _periods, _free: as_percent(_deepest(returns)),
    "var_95": lambda returns, _periods, _free: stats.var_95(stats.tail(returns), len(returns)),
    "cvar_95": lambda returns, _periods, _free: stats.cvar_95(stats.tail(returns)),
    "skewness": lambda returns, _periods, _free: stats.skewness(stats.moments(returns)),
    "kurtosis": lambda returns, _periods, _free: stats.kurtosis(stats.moments(returns)),
}

#: Metrics that can be computed from the returns of some bars alone, which need not follow each
#: other: the objectives of folded modes.
RETURN_METRICS = frozenset(_SCORES)

#: Every metric of a run; those of a portfolio only where there is one, those relative to a
#: benchmark None where there is none.
METRIC_NAMES = (
    "initial_capital",
    "final_value",
    "total_return",
    "annualized_return",
    "cagr",
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
    "periods_per_year",
    "exposure_time",
    "total_trades",
    "round_trips",
    "win_rate",
    "profit_factor",
    "average_win",
    "average_loss",
    "largest_win",
    "largest_loss",
    "sqn",
    "kelly",
    "turnover",
    "total_commissions",
    "total_slippage_cost",
    "option_trade_count",
    "option_event_count",
    "total_financing_cost",
    "data_quality_warning_count",
    "data_quality_critical_count",
    "sample_data",
    *RELATIVE,
    "portfolio_rebalances",
    "average_turnover_pct",
    "max_weight_drift_pct",
    "constraint_hit_count",
)


def score(metric: str, returns: Floats, periods: float, risk_free_rate: float) -> Numbers:
    """Return one of `RETURN_METRICS` of some returns.

    Args:
        metric: Its name.
        returns: (T,) or (T, K) fractions, T at least 1.
        periods: Bars per year.
        risk_free_rate: Per year, a fraction.

    Returns:
        In the unit of the metric: a number for (T,), (K,) for (T, K); NaN where undefined.
    """
    return _SCORES[metric](returns, periods, risk_free_rate)
