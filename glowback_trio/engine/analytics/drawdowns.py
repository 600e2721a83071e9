"""The deepest drawdowns of a curve."""

from __future__ import annotations

from typing import Any

import numpy as np

from glowback_trio.model.bars import Floats, Times
from glowback_trio.wire.json_text import iso_times
from glowback_trio.wire.percent import as_percent

__all__ = ["deepest_drawdowns"]

_DAY = np.timedelta64(1, "D")


def deepest_drawdowns(drawdown: Floats, time: Times, most: int = 10) -> list[dict[str, Any]]:
    """Return the deepest drawdowns, each from the last bar at its peak to the recovery.

    Args:
        drawdown: (T,) fractions, exactly 0.0 at a peak; the first bar is a peak.
        time: (T,) datetime64[ns] UTC.
        most: Largest number of rows.

    Returns:
        Rows of `peak`, `trough` and `recovery` (None if the run ends before), `depth_pct`, and
        `days`, the calendar days from the peak to the recovery or to the end; deepest first, and
        the earlier one first if two are equally deep.
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
