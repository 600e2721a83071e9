"""One optimization in one call gives what the same backtests give, done one by one.

Rule: every metric of a trial and of a validation is that of `backtest` for the same request, to the
last bit; what the validation stitches together is what an account with these returns would be.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest
from support.searches import BASE, brute_force, drive, random_bars, search, space

from glowback_trio import (
    Objective,
    OptimizationRequest,
    OptimizationResult,
    Trial,
    backtest,
    optimize,
)
from glowback_trio.engine.trials.plan import Splits
from glowback_trio.engine.trials.splits import fold_splits
from glowback_trio.engine.trials.windows import held_out, refit_windows
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.optimization.errors import OptimizationFailedError
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.search.optimize import SearchProgress
from glowback_trio.search.study import Study
from glowback_trio.wire.json_text import dumps, parse_json
from glowback_trio.wire.optimizations.results import kept_result_document, parse_kept_result
from glowback_trio.wire.requests import parse_request

BARS = [random_bars()]
BOTH = [random_bars(), random_bars("BBB", seed=9)]


def metrics_of(values: Any, segment: Any = None) -> dict[str, Any]:
    request = applied(BASE, values)
    if segment is not None:
        start, end = segment.start_date, segment.end_date
        request = attrs.evolve(request, start_date=start, end_date=end)
    return dict(backtest(request, BARS).metrics)


@pytest.mark.parametrize("mode", ["none", "holdout", "walk_forward", "walk_forward_refit"])
def test_every_metric_of_every_trial_is_that_of_its_backtest(mode: Any) -> None:
    request = search(validation_mode=mode)
    result = optimize(request, BARS)
    study = Study(request)
    drive(study, brute_force(request, BARS))
    assert list(result.trials) == list(study.trials)
    assert result.best_trial == study.best
    for trial in result.trials:
        full = metrics_of(trial.parameters)
        assert {name: trial.metrics[name] for name in full} == full


def test_windows_are_scored_as_the_reference_server_scores_them() -> None:
    request = search(validation_mode="walk_forward", walk_forward_windows=2)
    held = held_out(request)
    for trial in optimize(request, BARS).trials:
        train, full = metrics_of(trial.parameters, held.train), metrics_of(trial.parameters)
        tests = [metrics_of(trial.parameters, each)["sharpe_ratio"] for each in held.windows]
        mean = sum(tests) / 2
        extra = {name: value for name, value in trial.metrics.items() if name not in full}
        assert extra == {
            "train_sharpe_ratio": train["sharpe_ratio"],
            "validation_sharpe_ratio": mean,
            "validation_sharpe_ratio_stddev": pytest.approx(np.std(tests)),
            "validation_windows": 2,
            "generalization_gap_sharpe_ratio": train["sharpe_ratio"] - mean,
            "validation_full_gap_sharpe_ratio": full["sharpe_ratio"] - mean,
            "full_sharpe_ratio": full["sharpe_ratio"],
        }
        assert trial.objective == mean


def test_the_winner_s_replay_gives_its_full_metrics() -> None:
    result = optimize(search(validation_mode="holdout"), BARS)
    assert result.best_trial is not None
    again = backtest(parse_request(result.replay_backtest), BARS).metrics
    assert again["sharpe_ratio"] == result.best_trial.metrics["full_sharpe_ratio"]


@pytest.mark.parametrize("anchored", [True, False])
def test_a_refit_scores_the_winner_of_each_training_window_on_the_next(anchored: bool) -> None:  # noqa: FBT001 - a parameter of the test
    request = search(validation_mode="walk_forward_refit", anchored=anchored)
    result = optimize(request, BARS)
    windows = result.validation["windows"]
    assert len(windows) == 3
    worth = []
    for refit, window in zip(refit_windows(request), windows, strict=True):
        trained = [
            (metrics_of(trial.parameters, refit.train)["sharpe_ratio"], -trial.trial_number)
            for trial in result.trials
        ]
        best, number = max(each for each in trained if each[0] is not None)
        assert (window["train_objective"], window["winner"]) == (best, -number)
        tested = metrics_of(window["parameters"], refit.test)
        assert dict(window["test_metrics"]) == tested
        assert window["test_objective"] == tested["sharpe_ratio"]
        worth.append(1.0 + tested["total_return"] / 100.0)
    last = result.validation["out_of_sample"]["equity_curve"][-1]["value"]
    assert last == pytest.approx(BASE.initial_capital * np.prod(worth))


def test_folds_are_stitched_from_the_winners_of_the_splits_that_hold_them_out() -> None:
    request = search(validation_mode="purged_k_fold", folds=4, purge_bars=3, embargo_bars=2)
    result = optimize(request, BARS)
    splits = fold_splits(365, Splits(folds=4, purge_bars=3, embargo_bars=2))
    parts = []
    for split, told in zip(splits, result.validation["splits"], strict=True):
        run = backtest(applied(BASE, told["parameters"]), BARS)
        parts.append(run.curve.returns_at(slice(None))[1:][split.test])
        assert told["held_out"] == list(split.held_out)
    value = BASE.initial_capital * np.cumprod(1.0 + np.concatenate(parts))
    curve = result.validation["out_of_sample"]["equity_curve"]
    assert [each["value"] for each in curve] == pytest.approx(value.tolist())


def test_combinatorial_folds_make_several_paths() -> None:
    result = optimize(search(validation_mode="cpcv", folds=4, test_folds=2), BARS)
    assert len(result.validation["splits"]) == 6
    assert [each["path"] for each in result.validation["paths"]] == [1, 2, 3]
    assert {each["bars"] for each in result.validation["paths"]} == {365}


def test_several_objectives_have_a_front() -> None:
    sought = (
        Objective(metric="total_return"),
        Objective(metric="volatility", direction="minimize"),
    )
    result = optimize(search(objectives=sought), BARS)
    pairs = {each.trial_number: each.objectives for each in result.trials}

    def beaten(number: int) -> bool:
        gain, risk = pairs[number]
        others = [pair for other, pair in pairs.items() if other != number]
        return any(g >= gain and r <= risk for g, r in others)  # type: ignore[operator]  # all are defined

    assert list(result.front) == [number for number in pairs if not beaten(number)]
    assert result.best_trial is not None
    assert result.best_trial.trial_number in result.front


def test_a_weighted_sum_is_what_trials_are_ranked_by() -> None:
    sought = (
        Objective(metric="total_return", weight=1.0),
        Objective(metric="max_drawdown", direction="minimize", weight=0.5),
    )
    result = optimize(search(objectives=sought), BARS)

    def weighted(trial: Trial) -> float:
        gain, fall = (trial.metrics[each.metric] for each in sought)
        assert gain is not None
        assert fall is not None
        return gain - 0.5 * fall

    sums = [weighted(each) for each in result.trials]
    assert [each.objective for each in result.trials] == pytest.approx(sums)
    assert result.best_trial is not None
    assert result.best_trial.objective == max(each.objective or -1e9 for each in result.trials)


def test_symbols_and_costs_may_be_searched() -> None:
    both = space(
        {"name": "symbols", "kind": "choice", "values": ("AAA", ("AAA", "BBB"))},
        {"name": "execution.commission_bps", "kind": "float_range", "low": 0, "high": 10},
    )
    result = optimize(search(search_space=both, grid_steps=2), BOTH)
    assert [each.status for each in result.trials] == ["completed"] * 4
    cheap, dear = result.trials[2:]
    assert cheap.metrics["total_commissions"] == 0.0
    assert dear.metrics["total_commissions"] != 0.0


def test_a_result_is_kept_and_read_again_as_it_was() -> None:
    result = optimize(search(validation_mode="walk_forward_refit"), BARS)
    kept = parse_json(dumps(kept_result_document(result)))
    assert dumps(kept_result_document(parse_kept_result(kept))) == dumps(kept)


def test_progress_is_told_after_every_trial_and_may_end_the_search() -> None:
    told: list[SearchProgress] = []
    optimize(search(), BARS, progress=told.append)
    assert [each.done for each in told] == list(range(1, 17))
    assert {each.total for each in told} == {16}

    def stop(_: SearchProgress) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError):
        optimize(search(), BARS, progress=stop)


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="more than max_trials"):
        optimize(search(max_trials=3), BARS)
    with pytest.raises(InvalidRequestError, match="of type OptimizationRequest"):
        optimize(BASE, BARS)  # type: ignore[arg-type]  # what a program without types may do


def test_a_search_of_which_every_trial_fails_says_why() -> None:
    request = search(
        base_backtest=attrs.evolve(BASE, start_date="2010-01-01", end_date="2010-02-01")
    )
    with pytest.raises(OptimizationFailedError, match="All optimization trials failed"):
        optimize(request, BARS)


@pytest.mark.parametrize("mode", ["walk_forward_refit", "cpcv"])
def test_a_validation_may_be_carried_out_again(mode: Any) -> None:
    request: OptimizationRequest = search(validation_mode=mode)
    result: OptimizationResult = optimize(request, BARS)
    restored = Study.restored(request, result.trials)
    assert restored.told_all
    assert restored.validations() == restored.validations()
