"""The tear sheet: one page about a run, worked out from its result when it is needed.

Everything here is plain JSON values in the units of the wire: fields that end in `_pct` are in
percent, and so are the metrics that are in percent in the summary.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice
from typing import Any, Literal

import numpy as np
from attrs import asdict
from numpy.random import default_rng

from glowback_trio.engine.analytics import returns as stats
from glowback_trio.engine.analytics.arithmetic import Numbers
from glowback_trio.engine.analytics.attribution import attribution
from glowback_trio.engine.analytics.bootstrap.intervals import intervals, mean_block_length
from glowback_trio.engine.analytics.drawdowns import deepest_drawdowns
from glowback_trio.engine.analytics.metrics import plain
from glowback_trio.engine.analytics.overfit import minimum_track_record, probabilistic_sharpe
from glowback_trio.engine.analytics.relative import RELATIVE
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.result import Benchmark, Curve, Result
from glowback_trio.wire.percent import as_percent

Block = dict[str, Any]

__all__ = ["calendar_returns", "tear_sheet"]

_OVERVIEW = (
    "initial_capital",
    "final_value",
    "total_return",
    "annualized_return",
    "sharpe_ratio",
    "max_drawdown",
    "total_trades",
)
_PORTFOLIO = (
    "portfolio_rebalances",
    "average_turnover_pct",
    "max_weight_drift_pct",
    "constraint_hit_count",
)
_LEVEL = 0.95
_REPLICATES = 1000


def tear_sheet(result: Result, *, seed: int = 0) -> Block:
    """Work out the tear sheet of a result.

    It is the same for the same result and seed. It takes some 50 milliseconds, nearly all of them
    for the bootstrap, for any number of bars up to about 100,000.

    Args:
        result: The result of a completed run.
        seed: Seed of the bootstrap.

    Returns:
        Blocks by name. `benchmark` and `portfolio` are empty if the run has none; the contributors
        are the rows of `attribution` that made money, the detractors those that lost money, at
        most five each.
    """
    metrics, curve = result.metrics, result.curve
    shares = _shares(result)
    return {
        "overview": {name: metrics[name] for name in _OVERVIEW},
        "benchmark": {} if result.benchmark is None else _benchmark(result.benchmark, result),
        "portfolio": {name: metrics[name] for name in _portfolio_names(result)},
        "costs": _costs(result),
        "attribution": shares,
        "top_contributors": _five(row for row in shares if row["total_pnl"] > 0),
        "biggest_detractors": _five(row for row in shares if row["total_pnl"] < 0),
        "exposure": _exposure(curve),
        "monthly_returns": calendar_returns(curve.value, curve.date, curve.capital, "M"),
        "yearly_returns": calendar_returns(curve.value, curve.date, curve.capital, "Y"),
        "drawdowns": deepest_drawdowns(curve.drawdown, curve.time),
        "robustness": _robustness(result, seed),
    }


def _shares(result: Result) -> list[Block]:
    """Return the attribution of the result's profit, see `attribution`."""
    symbols, positions = result.trades.symbols, result.final_positions
    units = np.array([positions.get(symbol, 0.0) for symbol in symbols])
    marks = np.array([result.final_prices[symbol] for symbol in symbols])
    return attribution(result.trades, units, marks, result.curve.capital, result.carry)


def _portfolio_names(result: Result) -> tuple[str, ...]:
    return () if result.portfolio is None else _PORTFOLIO


def _five(rows: Iterable[Block]) -> list[Block]:
    return list(islice(rows, 5))


def _benchmark(benchmark: Benchmark, result: Result) -> Block:
    """Compare the run with its benchmark, over the bars from the benchmark's first one on."""
    metrics, bars = result.metrics, len(benchmark.returns)
    periods = metrics["periods_per_year"]
    assert periods is not None
    strategy, market = (
        as_percent(stats.annualized_return(_growth(value, benchmark.start), bars, periods))
        for value in (result.curve.value, benchmark.value)
    )
    return {
        "benchmark_symbol": benchmark.symbol,
        "observations": bars,
        "strategy_annualized_return": plain(strategy),
        "benchmark_annualized_return": plain(market),
        **{name: metrics[name] for name in RELATIVE},
    }


def _growth(value: Floats, start: int) -> Numbers:
    """Return the last value over the value at `start`; NaN if that is not positive."""
    return stats.ratio(value.item(-1), value.item(start), least=0.0)


def _costs(result: Result) -> Block:
    """Return what trading cost, in currency and in relation to the capital.

    `total_carry` is below zero if it was paid. `turnover_multiple` is the notional bought and sold
    over the capital; the metric `turnover` is over the mean value.
    """
    curve, trades = result.curve, result.trades
    commissions, slippage = float(trades.commission.sum()), float(trades.slippage_cost.sum())
    booked = math.fsum(result.carry.values())
    drag = commissions + slippage - booked
    notional = float((np.abs(trades.quantity) * trades.price).sum())
    return {
        "total_commissions": commissions,
        "total_slippage_cost": slippage,
        "total_carry": booked,
        "total_cost_drag": drag,
        "cost_drag_pct_initial": as_percent(drag / curve.capital),
        "total_notional": notional,
        "turnover_multiple": notional / curve.capital,
        "ending_equity": float(curve.value[-1]),
    }


def _exposure(curve: Curve) -> Block:
    """Return exposures over the bars at which the account's value was positive."""
    # Shares of an equity at or below zero have no meaning.
    alive = curve.value > 0
    value = curve.value[alive]
    gross, net = curve.gross[alive] / value, curve.positions[alive] / value
    return {
        "exposure_time": float(stats.exposure_time(curve.gross)),
        "average_gross_pct": as_percent(float(gross.mean())),
        "largest_gross_pct": as_percent(float(gross.max())),
        "average_net_pct": as_percent(float(net.mean())),
        "smallest_net_pct": as_percent(float(net.min())),
        "largest_net_pct": as_percent(float(net.max())),
    }


def calendar_returns(
    value: Floats, date: Times, capital: float, unit: Literal["M", "Y"]
) -> list[Block]:
    """Return the returns of each calendar month or year, from its last value to the next's.

    The first one counts from the capital. A month or year without a bar has no row: its return is
    part of the next one's.

    Args:
        value: (T,) currency.
        date: Session dates, (T,) datetime64[D].
        capital: Cash at the start, currency.
        unit: `M` for months, `Y` for years.

    Returns:
        Rows of `period` (`2024-01`, `2024`) and `return_pct`, None after a value that is not
        positive.
    """
    period = date.astype(f"datetime64[{unit}]")
    last = np.append(np.flatnonzero(period[1:] != period[:-1]), len(date) - 1)
    # Any positive base counts here, however small: `least` defaults to rounding of returns.
    growth = stats.ratio(value[last], np.append(capital, value[last[:-1]]), least=0.0)
    names = np.datetime_as_string(period[last]).tolist()
    return [
        {"period": name, "return_pct": plain(percent)}
        for name, percent in zip(names, as_percent(np.subtract(growth, 1.0)), strict=True)
    ]


def _robustness(result: Result, seed: int) -> Block:
    """Return how far the headline metrics can be trusted; `minimum_track_record` is in bars."""
    metrics, returns = result.metrics, stats.bar_returns(result.curve.value)
    periods = metrics["periods_per_year"]
    assert periods is not None
    block_length = mean_block_length(returns)
    found = intervals(
        returns,
        periods,
        result.risk_free_rate,
        default_rng(seed),
        replicates=_REPLICATES,
        level=_LEVEL,
        mean_length=block_length,
    )
    sharpe, skewness, kurtosis = (
        metrics[name] for name in ("sharpe_ratio", "skewness", "kurtosis")
    )
    probability = needed = None
    if sharpe is not None and skewness is not None and kurtosis is not None:
        # The formulas count bars, so the ratio has to be one per bar, too.
        per_bar = sharpe / math.sqrt(periods)
        probability = probabilistic_sharpe(per_bar, len(returns), skewness, kurtosis)
        needed = minimum_track_record(per_bar, skewness, kurtosis, level=_LEVEL)
    return {
        "observations": len(returns),
        "probabilistic_sharpe_ratio": probability,
        "minimum_track_record": needed,
        "confidence": _LEVEL,
        "replicates": _REPLICATES,
        "block_length": block_length,
        "seed": seed,
        "intervals": {name: asdict(one) if one else None for name, one in found.items()},
    }
