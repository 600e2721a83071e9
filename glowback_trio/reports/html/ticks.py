"""Ticks of axes: round values between two ends, and round moments between two times."""

from __future__ import annotations

import math

import numpy as np

from glowback_trio.model.bars import Times

__all__ = ["logarithmic_ticks", "time_ticks", "value_ticks"]

_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
#: Distances of time, each with numpy's unit and how many digits of a time a label has, from where.
_MOMENTS: tuple[tuple[int, str, slice], ...] = (
    (1, "s", slice(11, 19)),
    (10, "s", slice(11, 19)),
    (1, "m", slice(11, 16)),
    (10, "m", slice(11, 16)),
    (30, "m", slice(5, 16)),
    (1, "h", slice(5, 16)),
    (2, "h", slice(5, 16)),
    (6, "h", slice(5, 16)),
    (1, "D", slice(0, 10)),
    (2, "D", slice(0, 10)),
    (7, "D", slice(0, 10)),
    (14, "D", slice(0, 10)),
    (1, "M", slice(0, 7)),
    (3, "M", slice(0, 7)),
    (6, "M", slice(0, 7)),
    (1, "Y", slice(0, 4)),
    (2, "Y", slice(0, 4)),
    (5, "Y", slice(0, 4)),
    (10, "Y", slice(0, 4)),
    (20, "Y", slice(0, 4)),
    (50, "Y", slice(0, 4)),
)


def value_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return round values from `low` to `high`, at most `most`, evenly spaced."""
    span = high - low
    if not span > 0 or not math.isfinite(span):
        return [low]
    size = 10.0 ** math.floor(math.log10(span / most))
    steps = (size * factor for factor in _STEPS)
    step = next((each for each in steps if span / each <= most), size * 10.0)
    first, last = math.ceil(low / step), math.floor(high / step)
    return [number * step for number in range(first, last + 1)]


def logarithmic_ticks(low: float, high: float) -> list[float]:
    """Return round values between two positive ends, for an axis of equal ratios."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    fine = [factor * 10.0**decade for decade in decades for factor in (1.0, 2.0, 5.0)]
    coarse = [10.0**decade for decade in decades]
    found = [each for each in fine if low <= each <= high]
    return found if len(found) <= 8 else [each for each in coarse if low <= each <= high]


def time_ticks(time: Times, most: int = 8) -> list[tuple[int, str]]:
    """Return some rows of a chart, each at the beginning of a round period, with their labels.

    Args:
        time: (n,) datetime64, ascending.
        most: Largest number of them.
    """
    for step, unit, shown in _MOMENTS:
        first, last = (int(time[end].astype(f"M8[{unit}]").astype(np.int64)) for end in (0, -1))
        begin = -(-first // step) * step
        if (last - begin) // step >= most:
            continue
        marks = np.arange(begin, last + 1, step)
        moments = marks.astype(f"M8[{unit}]").astype("M8[s]")
        inside = moments[moments >= time[0]]
        rows = np.searchsorted(time, inside)
        labels = np.datetime_as_string(inside).tolist()
        return [
            (row, label[shown].replace("T", " "))
            for row, label in zip(rows.tolist(), labels, strict=True)
        ]
    return []
