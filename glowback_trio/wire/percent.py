"""Percent: the one place where fractions become percent, and percents fractions.

Inside the package ratios are fractions. Documents, events and requests give some of them in
percent: fields whose names end in `_pct`, and the metrics and curves listed in docs/engine.md.
"""

from __future__ import annotations

from typing import overload

import numpy as np

from glowback_trio.model.bars import Floats

__all__ = ["as_fraction", "as_percent", "percent_of"]


@overload
def as_percent(fraction: float) -> float: ...
@overload
def as_percent(fraction: Floats) -> Floats: ...
@overload
def as_percent(fraction: Floats | float) -> Floats | float: ...
def as_percent(fraction: Floats | float) -> Floats | float:
    """Convert fractions to percent; NaN stays NaN."""
    return fraction * 100.0


def as_fraction(percent: float) -> float:
    """Convert percent to a fraction."""
    return percent / 100.0


def percent_of(part: Floats, whole: Floats) -> Floats:
    """Return a part in percent of a whole; NaN where the whole is not positive."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, as_percent(part / whole), np.nan)
