"""Statistics of overfitting, from returns: the formulas of `honesty` that need no sketches."""

from __future__ import annotations

from glowback_trio.engine.analytics.honesty.sharpe import (
    deflated_sharpe,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from glowback_trio.engine.analytics.honesty.splits import Overfit, backtest_overfit

__all__ = [
    "Overfit",
    "backtest_overfit",
    "deflated_sharpe",
    "expected_max_sharpe",
    "minimum_track_record",
    "probabilistic_sharpe",
]
