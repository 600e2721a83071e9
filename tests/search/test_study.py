"""A study is deterministic: how many trials are under way at once, and whether it was restored in
between, changes none of its drafts, none of its plans, and not its best trial.

The best of a grid is the best of the same backtests done one by one, each metric to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import orjson
import pytest
from support.searches import (
    BASE,
    brute_force,
    drive,
    formula,
    moving_averages,
    random_bars,
    search,
    space,
)

from glowback_trio.engine import backtest
from glowback_trio.engine.trials.plan import TrialOutcome
from glowback_trio.errors import DataError
from glowback_trio.model.events import EventDraft
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.search.study import Study
from glowback_trio.wire.optimizations.trials import parse_trial

SEARCHES = ["grid", "random", "sobol", "latin_hypercube"]
LEARNING = ["bayesian", "cma", "successive_halving"]


def rough(values: Mapping[str, Any]) -> float | None:
    """Return a surface with ties, undefined places and several hills."""
    total = sum(len(str(value)) for value in values.values())
    numbers = [value for value in values.values() if isinstance(value, int | float)]
    swing = int(sum(numbers) * 7) % 5
    return None if swing == 3 else float(total + swing)


def payloads(drafts: list[EventDraft], kind: str) -> list[Any]:
    return [orjson.loads(each.payload) for each in drafts if each.type == kind]


def test_the_best_of_a_grid_is_the_best_of_its_backtests_done_one_by_one() -> None:
    request, bars = search(), [random_bars()]
    study = Study(request)
    drive(study, brute_force(request, bars))
    one_by_one = [
        backtest(applied(BASE, {"short_period": short, "long_period": long}), bars).metrics
        for short in (2, 4, 6, 8)
        for long in (4, 8, 12, 16, 20)
        if short < long
    ]
    assert [dict(trial.metrics) for trial in study.trials] == one_by_one
    best = max(one_by_one, key=lambda metrics: metrics["sharpe_ratio"] or 0.0)
    assert study.best is not None
    assert dict(study.best.metrics) == best


@pytest.mark.parametrize("strategy", [*SEARCHES, *LEARNING])
@pytest.mark.parametrize("mode", ["none", "holdout", "walk_forward", "walk_forward_refit"])
def test_how_many_trials_are_under_way_changes_no_draft(strategy: Any, mode: Any) -> None:
    request = search(strategy=strategy, validation_mode=mode, max_trials=11, batch_size=4)
    alone = drive(Study(request), formula(rough), most=1)
    assert drive(Study(request), formula(rough), most=3) == alone
    assert drive(Study(request), formula(rough), most=100) == alone


@pytest.mark.parametrize("strategy", [*SEARCHES, *LEARNING])
def test_a_study_restored_at_any_trial_goes_on_as_if_nothing_had_happened(strategy: Any) -> None:
    mode = "walk_forward" if strategy in SEARCHES else "walk_forward_refit"
    request = search(
        strategy=strategy,
        validation_mode=mode,
        walk_forward_windows=1,
        max_trials=7 if strategy in LEARNING else 17,
        batch_size=3,
        exploration_weight=0.4,
    )
    whole = Study(request)
    drafts = drive(whole, formula(rough))
    told = [parse_trial(payload) for payload in payloads(drafts, "trial")]
    assert told == whole.trials
    for count in range(len(told) + 1):
        restored = Study.restored(request, told[:count])
        assert [*restored.history, *drive(restored, formula(rough), most=2)] == drafts
        assert restored.trials == whole.trials
        assert restored.best == whole.best


@pytest.mark.parametrize("mode", ["purged_k_fold", "cpcv"])
@pytest.mark.parametrize("strategy", ["random", "bayesian", "cma"])
def test_folds_are_searched_alike_whatever_is_under_way(strategy: Any, mode: Any) -> None:
    request = search(
        strategy=strategy, validation_mode=mode, folds=3, test_folds=2, max_trials=8, batch_size=4
    )
    alone = drive(Study(request), formula(rough, splits=3), most=1)
    assert drive(Study(request), formula(rough, splits=3), most=100) == alone
    trials = payloads(alone, "trial")
    if strategy in LEARNING:
        assert [each["split"] for each in trials] == [0] * 8 + [1] * 8 + [2] * 8 + [None] * 8
    for cut in (3, 4, 11, 30):
        told = [parse_trial(each) for each in trials[:cut]]
        restored = Study.restored(request, told)
        assert [*restored.history, *drive(restored, formula(rough, splits=3))] == alone


def test_trials_of_another_search_cannot_be_taken_over() -> None:
    one, other = search(strategy="random"), search(strategy="random", random_seed=1)
    study = Study(one)
    drive(study, formula(rough))
    with pytest.raises(DataError, match="another version"):
        Study.restored(other, study.trials)


@pytest.mark.parametrize("strategy", ["random", "sobol", "latin_hypercube"])
@pytest.mark.parametrize("count", [3, 18, 40])
def test_no_combination_is_tried_twice_and_a_small_space_is_tried_wholly(
    strategy: Any, count: int
) -> None:
    # 16 of the 20 combinations have a short period below the long one.
    request = search(strategy=strategy, max_trials=count)
    study = Study(request)
    drive(study, formula(rough))
    tried = [tuple(trial.parameters.values()) for trial in study.trials]
    possible = 16
    assert len(set(tried)) == len(tried) == study.total == min(count, possible)


def test_what_the_strategy_refuses_costs_no_trial_and_is_said_once() -> None:
    drafts = drive(Study(search()), formula(rough))
    [note] = payloads(drafts, "log")
    assert note["message"] == (
        "4 of 20 combinations are not tried: ma_crossover refuses such a combination of "
        "short_period, long_period"
    )
    assert len(payloads(drafts, "trial")) == 16


def test_a_constraint_costs_no_trial() -> None:
    request = search(search_space=moving_averages("short_period <= 4"))
    drafts = drive(Study(request), formula(rough))
    assert {each["parameters"]["short_period"] for each in payloads(drafts, "trial")} == {2, 4}


def best_by(request: OptimizationRequest, worth: dict[int, float | None]) -> int | None:
    study = Study(request)
    drive(study, formula(lambda values: worth[values["short_period"]]))
    return None if study.best is None else study.best.parameters["short_period"]  # type: ignore[return-value]  # a grid of ints


ONE = space({"name": "short_period", "kind": "choice", "values": (2, 3, 4)})


@pytest.mark.parametrize(
    ("worth", "direction", "best"),
    [
        ({2: 1.0, 3: 2.0, 4: 2.0}, "maximize", 3),
        ({2: 1.0, 3: 1.0, 4: 2.0}, "minimize", 2),
        ({2: None, 3: -5.0, 4: None}, "maximize", 3),
        ({2: float("nan"), 3: 0.0, 4: 1.0}, "maximize", 4),
        ({2: None, 3: None, 4: None}, "maximize", None),
    ],
)
def test_the_earliest_of_equal_trials_wins_and_an_undefined_one_never(
    worth: dict[int, float | None], direction: Any, best: int | None
) -> None:
    assert best_by(search(search_space=ONE, direction=direction), worth) == best


def test_a_trial_that_breaks_a_constraint_on_metrics_never_wins() -> None:
    request = search(search_space=ONE, metric_constraints=("total_return < 2",))
    assert best_by(request, {2: 1.0, 3: 1.5, 4: 9.0}) == 3


def test_a_failed_trial_is_one_failed_trial_and_all_failed_ones_fail_the_search() -> None:
    request = search(search_space=ONE)
    study = Study(request)
    drive(study, lambda plan: TrialOutcome(trial_number=plan.trial_number, error="It broke"))
    assert [trial.error for trial in study.trials] == ["It broke"] * 3
    assert study.failure == "All optimization trials failed, the first one thus: It broke"
    assert study.best is None


def test_progress_comes_at_fixed_numbers_of_trials() -> None:
    drafts = drive(Study(search(progress_steps=4)), formula(rough))
    said = payloads(drafts, "progress")
    assert [each["trials_completed"] for each in said] == [4, 8, 12, 16]
    assert [each["progress"] for each in said] == [0.25, 0.5, 0.75, 1.0]


def test_an_outcome_out_of_turn_is_refused() -> None:
    study = Study(search())
    first, second = study.ask(2)
    with pytest.raises(ValueError, match="trial 1 is next"):
        study.tell(formula(rough)(second))
    study.tell(formula(rough)(first))


def test_an_objective_that_a_trial_lacks_fails_it_with_the_metrics_it_has() -> None:
    study = Study(search(search_space=ONE, objective_metric="portfolio_rebalances"))
    drive(study, formula(rough))
    assert study.trials[0].error == (
        "Objective metric 'portfolio_rebalances' is unavailable for this trial. Available "
        "metrics: max_drawdown, sharpe_ratio, total_return"
    )


@pytest.mark.parametrize(
    ("end", "message"),
    [
        ("2020-01-07", "Nothing is held out: that takes a range of 8 days at least"),
        ("2020-01-08", "Only 2 of 3 windows fit into what is held out, a day at least each"),
        ("2020-01-12", None),
    ],
)
def test_a_range_too_short_for_its_windows_is_said_in_the_log(
    end: str, message: str | None
) -> None:
    base = attrs.evolve(BASE, end_date=end)
    request = search(base_backtest=base, search_space=ONE, validation_mode="walk_forward")
    said = payloads(drive(Study(request), formula(rough)), "log")
    assert [(each["level"], each["message"]) for each in said] == (
        [] if message is None else [("warning", message)]
    )


def test_a_search_that_nobody_wins_says_why_in_its_log() -> None:
    study = Study(search(metric_constraints=("total_return > 1e6",)))
    drafts = drive(study, brute_force(search(), [random_bars()]))
    assert study.best is None
    last = payloads(drafts, "log")[-1]
    assert last["level"] == "warning"
    assert last["message"].startswith("No trial can win: of ")
    assert "break metric_constraints" in last["message"]
