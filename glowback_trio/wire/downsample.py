"""Downsampling: fewer points of long series, with all their extremes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from glowback_trio.model.bars import Floats, Indices

__all__ = ["thin"]


def thin(series: Sequence[Floats], most: int) -> Indices:
    """Pick points of series that share their points.

    Everything between both ends is cut into buckets of equal width. Of every bucket the points are
    picked at which one of the series is lowest or highest, the first one if there are several. So
    the extremes of every series as a whole are picked, too.

    Args:
        series: K >= 1 series, each (T,), in any unit; NaN is never an extreme.
        most: Largest number of points to pick, at least 2 + 2 K.

    Returns:
        (n,) indices, ascending, n <= `most`; all of them if T <= `most`, else 0 and T - 1 among
        them.

    Raises:
        ValueError: `most` leaves no room for both ends and the extremes of one bucket.
    """
    room = (most - 2) // (2 * len(series))
    if room < 1:
        raise ValueError(f"most should be at least {2 + 2 * len(series)}, not {most!r}")
    count = len(series[0])
    if count <= most:
        return np.arange(count)
    width = -(-(count - 2) // room)
    picked = [extremes for one in series for extremes in _extremes(one[1:-1], width)]
    return np.unique(np.concatenate([[0], *(each + 1 for each in picked), [count - 1]]))


def _extremes(series: Floats, width: int) -> tuple[Indices, Indices]:
    """Return the index of the lowest and of the highest value in each bucket."""
    starts = np.arange(0, len(series), width)
    padded = np.full(len(starts) * width, np.nan)
    padded[: len(series)] = series
    buckets = padded.reshape(-1, width)
    undefined = np.isnan(buckets)
    lowest = np.where(undefined, np.inf, buckets).argmin(axis=1)
    highest = np.where(undefined, -np.inf, buckets).argmax(axis=1)
    return starts + lowest, starts + highest
