"""A request that cannot be carried out is refused before any trial, with the path of the mistake.

Rule: no search begins whose trials would all fail for a reason that the request itself shows.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from support.searches import BASE, moving_averages, search, space

from glowback_trio.errors import Problem
from glowback_trio.model.optimization.objectives import Objective
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.strategies.api import TargetStrategy
from glowback_trio.model.strategies.parameters import Momentum
from glowback_trio.search.request_checks import request_problems
from glowback_trio.search.study import Study

SHORT = {"name": "short_period", "kind": "int_range", "low": 2, "high": 8}


def found(request: OptimizationRequest) -> list[tuple[str, str]]:
    return [(".".join(map(str, each.path)), each.message) for each in request_problems(request)]


@pytest.mark.parametrize("strategy", ["grid", "random", "sobol", "latin_hypercube"])
@pytest.mark.parametrize(
    "mode", ["none", "holdout", "walk_forward", "walk_forward_refit", "purged_k_fold", "cpcv"]
)
def test_a_sound_request_has_no_problems(strategy: Any, mode: Any) -> None:
    request = search(strategy=strategy, validation_mode=mode, walk_forward_windows=2)
    assert found(request) == []


def test_a_grid_larger_than_max_trials_is_refused_with_both_numbers() -> None:
    [(path, message)] = found(search(max_trials=15))
    assert path == "max_trials"
    assert message.startswith("The grid has 16 combinations, more than max_trials, which is 15;")
    assert found(search(max_trials=16)) == []


def test_a_grid_too_large_to_be_counted_is_refused_by_its_size() -> None:
    names = ["lookback_period", "momentum_threshold", "rebalance_frequency", "position_size"]
    axes = [
        {"name": name, "kind": "float_range", "low": 1, "high": 40, "step": 1} for name in names
    ]
    axes[-1] = {"name": "position_size", "kind": "float_range", "low": 0.1, "high": 1}
    base = attrs.evolve(BASE, strategy=Momentum())
    large = space(*axes, constraints=["lookback_period < rebalance_frequency"])
    request = search(search_space=large, base_backtest=base, grid_steps=100)
    [(path, message)] = found(request)
    assert path == "max_trials"
    assert message.startswith(
        "The grid has 6,400,000 combinations, what constraints leave out included, more than"
    )


@pytest.mark.parametrize("strategy", ["grid", "random", "sobol", "latin_hypercube"])
def test_constraints_that_nothing_meets_are_refused(strategy: Any) -> None:
    request = search(strategy=strategy, search_space=moving_averages("short_period > long_period"))
    [(path, message)] = found(request)
    assert path == "search_space.constraints"
    assert message.startswith("No combination of the parameters meets all of: short_period > long")


CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"search_space": space({**SHORT, "name": "short_perod"})},
        "search_space.parameters.0.name",
        "has no parameter 'short_perod'; did you mean",
    ),
    (
        {"search_space": space({**SHORT, "low": 0})},
        "search_space.parameters.0.low",
        "Input should be greater than or equal to 1",
    ),
    (
        {"search_space": space({**SHORT, "kind": "float_range"})},
        "search_space.parameters.0.kind",
        "short_period is a whole number: use the kind int_range",
    ),
    (
        {"search_space": space({"name": "position_size", "kind": "choice", "values": (0.5, 1.5)})},
        "search_space.parameters.0.values.1",
        "Input should be less than or equal to 1",
    ),
    (
        {"search_space": space({"name": "symbols", "kind": "choice", "values": ("AAA", "B C")})},
        "search_space.parameters.0.values.1",
        "Input should be a symbol",
    ),
    ({"objective_metric": "sharp_ratio"}, "objective_metric", "did you mean 's"),
    (
        {"objectives": (Objective(metric="alpha"),)},
        "objectives.0.metric",
        "base_backtest has no benchmark_symbol",
    ),
    (
        {"objective_metric": "constraint_hit_count"},
        "objective_metric",
        "base_backtest has no portfolio_construction",
    ),
    (
        {"metric_constraints": ("max_drawdwn <= 20",)},
        "metric_constraints.0",
        "did you mean 'max_drawdown'?",
    ),
    ({"metric_constraints": ("1 <= 20",)}, "metric_constraints.0", "at least one metric"),
    (
        {"metric_constraints": ("validation_sharpe_ratio > 0",)},
        "metric_constraints.0",
        "'validation_sharpe_ratio' is no metric of a trial",
    ),
    (
        {"validation_mode": "purged_k_fold", "objective_metric": "win_rate"},
        "objective_metric",
        "win_rate cannot be worked out",
    ),
    (
        {"validation_mode": "cpcv", "folds": 20, "test_folds": 10},
        "test_folds",
        "make 184,756 splits; at most 300 are evaluated",
    ),
    (
        {
            "validation_mode": "walk_forward_refit",
            "objectives": (Objective(metric="sharpe_ratio"), Objective(metric="total_return")),
        },
        "objectives",
        "needs one winner for each window",
    ),
    (
        {
            "validation_mode": "walk_forward_refit",
            "base_backtest": attrs.evolve(BASE, end_date="2020-01-10"),
        },
        "walk_forward_windows",
        "Of 10 days, 2 are held out, which 3 windows do not fit into (2 do)",
    ),
    (
        {
            "validation_mode": "purged_k_fold",
            "base_backtest": attrs.evolve(BASE, end_date="2020-01-04"),
        },
        "folds",
        "4 days are too few for 5 folds",
    ),
]


@pytest.mark.parametrize(("changes", "path", "message"), CASES)
def test_what_cannot_be_carried_out_is_refused_at_its_path(
    changes: dict[str, Any], path: str, message: str
) -> None:
    [(where, what)] = found(search(**changes))
    assert where == path
    assert message in what


def test_a_constraint_may_name_a_metric_of_the_validation() -> None:
    text = "validation_sharpe_ratio > 0"
    assert found(search(metric_constraints=(text,), validation_mode="holdout")) == []


def test_the_source_is_asked_for_all_symbols_that_may_be_chosen() -> None:
    asked = []

    def source_problems(request: Any) -> list[Problem]:
        asked.append(request.symbols)
        return [Problem("unknown_symbol", ("symbols", 1), "No bars", "BBB")]

    choice = {"name": "symbols", "kind": "choice", "values": ("AAA", "BBB")}
    request = search(search_space=space(choice))
    [problem] = request_problems(request, source_problems=source_problems)
    assert asked == [("AAA", "BBB")]
    assert problem.path == ("search_space", "parameters", 0, "values", 1)


def test_a_study_of_a_sound_request_has_as_many_trials_as_it_says() -> None:
    assert Study(search()).total == 16


@attrs.frozen
class Wary(TargetStrategy):
    """A strategy that checks itself in two ways of its own."""

    name = "wary"
    title = "Wary"

    low: int = attrs.field(default=1)
    high: int = attrs.field(default=5, validator=attrs.validators.lt(10))

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if self.low >= self.high:
            raise ValueError("low should be less than high")

    def targets(self, panel: Any) -> Any:
        return panel.close * 0.0


def test_what_a_custom_strategy_refuses_in_its_own_way_costs_no_trial() -> None:
    whole = {"kind": "int_range", "low": 1, "high": 12, "step": 1}
    both = space({"name": "low", **whole}, {"name": "high", **whole})
    base = attrs.evolve(BASE, strategy=Wary())
    # High is below 10, and low below high.
    assert Study(search(search_space=both, base_backtest=base)).total == sum(range(1, 9))
