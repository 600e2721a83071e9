"""Splits: the returns of one run divided into folds, of which some are held out at a time.

Purging and embargo leave out of training what lies next to a fold that is held out, because
indicators and open positions reach across the border (M. Lopez de Prado, Advances in Financial
Machine Learning, 2018, chapters 7 and 12).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.trials.plan import Splits
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Indices

__all__ = ["FoldSplit", "fold_splits", "split_count"]


@frozen(eq=False)
class FoldSplit:
    """One split.

    Attributes:
        held_out: Numbers of the folds that are held out, from 0, ascending.
        train: Places of the returns to train on, ascending.
        test: Places of the returns that are held out, ascending.
    """

    held_out: tuple[int, ...]
    train: Indices = field(repr=False)
    test: Indices = field(repr=False)


def split_count(splits: Splits) -> int:
    """Return how many splits there are: every combination of folds to hold out."""
    return math.comb(splits.folds, splits.test_folds)


def fold_splits(bars: int, splits: Splits) -> Sequence[FoldSplit]:
    """Divide the returns of a run.

    Every fold has `bars // folds` of them, and the last one the rest as well. With one fold held
    out at a time this is purged k-fold, with more it is combinatorial. The splits are those of
    skfolio's `CombinatorialPurgedCV(folds, test_folds, p, e)` where `purge_bars` is p and
    `embargo_bars` is p + e, because its purge leaves out bars on both sides.

    Args:
        bars: Number of returns: the bars of the run but the first, which has none.
        splits: The folds.

    Returns:
        The splits, by the numbers of the folds that are held out.

    Raises:
        DataError: A fold would be empty, or a split has nothing left to train on.
    """
    size = bars // splits.folds
    if size < 1:
        raise DataError(
            f"{splits.folds} folds need as many returns at least; the run has {bars} (one for each "
            "bar but the first): ask for fewer folds or a longer range"
        )
    fold = np.minimum(np.arange(bars) // size, splits.folds - 1)
    chosen = combinations(range(splits.folds), splits.test_folds)
    return [_split(fold, held_out, splits) for held_out in chosen]


def _split(fold: Indices, held_out: tuple[int, ...], splits: Splits) -> FoldSplit:
    tested = np.isin(fold, held_out)
    left = ~tested
    edge = np.diff(tested, prepend=False, append=False)
    # Where a stretch that is held out begins, and the place after its end; one after the other.
    places = np.flatnonzero(edge).tolist()
    for first, after in zip(places[::2], places[1::2], strict=True):
        left[max(0, first - splits.purge_bars) : first] = False
        left[after : after + splits.embargo_bars] = False
    train = np.flatnonzero(left)
    if not len(train):
        raise DataError(
            f"purge_bars {splits.purge_bars} and embargo_bars {splits.embargo_bars} leave nothing "
            f"to train on of {len(fold)} returns in {splits.folds} folds: ask for fewer of them"
        )
    return FoldSplit(held_out, train, np.flatnonzero(tested))
