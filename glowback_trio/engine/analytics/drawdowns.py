"""The times a curve was under water, deepest first."""

from __future__ import annotations

from typing import Any

import numpy as np

from glowback_trio.model.bars import Floats, Times
from glowback_trio.wire.json_text import iso_times
from glowback_trio.wire.percent import as_percent

__all__ = ["deepest_drawdowns"]

_DAY = np.timedelta64(1, "D")


def deepest_drawdowns(drawdown: Floats, time: Times, most: int = 10) -> list[dict[str, Any]]:
    """The deepest falls from a peak, each told from its last bar at the peak to the recovery.

    Args:
        drawdown: (T,) fractions, exactly 0.0 at a peak; the first bar is one.
        time: (T,) datetime64[ns] UTC.
        most: How many to tell at most.

    Returns:
        Rows of `peak`, `trough` and `recovery` (None where the run ends first), `depth_pct`, and
        `days`, the calendar days from the peak to the recovery or to the end. Of two equally deep
        ones the earlier comes first.
    """
    peaks = np.flatnonzero(drawdown == 0)
    ends = np.append(peaks[1:], len(drawdown))
    under = np.flatnonzero(ends - peaks > 1)
    if not len(under):
        return []
    depth = np.maximum.reduceat(drawdown, peaks[under])
    chosen = under[np.argsort(-depth, kind="stable")[:most]]
    return [
        _row(drawdown, time, first, end)
        for first, end in zip(peaks[chosen].tolist(), ends[chosen].tolist(), strict=True)
    ]


def _row(drawdown: Floats, time: Times, first: int, end: int) -> dict[str, Any]:
    recovered, last = end < len(time), min(end, len(time) - 1)
    trough = first + int(drawdown[first:end].argmax())
    peak, lowest, regained = iso_times(time[[first, trough, last]])
    return {
        "peak": peak,
        "trough": lowest,
        "recovery": regained if recovered else None,
        "depth_pct": as_percent(float(drawdown[trough])),
        "days": float((time[last] - time[first]) / _DAY),
    }
