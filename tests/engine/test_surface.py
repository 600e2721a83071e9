"""The surface of parameters: plateaus and spikes that were planted.

Doctrine: each surface is a formula, so that its best trial, the neighbours and their height are
known; neither the unit of a parameter nor that of the objective matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from glowback_trio.engine.analytics.honesty.surface import Stability, surface_stability

GRID = [{"short": short, "long": 10 * long} for short in range(11) for long in range(11)]


def on_grid(height: Callable[[Mapping[str, int]], float], *, maximize: bool = True) -> Stability:
    found = surface_stability(GRID, [height(one) for one in GRID], maximize=maximize)
    assert found is not None
    return found


def hill(one: Mapping[str, int]) -> float:
    return 100.0 - abs(one["short"] - 5) - abs(one["long"] / 10 - 5)


def test_the_top_of_a_hill_is_a_plateau() -> None:
    """The median is 6 below the top, the eight neighbours are 1 or 2 below, those in line 1."""
    found = on_grid(hill)
    assert found.plateau
    assert found.neighbours == 8
    assert found.objective == pytest.approx(98.5)
    median = float(np.median([hill(one) for one in GRID]))
    rise = 100.0 - median
    assert found.together == pytest.approx((98.5 - median) / rise)
    assert found.by_parameter == {
        "short": pytest.approx((99 - median) / rise),
        "long": pytest.approx((99 - median) / rise),
    }


def test_a_spike_is_none() -> None:
    found = on_grid(lambda one: 100.0 if one == {"short": 5, "long": 50} else one["long"] / 1e9)
    assert not found.plateau
    assert found.together == pytest.approx(0.0, abs=1e-6)


def test_a_ridge_is_sharp_along_one_parameter_only() -> None:
    found = on_grid(lambda one: 10.0 * (one["short"] == 5) - abs(one["long"] - 50) / 1000)
    short, long = found.by_parameter["short"], found.by_parameter["long"]
    assert short is not None
    assert long is not None
    assert short < 0.1
    assert long > 0.9


def test_in_a_corner_the_neighbours_are_the_nearest_eight() -> None:
    found = on_grid(lambda one: -math.hypot(one["short"], one["long"] / 10))
    assert found.neighbours == 8
    assert found.objective > -3.0


def test_smaller_may_be_better() -> None:
    assert on_grid(lambda one: -hill(one), maximize=False).together == on_grid(hill).together
    assert on_grid(lambda one: -hill(one), maximize=False).objective == pytest.approx(-98.5)


def test_scales_do_not_matter() -> None:
    scaled = [{"short": 10.0 ** one["short"], "long": -one["long"] / 7} for one in GRID]
    found = surface_stability(scaled, [3 * hill(one) - 1 for one in GRID])
    assert found is not None
    assert found.together == pytest.approx(on_grid(hill).together)


def test_random_trials_tell_a_hill_from_a_spike() -> None:
    random = np.random.default_rng(2)
    trials = [dict(zip("abc", row, strict=True)) for row in random.random((400, 3)).tolist()]
    heights = [-sum((value - 0.5) ** 2 for value in one.values()) for one in trials]
    smooth = surface_stability(trials, heights)
    noise = random.normal(0.0, 1.0, 400).tolist()
    rough = surface_stability(trials, noise)
    assert smooth is not None
    assert rough is not None
    assert smooth.plateau
    assert not rough.plateau
    assert smooth.neighbours == rough.neighbours == 26


def test_choices_are_all_equally_far_apart() -> None:
    trials: list[dict[str, object]] = [
        {"kind": kind, "whole": whole, "period": period}
        for kind in ("sma", "ema", "none")
        for whole in (True, False)
        for period in range(9)
    ]

    def height(one: Mapping[str, object]) -> float:
        period = one["period"]
        assert isinstance(period, int)
        return 5.0 * (one["kind"] == "ema") + bool(one["whole"]) - abs(period - 4) * 0.1

    found = surface_stability(trials, [height(one) for one in trials])
    assert found is not None
    kind, period = found.by_parameter["kind"], found.by_parameter["period"]
    assert kind is not None
    assert period is not None
    assert kind < 0.2
    assert period > 0.9


def test_trials_without_an_objective_are_left_out() -> None:
    heights = [None if one["short"] == 4 else hill(one) for one in GRID]
    heights[0] = math.nan
    found = surface_stability(GRID, heights)
    assert found is not None
    assert found.neighbours == 8


def test_a_parameter_that_was_never_varied_has_no_neighbours() -> None:
    found = surface_stability([{"a": a, "b": 1} for a in range(9)], list(range(9)))
    assert found is not None
    assert found.by_parameter["b"] is None
    assert found.by_parameter["a"] is not None


@pytest.mark.parametrize(
    ("trials", "heights"),
    [
        ([{"a": 1}, {"a": 2}], [1.0, 2.0]),
        ([{"a": 1}, {"a": 2}, {"a": 3}], [1.0, None, 2.0]),
        ([{"a": 1}, {"a": 2}, {"a": 3}], [1.0, 1.0, 1.0]),
        ([{}, {}, {}], [1.0, 2.0, 3.0]),
        ([], []),
    ],
)
def test_where_there_is_no_surface_there_is_no_stability(
    trials: list[dict[str, object]], heights: list[float | None]
) -> None:
    assert surface_stability(trials, heights) is None
