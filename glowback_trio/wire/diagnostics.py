"""Rows about a portfolio held at target weights, as they go over the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from glowback_trio.model.bars import Floats
from glowback_trio.model.portfolio import NONE, Constraint, Portfolio, RebalanceReason
from glowback_trio.model.result import Curve
from glowback_trio.wire.percent import as_percent, percent_of
from glowback_trio.wire.rows import Which, rows

__all__ = ["diagnostics_columns", "hit_columns"]

_REASONS, _CONSTRAINTS = tuple(RebalanceReason), tuple(Constraint)


def diagnostics_columns(portfolio: Portfolio, curve: Curve, bars: Which) -> Mapping[str, Any]:
    """Return columns of the portfolio's state at some bars.

    Weights are fractions, columns that end in `_pct` percent. A bar's target is the one that holds
    after its close, and drift is what was held there less that target: a new target has all of the
    drift that its orders will remove.
    """
    held, targets = portfolio.weights(bars, curve.value), portfolio.targets(bars)
    drift = as_percent(held - targets)
    reason = portfolio.reason[bars].tolist()
    return {
        "timestamp": curve.time[bars],
        "portfolio_value": curve.value[bars],
        "target_weights": _by_symbol(portfolio, targets),
        "realized_weights": _by_symbol(portfolio, held),
        "drift_by_symbol_pct": _by_symbol(portfolio, drift),
        "max_abs_drift_pct": np.abs(drift).max(axis=1),
        "turnover_pct": as_percent(portfolio.turnover[bars]),
        "rebalanced": [code != NONE for code in reason],
        "rebalance_reason": [_reason(portfolio, code) for code in reason],
        "cash_weight_pct": percent_of(curve.cash[bars], curve.value[bars]),
        "drawdown_pct": as_percent(portfolio.drawdown[bars]),
        "constraint_hits": _hits_at(portfolio, curve, bars),
    }


def hit_columns(portfolio: Portfolio, curve: Curve, which: Which) -> Mapping[str, Any]:
    """Return columns of the limits that changed something; figures of other limits are NaN."""
    hits = portfolio.hits
    what = hits.what[which]
    figures: dict[str, Floats] = {}
    for constraint in Constraint:
        for name, column in zip(constraint.figures, (hits.wanted, hits.allowed), strict=True):
            before = figures.get(name, np.full(len(what), np.nan))
            figures[name] = np.where(what == constraint, as_percent(column[which]), before)
    symbol = hits.symbol[which].tolist()
    return {
        "timestamp": curve.time[hits.row[which]],
        "constraint": [_CONSTRAINTS[code].label for code in what.tolist()],
        "symbol": [None if one == NONE else portfolio.symbols[one] for one in symbol],
        **figures,
    }


def _by_symbol(portfolio: Portfolio, numbers: Floats) -> list[dict[str, float | None]]:
    """Return each row as an object by symbol, with None for NaN."""
    listed = numbers.astype(object)
    listed[np.isnan(numbers)] = None
    return [dict(zip(portfolio.symbols, row, strict=True)) for row in listed.tolist()]


def _reason(portfolio: Portfolio, code: int) -> str | None:
    if code == NONE:
        return None
    return _REASONS[code].label.format(portfolio.construction.rebalance_frequency)


def _hits_at(portfolio: Portfolio, curve: Curve, bars: Which) -> list[list[dict[str, Any]]]:
    """Return the limits that were hit at each bar, without time and without others' figures."""
    index = np.arange(len(curve))[bars]
    # Hits are ordered by row, so those of a bar are a slice.
    first, stop = (np.searchsorted(portfolio.hits.row, index, side) for side in ("left", "right"))
    return [
        [_figures(hit) for hit in rows(hit_columns(portfolio, curve, slice(start, end)))]
        if start < end
        else []
        for start, end in zip(first.tolist(), stop.tolist(), strict=True)
    ]


def _figures(hit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in hit.items() if value is not None and name != "timestamp"}
