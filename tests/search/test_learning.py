"""Searches that learn find better trials than chance, and try nothing twice.

Rule: what they learn comes from the outcomes alone, so each is told of trials that failed, have no
objective or break a constraint, and none of these ends the search or wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson
import pytest
from support.searches import BASE, drive, formula, search, space

from glowback_trio.engine.trials.plan import TrialOutcome
from glowback_trio.extras import CMAES, OPTUNA
from glowback_trio.model.optimization.objectives import Objective
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.strategies.parameters import MeanReversion
from glowback_trio.search.request_checks import request_problems
from glowback_trio.search.samplers.halving import rounds_of
from glowback_trio.search.study import Study

HILL = space(
    {"name": "entry_threshold", "kind": "float_range", "low": 0, "high": 4},
    {"name": "lookback_period", "kind": "int_range", "low": 2, "high": 200},
    {"name": "position_size", "kind": "log_uniform", "low": 0.01, "high": 0.9},
)
REVERSION = attrs.evolve(BASE, strategy=MeanReversion())


def hill(values: Mapping[str, Any]) -> float:
    """Return a hill with its top at 1, 50 and 0.1."""
    across = (values["entry_threshold"] - 1.0) ** 2 + (values["lookback_period"] / 50.0 - 1.0) ** 2
    return float(-across - (values["position_size"] - 0.1) ** 2)


def searched(**changes: Any) -> OptimizationRequest:
    given = {"search_space": HILL, "base_backtest": REVERSION, "max_trials": 80, **changes}
    return search(**given)


def best_of(request: OptimizationRequest) -> float:
    study = Study(request)
    drive(study, formula(hill))
    assert study.best is not None
    assert study.best.objective is not None
    return study.best.objective


@pytest.mark.parametrize("strategy", ["bayesian", "cma"])
def test_learning_beats_chance(strategy: Any) -> None:
    learned = [best_of(searched(strategy=strategy, random_seed=seed)) for seed in range(3)]
    drawn = [best_of(searched(strategy="random", random_seed=seed)) for seed in range(3)]
    assert sum(learned) > sum(drawn)


@pytest.mark.parametrize("strategy", ["bayesian", "cma"])
@pytest.mark.parametrize("count", [10, 40])
def test_nothing_is_tried_twice_and_a_space_that_is_used_up_ends_the_search(
    strategy: Any, count: int
) -> None:
    request = search(strategy=strategy, max_trials=count, batch_size=6)
    study = Study(request)
    drafts = drive(study, formula(lambda values: float(values["long_period"])))
    tried = [tuple(each.parameters.values()) for each in study.trials]
    assert len(set(tried)) == len(tried)
    assert len(tried) == min(count, 16)
    if len(tried) < count:
        assert orjson.loads(drafts[-1].payload)["message"] == (
            f"Only {len(tried)} of {count} combinations that differ could be found"
        )


@pytest.mark.parametrize("strategy", ["bayesian", "cma", "successive_halving"])
def test_trials_that_fail_or_have_no_objective_are_learned_from_and_never_win(
    strategy: Any,
) -> None:
    request = searched(strategy=strategy, max_trials=40, metric_constraints=("total_return < -1",))
    study = Study(request)

    def evaluate(plan: Any) -> TrialOutcome:
        if plan.trial_number % 3 == 0:
            return TrialOutcome(trial_number=plan.trial_number, error="It broke")
        worth = float("nan") if plan.trial_number % 3 == 1 else hill(plan.parameters)
        return formula(lambda _: worth)(plan)

    drive(study, evaluate)
    assert study.best is not None
    assert study.best.trial_number % 3 == 2
    assert study.best.metrics["total_return"] < -1  # type: ignore[operator]  # it is defined


@pytest.mark.parametrize("strategy", ["bayesian", "cma", "successive_halving"])
def test_a_search_without_any_objective_ends_without_a_best_trial(strategy: Any) -> None:
    study = Study(searched(strategy=strategy, max_trials=20))
    drive(study, formula(lambda _: None))
    assert study.best is None
    assert study.failure is None


def test_several_objectives_are_learned_together() -> None:
    sought = (Objective(metric="total_return"), Objective(metric="max_drawdown"))
    study = Study(searched(strategy="bayesian", objectives=sought, max_trials=30))
    drive(study, formula(hill))
    assert study.front


def test_generations_are_announced_before_their_trials() -> None:
    drafts = drive(Study(searched(strategy="bayesian", max_trials=20)), formula(hill))
    said = [orjson.loads(each.payload) for each in drafts if each.type == "generation"]
    assert said == [
        {"generation": 1, "first_trial": 1, "trials": 16},
        {"generation": 2, "first_trial": 17, "trials": 4},
    ]
    assert drafts[0].type == "generation"


def test_halving_keeps_the_best_third_and_only_whole_ranges_win() -> None:
    request = searched(strategy="successive_halving", max_trials=40, validation_mode="holdout")
    study = Study(request)
    plans = []

    def evaluate(plan: Any) -> TrialOutcome:
        plans.append(plan)
        return formula(hill)(plan)

    drive(study, evaluate)
    assert [each.budget for each in study.trials] == [1 / 9] * 27 + [1 / 3] * 9 + [1.0] * 3
    first, second, last = study.trials[:27], study.trials[27:36], study.trials[36:]
    ranked = sorted(first, key=lambda each: each.objective or 0.0, reverse=True)
    assert [each.parameters for each in second] == [each.parameters for each in ranked[:9]]
    assert study.best in last
    [part] = plans[0].segments
    train = next(each for each in plans[-1].segments if each.name == "train")
    assert part.start_date == train.start_date
    assert (part.end_date - part.start_date).days < (train.end_date - train.start_date).days / 8


@pytest.mark.parametrize(
    ("most", "days", "rounds"),
    [(1, 9999, [1]), (3, 9999, [3]), (4, 9999, [3, 1]), (40, 9999, [27, 9, 3, 1]), (40, 59, [40])],
)
def test_rounds_are_as_many_as_trials_and_days_allow(
    most: int, days: int, rounds: list[int]
) -> None:
    assert rounds_of(most, days) == rounds
    assert sum(rounds) <= most


SHORT = {"name": "short_period", "kind": "int_range", "low": 1, "high": 9}
CHOICE = {"name": "direction", "kind": "choice", "values": ("long_only", "long_short")}
CASES: list[tuple[dict[str, Any], str, str]] = [
    (
        {"strategy": "cma", "search_space": space(CHOICE, SHORT)},
        "search_space.parameters.0.kind",
        "a choice has none",
    ),
    ({"strategy": "cma", "search_space": space(SHORT)}, "strategy", "two parameters at least"),
    ({"strategy": "successive_halving", "validation_mode": "cpcv"}, "strategy", "shortens"),
    (
        {
            "strategy": "cma",
            "objectives": (Objective(metric="total_return"), Objective(metric="volatility")),
        },
        "objectives",
        "ranks trials by one number",
    ),
    (
        {"strategy": "bayesian", "validation_mode": "walk_forward_refit", "max_trials": 3000},
        "max_trials",
        "4 times max_trials are 12,000 trials; at most 10,000",
    ),
]


@pytest.mark.parametrize(("changes", "path", "message"), CASES)
def test_what_a_way_to_search_cannot_do_is_refused(
    changes: dict[str, Any], path: str, message: str
) -> None:
    [problem] = request_problems(search(**changes))
    assert ".".join(map(str, problem.path)) == path
    assert message in problem.message


@pytest.mark.parametrize(("strategy", "extra"), [("bayesian", OPTUNA), ("cma", CMAES)])
def test_without_its_package_a_search_is_refused_with_the_line_that_installs_it(
    strategy: Any, extra: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    [problem] = request_problems(search(strategy=strategy))
    assert problem.path == ("strategy",)
    assert problem.message.endswith(f"pip install {extra.package}")
