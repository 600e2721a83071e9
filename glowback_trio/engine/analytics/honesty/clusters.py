"""The effective number of trials: how many there are that do not resemble each other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.analytics.honesty.sketch import SketchBatch

__all__ = ["effective_trials"]

_AT_ONCE = 256  # trials
_BLOCKS = 128  # that correlations are worked out of
_MOST = 127  # of a rounded sum: products of so few bits add up exactly in single precision

Singles = NDArray[np.float32]


def effective_trials(batch: SketchBatch, shared: float = 0.5) -> int:
    """Return the number of clusters of trials with correlated returns.

    From the best Sharpe ratio down, a trial joins the first cluster with whose own best it has more
    than a part of its variance in common, that is the square of a positive correlation; otherwise
    it begins a cluster. So a trial counts only as far as it is news. Correlations are those of the
    sketches' block sums.

    Args:
        batch: Sketches of the trials.
        shared: Part of the variance, in (0, 1).

    Returns:
        A number from 0 to the number of trials; those that never move begin no cluster.

    Raises:
        ValueError: `shared` outside (0, 1).
    """
    if not 0 < shared < 1:
        raise ValueError(f"shared should be within (0, 1), not {shared!r}")
    sums = _rounded(batch)
    leaders = np.empty((0, sums.shape[1]), np.float32)
    for first in range(0, len(sums), _AT_ONCE):
        rows = sums[first : first + _AT_ONCE]
        rows = rows[~_resemble(rows, leaders, shared).any(axis=1)]
        leaders = np.concatenate((leaders, rows[_first_of_each(_resemble(rows, rows, shared))]))
    return len(leaders)


def _rounded(batch: SketchBatch) -> Singles:
    """Return the block sums of trials that move as small whole numbers, the best trial first."""
    order = np.argsort(-batch.sharpe, kind="stable")
    order = order[~np.isnan(batch.sharpe[order])]
    sums = batch.total[order].astype(np.float32)
    if sums.shape[1] > _BLOCKS:
        sums = sums.reshape(len(sums), _BLOCKS, -1).sum(axis=2)
    sums *= np.float32(_MOST) / np.abs(sums).max(axis=1, keepdims=True)
    return np.rint(sums, out=sums)


def _resemble(rows: Singles, others: Singles, shared: float) -> NDArray[np.bool_]:
    """Return which rows share their variance with which others, (R, O)."""
    common = np.maximum(rows @ others.T, np.float32(0))
    np.square(common, out=common)
    # Compared without a division, in single precision like all the rest.
    common /= (_squares(rows) * np.float32(shared))[:, np.newaxis]
    found: NDArray[np.bool_] = common > _squares(others)
    return found


def _squares(rows: Singles) -> Singles:
    squares: Singles = np.square(rows).sum(axis=1)
    return squares


def _first_of_each(alike: NDArray[np.bool_]) -> list[int]:
    """Return the rows that resemble none of those chosen before them."""
    chosen: list[int] = []
    joined = np.zeros(len(alike), bool)
    for row in range(len(alike)):
        if not joined[row]:
            chosen.append(row)
            joined |= alike[row]
    return chosen
