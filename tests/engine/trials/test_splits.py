"""Splits of the returns of one run.

Doctrine: what is trained on never touches what is held out, every return is held out equally often,
and the splits are those of others. The expected ones were printed by skfolio 1.12.2 with

    for train, tests in CombinatorialPurgedCV(folds, test_folds, p, e).split(np.zeros((n, 1))):
        print(ranges(train), ranges(sorted(np.concatenate(tests))))

and, for one fold at a time, by scikit-learn 1.9.1 with `KFold(folds).split(np.zeros(n))`, where
`ranges` writes ascending places as `first:after`. skfolio's purge leaves out `p` bars on both sides
of what is held out, and its embargo `e` more after it.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.engine.trials.plan import Splits
from glowback_trio.engine.trials.splits import fold_splits, split_count
from glowback_trio.errors import DataError
from glowback_trio.model.bars import Indices

#: By number of returns, folds, test folds, purged and embargoed bars.
SKFOLIO = {
    (12, 3, 2, 0, 0): "8:12|0:8; 4:8|0:4 8:12; 0:4|4:12",
    (12, 3, 2, 1, 0): "9:12|0:8; 5:7|0:4 8:12; 0:3|4:12",
    (23, 4, 2, 1, 2): (
        "13:23|0:10; 8:9 18:23|0:5 10:15; 8:14|0:5 15:23; "
        "0:4 18:23|5:15; 0:4 13:14|5:10 15:23; 0:9|10:23"
    ),
    (50, 5, 3, 2, 1): (
        "33:50|0:30; 23:28 43:50|0:20 30:40; 23:38|0:20 40:50; 13:18 43:50|0:10 20:40; "
        "13:18 33:38|0:10 20:30 40:50; 13:28|0:10 30:50; 0:8 43:50|10:40; "
        "0:8 33:38|10:30 40:50; 0:8 23:28|10:20 30:50; 0:18|20:50"
    ),
    (41, 6, 4, 0, 3): (
        "27:41|0:24; 21:24 33:41|0:18 24:30; 21:30|0:18 30:41; 15:18 33:41|0:12 18:30; "
        "15:18 27:30|0:12 18:24 30:41; 15:24|0:12 24:41; 9:12 33:41|0:6 12:30; "
        "9:12 27:30|0:6 12:24 30:41; 9:12 21:24|0:6 12:18 24:41; 9:18|0:6 18:41; "
        "0:6 33:41|6:30; 0:6 27:30|6:24 30:41; 0:6 21:24|6:18 24:41; 0:6 15:18|6:12 18:41; "
        "0:12|12:41"
    ),
}
SCIKIT_LEARN = "4:20|0:4; 0:4 8:20|4:8; 0:8 12:20|8:12; 0:12 16:20|12:16; 0:16|16:20"


def ranges(places: Indices) -> str:
    parts = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
    return " ".join(f"{part[0]}:{part[-1] + 1}" for part in parts)


def written(bars: int, splits: Splits) -> str:
    return "; ".join(
        f"{ranges(split.train)}|{ranges(split.test)}" for split in fold_splits(bars, splits)
    )


@pytest.mark.parametrize(("case", "expected"), SKFOLIO.items())
def test_combinatorial_splits_are_those_of_skfolio(
    case: tuple[int, int, int, int, int], expected: str
) -> None:
    bars, folds, held_out, purged, embargoed = case
    splits = Splits(
        folds=folds, test_folds=held_out, purge_bars=purged, embargo_bars=purged + embargoed
    )
    assert written(bars, splits) == expected


def test_one_fold_at_a_time_is_the_k_fold_of_scikit_learn() -> None:
    assert written(20, Splits(folds=5)) == SCIKIT_LEARN


@st.composite
def divided(draw: st.DrawFn) -> tuple[int, Splits]:
    folds = draw(st.integers(2, 7))
    splits = Splits(
        folds=folds,
        test_folds=draw(st.integers(1, folds - 1)),
        purge_bars=draw(st.integers(0, 3)),
        embargo_bars=draw(st.integers(0, 3)),
    )
    # A fold is longer than what both borders take from it, so that something is left of each.
    return draw(st.integers(8 * folds, 120)), splits


@given(divided())
def test_every_return_is_held_out_equally_often_and_never_trained_on_beside_itself(
    case: tuple[int, Splits],
) -> None:
    bars, splits = case
    found = fold_splits(bars, splits)
    assert len(found) == split_count(splits)
    held_out = np.zeros(bars, int)
    for split in found:
        held_out[split.test] += 1
        before = split.test[:, np.newaxis] - split.train
        # No return to train on is within the purge before, or the embargo after, one held out.
        assert not ((before >= 0) & (before <= splits.purge_bars)).any()
        assert not ((before <= 0) & (before >= -splits.embargo_bars)).any()
    assert len(set(held_out.tolist())) == 1


@given(divided())
def test_without_purge_and_embargo_a_split_uses_every_return(case: tuple[int, Splits]) -> None:
    bars, asked = case
    splits = Splits(folds=asked.folds, test_folds=asked.test_folds)
    for split in fold_splits(bars, splits):
        assert sorted([*split.train.tolist(), *split.test.tolist()]) == list(range(bars))


def test_more_folds_than_returns_are_refused_with_both_numbers() -> None:
    with pytest.raises(DataError, match="5 folds need as many returns at least; the run has 4"):
        fold_splits(4, Splits(folds=5))


def test_a_purge_that_leaves_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match="purge_bars 50 and embargo_bars 50 leave nothing to train"):
        fold_splits(40, Splits(folds=4, purge_bars=50, embargo_bars=50))
