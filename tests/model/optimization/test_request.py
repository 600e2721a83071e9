"""Requests for optimizations: every bound is checked, and every problem is named by its path.

Rule: whatever a client may send is either read as an equal value or refused with all its problems.
"""

from __future__ import annotations

from typing import Any

import pytest

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.optimization.overlay import applied, loading_request, name_problems
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.space import Comparison
from glowback_trio.model.strategies.parameters import MaCrossover
from glowback_trio.wire.converter import make_converter

CONVERTER = make_converter()
BASE = {
    "symbols": ["AAPL"],
    "start_date": "2019-01-01",
    "end_date": "2020-12-31",
    "strategy": {"name": "ma_crossover"},
}


def document(*parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Write a request's document."""
    constraints = more.pop("constraints", [])
    space = {"parameters": list(parameters), "constraints": constraints}
    return {"name": "test", "search_space": space, "base_backtest": BASE, **more}


def read(*parameters: dict[str, Any], **more: Any) -> OptimizationRequest:
    return CONVERTER.structure(document(*parameters, **more), OptimizationRequest)


def problems(*parameters: dict[str, Any], **more: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidRequestError) as caught:
        read(*parameters, **more)
    return [(".".join(map(str, each.path)), each.kind) for each in caught.value.problems]


SHORT = {"name": "short_period", "kind": "int_range", "low": 2, "high": 10}
LONG = {"name": "long_period", "kind": "choice", "values": [20, 30]}


def test_the_defaults_are_those_of_the_reference() -> None:
    request = read(SHORT)
    assert (request.strategy, request.max_trials, request.concurrency) == ("random", 100, 4)
    assert (request.objective_metric, request.direction) == ("sharpe_ratio", "maximize")
    assert (request.validation_mode, request.validation_fraction) == ("walk_forward", 0.25)
    assert (request.walk_forward_windows, request.random_seed) == (3, 42)
    assert (request.exploration_weight, request.grid_steps) == (0.3, 5)


@pytest.mark.parametrize(
    ("parameter", "found"),
    [
        ({**SHORT, "low": 11}, ("low", "value_error")),
        ({**SHORT, "low": 2.5}, ("low", "int_type")),
        ({**SHORT, "low": None}, ("low", "missing")),
        ({**SHORT, "values": [1]}, ("values", "extra_forbidden")),
        ({**SHORT, "step": 0}, ("step", "greater_than")),
        ({**SHORT, "kind": "log_uniform", "low": 0}, ("low", "greater_than")),
        ({**SHORT, "kind": "log_uniform", "step": 1}, ("step", "extra_forbidden")),
        ({**LONG, "values": []}, ("values", "missing")),
        ({**LONG, "values": [1, 1]}, ("values.1", "duplicate")),
        ({**LONG, "values": [{}]}, ("values.0", "type_error")),
        ({**LONG, "low": 1}, ("low", "extra_forbidden")),
        ({**LONG, "kind": "choices"}, ("kind", "literal_error")),
    ],
)
def test_a_parameter_that_says_too_little_or_too_much_is_refused(
    parameter: dict[str, Any], found: tuple[str, str]
) -> None:
    path, kind = found
    assert problems(parameter) == [(f"search_space.parameters.0.{path}", kind)]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"max_trials": 0}, ("max_trials", "greater_than_equal")),
        ({"max_trials": 10_001}, ("max_trials", "less_than_equal")),
        ({"concurrency": 129}, ("concurrency", "less_than_equal")),
        ({"validation_fraction": 0.05}, ("validation_fraction", "greater_than")),
        ({"validation_fraction": 0.9}, ("validation_fraction", "less_than")),
        ({"walk_forward_windows": 11}, ("walk_forward_windows", "less_than_equal")),
        ({"grid_steps": 1}, ("grid_steps", "greater_than_equal")),
        ({"random_seed": -1}, ("random_seed", "greater_than_equal")),
        ({"objective_metric": "x" * 65}, ("objective_metric", "too_long")),
        (
            {"metric_constraints": ["max_drawdown"]},
            ("metric_constraints.0", "string_pattern_mismatch"),
        ),
        ({"validation_mode": "cpcv", "folds": 2}, ("test_folds", "value_error")),
        (
            {"objectives": [{"metric": "a", "weight": 1}, {"metric": "b"}]},
            ("objectives", "value_error"),
        ),
        ({"objectives": [{"metric": "a"}, {"metric": "a"}]}, ("objectives.1.metric", "duplicate")),
        (
            {"ray_cluster": {"max_concurrent_tasks": 257}},
            ("ray_cluster.max_concurrent_tasks", "less_than_equal"),
        ),
        ({"constraints": ["short_period < x"]}, ("search_space.constraints.0", "value_error")),
        ({"constraints": ["1 < 2"]}, ("search_space.constraints.0", "value_error")),
        ({"base_backtest": {**BASE, "symbols": []}}, ("base_backtest.symbols", "too_short")),
    ],
)
def test_every_bound_is_checked_with_its_path(more: dict[str, Any], found: tuple[str, str]) -> None:
    assert problems(SHORT, **more) == [found]


def test_a_comparison_with_a_missing_value_does_not_hold() -> None:
    comparison = Comparison.read("max_drawdown<=20")
    assert comparison.holds({"max_drawdown": 20.0})
    assert not comparison.holds({"max_drawdown": 20.1})
    assert not comparison.holds({"max_drawdown": None})
    assert not comparison.holds({})


def test_values_are_put_where_their_names_say() -> None:
    request = read(SHORT)
    made = applied(
        request.base_backtest,
        {
            "short_period": 4.0,
            "strategy.long_period": 9,
            "execution.commission_bps": 3,
            "symbols": "SPY",
        },
    )
    assert made.strategy == MaCrossover(short_period=4, long_period=9)
    assert made.execution.commission_bps == 3.0
    assert made.symbols == ("SPY",)


def test_values_that_do_not_go_together_are_refused_with_their_path() -> None:
    base = read(SHORT).base_backtest
    with pytest.raises(InvalidRequestError) as caught:
        applied(base, {"short_period": 30, "long_period": 20})
    assert caught.value.problems[0].path == ("strategy", "params", "short_period")


def test_names_that_name_nothing_are_refused_with_the_nearest_one() -> None:
    request = read({**SHORT, "name": "short_perio"}, {**LONG, "name": "weights.AAPL"})
    first, second = name_problems(request.base_backtest, request.search_space)
    assert first.path == ("parameters", 0, "name")
    assert "short_period" in first.message
    assert "portfolio_construction" in second.message


def test_bars_are_loaded_for_all_symbols_that_may_be_chosen() -> None:
    request = read({"name": "symbols", "kind": "choice", "values": ["SPY", ["AAPL", "SPY"]]})
    loading = loading_request(request.base_backtest, request.search_space)
    assert loading.symbols == ("SPY", "AAPL")
