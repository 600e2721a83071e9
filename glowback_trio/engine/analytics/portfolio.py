"""Statistics of a portfolio at target weights: returns to them, turnover, drift, limits hit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from glowback_trio.model.bars import Floats
from glowback_trio.model.portfolio import NONE, Portfolio
from glowback_trio.model.result import Curve
from glowback_trio.wire.percent import as_percent

__all__ = ["portfolio_metrics"]

_CELLS = 1 << 18  # of a (rows, symbols) table that is worked on at once


def portfolio_metrics(portfolio: Portfolio, curve: Curve) -> Mapping[str, float | int | None]:
    """Measure how often a portfolio returned to its weights, its turnover and its drift.

    `average_turnover_pct` is the mean over all bars. `max_weight_drift_pct` leaves out the bars at
    whose close the target was new, because nothing could have been ordered for it yet; None if
    there are no others.
    """
    return {
        "portfolio_rebalances": int((portfolio.reason != NONE).sum()),
        "average_turnover_pct": as_percent(float(portfolio.turnover.mean())),
        "max_weight_drift_pct": _most_drift(portfolio, curve),
        "constraint_hit_count": len(portfolio.hits),
    }


def _most_drift(portfolio: Portfolio, curve: Curve) -> float | None:
    drift = np.concatenate(list(_drifts(portfolio, curve)))
    # A target is new where a stop begins or ends, and at the first bar of a symbol.
    changed = np.diff(portfolio.out, prepend=False)
    changed[portfolio.first] = True
    known = drift[~changed & ~np.isnan(drift)]
    return as_percent(float(known.max())) if len(known) else None


def _drifts(portfolio: Portfolio, curve: Curve) -> Iterator[Floats]:
    """Yield the largest drift at each bar, a bounded number of cells at a time."""
    most = max(1, _CELLS // len(portfolio.symbols))
    for start in range(0, len(curve), most):
        bars = slice(start, start + most)
        away = portfolio.weights(bars, curve.value) - portfolio.targets(bars)
        yield np.abs(away, out=away).max(axis=1)
