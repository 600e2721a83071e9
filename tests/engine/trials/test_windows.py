"""Windows of an optimization.

Doctrine: `holdout` and `walk_forward` cut the range as the reference server does, of which the
expected dates were worked out by hand from its rules; `walk_forward_refit` cuts it as scikit-learn
1.9.1 cuts days, of which they were printed by

    TimeSeriesSplit(n_splits=4, test_size=10, max_train_size=size).split(np.zeros(100))
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.engine_bars import make_request

from glowback_trio.engine.trials.plan import Segment
from glowback_trio.engine.trials.windows import HeldOut, held_out, refit_windows
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Parameter, SearchSpace

SPACE = SearchSpace(parameters=(Parameter(name="position_size", kind="choice", values=(0.5,)),))
FIRST = date(2024, 1, 1)


def search(days: int, **fields: Any) -> OptimizationRequest:
    base = make_request(start_date=FIRST, end_date=FIRST + timedelta(days=days - 1))
    return OptimizationRequest(name="s", search_space=SPACE, base_backtest=base, **fields)


def days_of(segment: Segment) -> tuple[int, int]:
    """The first day and the day after the last, counted from the first of the range."""
    first, last = segment.start_date.date() - FIRST, segment.end_date.date() - FIRST
    assert segment.end_date.time().isoformat() == "23:59:59.999999"
    return first.days, last.days + 1


def test_a_walk_forward_cuts_the_last_days_into_windows_the_longer_ones_first() -> None:
    # 25 % of 366 days are 91: windows of 31, 30 and 30 days.
    found = held_out(search(366, validation_mode="walk_forward"))
    assert [each.name for each in found.windows] == ["window-1", "window-2", "window-3"]
    assert [days_of(each) for each in found.windows] == [(275, 306), (306, 336), (336, 366)]
    assert found.train is not None
    assert (found.train.name, days_of(found.train)) == ("train", (0, 275))


def test_a_holdout_is_one_window() -> None:
    found = held_out(search(366, validation_mode="holdout", validation_fraction=0.5))
    assert [days_of(each) for each in found.windows] == [(183, 366)]


def test_there_are_no_more_windows_than_days_held_out() -> None:
    found = held_out(search(8, walk_forward_windows=10))
    assert [days_of(each) for each in found.windows] == [(6, 7), (7, 8)]


def test_nothing_is_held_out_of_less_than_eight_days() -> None:
    assert held_out(search(7)) == HeldOut()
    assert refit_windows(search(7, validation_mode="walk_forward_refit")) == ()


def test_a_single_day_before_the_windows_is_no_training_part() -> None:
    found = held_out(search(8, validation_fraction=0.89))
    assert days_of(found.windows[0])[0] == 1
    assert found.train is None


@pytest.mark.parametrize("mode", ["none", "purged_k_fold", "cpcv", "walk_forward_refit"])
def test_other_modes_have_no_windows(mode: Any) -> None:
    assert held_out(search(100, validation_mode=mode)) == HeldOut()


@pytest.mark.parametrize(
    ("anchored", "trains"),
    [
        (True, [(0, 60), (0, 70), (0, 80), (0, 90)]),
        (False, [(0, 60), (10, 70), (20, 80), (30, 90)]),
    ],
)
def test_a_refit_cuts_days_as_scikit_learn_does(
    anchored: bool,  # noqa: FBT001 - a parameter of the test
    trains: list[tuple[int, int]],
) -> None:
    steps = refit_windows(
        search(
            100,
            validation_mode="walk_forward_refit",
            anchored=anchored,
            validation_fraction=0.4,
            walk_forward_windows=4,
        )
    )
    assert [days_of(step.train) for step in steps] == trains
    assert [days_of(step.test) for step in steps] == [(60, 70), (70, 80), (80, 90), (90, 100)]
    assert [step.train.name for step in steps] == ["train-1", "train-2", "train-3", "train-4"]
    assert [step.test.name for step in steps] == ["test-1", "test-2", "test-3", "test-4"]


def test_times_of_day_stay_at_the_edges_of_the_range() -> None:
    request = search(30)
    base = make_request(start_date="2024-01-01T10:00:00Z", end_date="2024-01-30T16:00:00Z")
    whole = OptimizationRequest(name="s", search_space=SPACE, base_backtest=base)
    found = held_out(whole)
    assert found.train is not None
    assert found.train.start_date == base.start_date
    assert found.windows[-1].end_date == base.end_date
    inner = [each.start_date for each in found.windows]
    assert inner == [each.start_date for each in held_out(request).windows]


@given(st.integers(8, 400), st.floats(0.06, 0.89), st.integers(1, 10))
def test_windows_follow_each_other_to_the_end_of_the_range(
    days: int, fraction: float, count: int
) -> None:
    fields = {"validation_fraction": fraction, "walk_forward_windows": count}
    windows = held_out(search(days, **fields)).windows
    edges = [days_of(each) for each in windows]
    assert edges[-1][1] == days
    assert [after for _, after in edges[:-1]] == [first for first, _ in edges[1:]]
    lengths = [after - first for first, after in edges]
    assert sorted(lengths, reverse=True) == lengths
    assert lengths[0] - lengths[-1] <= 1
    steps = refit_windows(search(days, validation_mode="walk_forward_refit", **fields))
    assert [days_of(step.test) for step in steps] == edges
    assert all(days_of(step.train)[1] == days_of(step.test)[0] for step in steps)
