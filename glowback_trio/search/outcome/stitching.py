"""Stitched equity: returns of parts that were held out, one after the other, as one account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glowback_trio.engine.analytics.metrics import curve_metrics, plain
from glowback_trio.engine.analytics.returns import drawdowns
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.plan import SegmentReturns
from glowback_trio.model.bars import Floats
from glowback_trio.model.request import BacktestRequest
from glowback_trio.wire.downsample import thin
from glowback_trio.wire.json_text import iso_times

__all__ = ["stitched"]


@quiet
def stitched(
    parts: Sequence[SegmentReturns], base: BacktestRequest, periods: float, most: int
) -> Mapping[str, Any]:
    """Return the account that had each part's returns, one part after the other.

    Args:
        parts: Returns of the parts, ascending in time.
        base: The request, which says the capital and the rate without risk.
        periods: Bars per year.
        most: Points of the curve at most.

    Returns:
        Its metrics, as those of a run, and its curve; empty if there are no returns.
    """
    if not sum(len(part.time) for part in parts):
        return {}
    time = np.concatenate([part.time for part in parts])
    returns = np.concatenate([part.returns for part in parts])
    value: Floats = base.initial_capital * np.cumprod(1.0 + returns, dtype=np.float64)
    measured = curve_metrics(
        value,
        drawdowns(value, base.initial_capital),
        time,
        capital=base.initial_capital,
        periods=periods,
        risk_free_rate=base.risk_free_rate,
    )
    rows = thin([value], most)
    points = zip(iso_times(time[rows]), value[rows].tolist(), strict=True)
    return {
        "bars": len(time),
        "metrics": {name: plain(number) for name, number in measured.items()},
        "equity_curve": [{"timestamp": at, "value": worth} for at, worth in points],
    }
