"""Documents of optimizations: what is written is read back as an equal value.

Rule: property tests over requests, trials, statuses and results; tables of trials are compared with
what a plain reader makes of the trials.
"""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.strategies.lost import LostStrategy
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.optimizations.requests import (
    optimization_document,
    parse_kept_optimization,
    parse_optimization,
)
from glowback_trio.wire.optimizations.results import (
    kept_result_document,
    optimization_result_chunks,
    parse_kept_result,
)
from glowback_trio.wire.optimizations.statuses import (
    optimization_status_document,
    parse_optimization_status,
)
from glowback_trio.wire.optimizations.tables import trial_table
from glowback_trio.wire.optimizations.trials import (
    parse_trial,
    timed_trial_document,
    trial_document,
)
from glowback_trio.wire.tables import csv_chunks, ndjson_chunks

DOCUMENT: dict[str, Any] = {
    "name": "crossover",
    "search_space": {
        "parameters": [
            {"name": "short_period", "kind": "int_range", "low": 2, "high": 20, "step": 3},
            {"name": "long_period", "kind": "choice", "values": [20, 30]},
            {"name": "execution.commission_bps", "kind": "float_range", "low": 0, "high": 2.5},
            {"name": "symbols", "kind": "choice", "values": [["AAPL"], ["AAPL", "MSFT"]]},
        ],
        "constraints": ["short_period < long_period"],
    },
    "base_backtest": {
        "symbols": ["AAPL"],
        "start_date": "2019-01-01",
        "end_date": "2020-12-31",
        "strategy": {"name": "ma_crossover", "params": {"short_period": 5}},
    },
    "objectives": [{"metric": "sharpe_ratio"}, {"metric": "max_drawdown", "direction": "minimize"}],
    "metric_constraints": ["max_drawdown <= 20"],
    "ray_cluster": {"address": "head:6379", "pip_packages": ["numpy"]},
}

MOMENT = datetime(2024, 1, 2, 3, 4, 5, 678901, UTC)

JSON_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
CHOSEN = (
    st.booleans()
    | st.integers(-(2**53), 2**53)
    | JSON_NUMBERS
    | st.text(max_size=5)
    | st.lists(st.text(max_size=3), max_size=3).map(tuple)
)
METRICS = st.dictionaries(
    st.sampled_from(["sharpe_ratio", "total_trades", "train_sharpe_ratio"]),
    st.none() | st.integers(0, 99) | JSON_NUMBERS,
)
TRIALS = st.builds(
    Trial,
    trial_number=st.integers(1, 10_000),
    status=st.sampled_from(["completed", "failed"]),
    parameters=st.dictionaries(st.sampled_from(["a", "b", "symbols"]), CHOSEN),
    objective=st.none() | JSON_NUMBERS,
    objectives=st.lists(st.none() | JSON_NUMBERS, max_size=2).map(tuple),
    metrics=METRICS,
    feasible=st.booleans(),
    error=st.none() | st.text(max_size=9),
    split=st.none() | st.integers(0, 9),
)
TIMES = st.none() | st.just(MOMENT)
STATUSES = st.builds(
    OptimizationStatus,
    optimization_id=st.just("o"),
    name=st.text(max_size=5),
    state=st.sampled_from(OptimizationState),
    strategy=st.sampled_from(["grid", "cma"]),
    objective_metric=st.just("sharpe_ratio"),
    direction=st.sampled_from(["maximize", "minimize"]),
    max_trials=st.integers(1, 10_000),
    created_at=st.just(MOMENT),
    trials_completed=st.integers(0, 99),
    trials_running=st.integers(0, 99),
    best_trial=st.none() | TRIALS,
    started_at=TIMES,
    finished_at=TIMES,
    error=st.none() | st.text(max_size=5),
    progress=st.floats(0, 1),
    attempt=st.integers(1, 9),
    paused=st.booleans(),
)


def through_json(document: Any) -> Any:
    return orjson.loads(dumps(document))


def make_status(**changes: Any) -> OptimizationStatus:
    pending = OptimizationStatus.pending("o", parse_optimization(DOCUMENT), MOMENT)
    return evolve(pending, **changes)


def make_result(trials: list[Trial], **changes: Any) -> OptimizationResult:
    return OptimizationResult(
        optimization_id="o",
        state=OptimizationState.COMPLETED,
        best_trial=trials[0] if trials else None,
        trials=trials,
        front=(1, 2),
        replay_backtest={"symbols": ["AAPL"]},
        diagnostics={"stable": True},
        validation={},
        manifest={"kind": "optimization_run", "trial_lineage": list(range(250)), "more": []},
        **changes,
    )


def test_a_request_written_and_read_again_is_equal() -> None:
    request = parse_optimization(DOCUMENT)
    assert parse_optimization(through_json(optimization_document(request))) == request


def test_bounds_of_whole_numbers_are_written_as_they_were_sent() -> None:
    written = optimization_document(parse_optimization(DOCUMENT))["search_space"]["parameters"]
    assert dumps([written[0]["low"], written[0]["step"], written[2]["low"]]) == b"[2,3,0.0]"


def test_a_kept_request_is_read_though_its_strategy_is_gone() -> None:
    document = through_json(optimization_document(parse_optimization(DOCUMENT)))
    document["base_backtest"]["strategy"] = {"name": "my_own", "params": {"length": 3}}
    request = parse_kept_optimization(document, make_converter())
    assert isinstance(request.base_backtest.strategy, LostStrategy)
    assert through_json(optimization_document(request)) == document


def test_a_kept_request_that_is_damaged_is_refused() -> None:
    document = through_json(optimization_document(parse_optimization(DOCUMENT)))
    with pytest.raises(InvalidRequestError, match="max_trials"):
        parse_kept_optimization({**document, "max_trials": -1}, make_converter())


def test_every_problem_of_a_request_is_named_by_its_path() -> None:
    broken = {**DOCUMENT, "max_trials": "7", "colour": 1, "base_backtest": {"symbols": ["AAPL"]}}
    with pytest.raises(InvalidRequestError) as caught:
        parse_optimization(broken)
    assert {each.path for each in caught.value.problems} == {
        ("max_trials",),
        ("colour",),
        ("base_backtest", "start_date"),
        ("base_backtest", "end_date"),
    }


@given(TRIALS)
def test_a_trial_written_and_read_again_is_equal(trial: Trial) -> None:
    assert parse_trial(through_json(trial_document(trial))) == trial


@pytest.mark.parametrize("document", [None, [], {}, {"parameters": 1}, {"parameters": {}}])
def test_what_is_no_trial_is_refused(document: Any) -> None:
    with pytest.raises(InvalidRequestError, match="should be a trial"):
        parse_trial(document)


def test_a_trial_says_how_long_it_took_if_that_is_known() -> None:
    trial = Trial(trial_number=7, status="completed", parameters={})
    timed = timed_trial_document(trial, {7: 1.98765432})
    assert (timed["duration_seconds"], timed["duration_ms"]) == (1, 1987.654)
    assert timed_trial_document(trial, {})["duration_seconds"] is None


@given(STATUSES)
def test_a_status_written_and_read_again_is_equal(status: OptimizationStatus) -> None:
    document = through_json(optimization_status_document(status, {1: 0.5}))
    assert parse_optimization_status({**document, "mood": "good"}) == status


def test_a_status_that_is_none_is_refused_with_its_path() -> None:
    document = optimization_status_document(make_status())
    with pytest.raises(InvalidRequestError) as caught:
        parse_optimization_status({**document, "state": "queued", "best_trial": 3})
    assert {each.path for each in caught.value.problems} == {("state",), ("best_trial",)}


@given(st.lists(TRIALS, max_size=3))
def test_a_kept_result_is_read_again(trials: list[Trial]) -> None:
    result = make_result(trials, kept_runs=("r",), attempt=2)
    document = through_json(kept_result_document(result))
    again = parse_kept_result(document)
    assert through_json(kept_result_document(again)) == document
    assert (again.trials, again.best_trial) == (trials, result.best_trial)


@pytest.mark.parametrize("change", [{"state": "queued"}, {"trials": 3}, {"more": 1}])
def test_what_is_no_kept_result_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError, match="should be an optimization's result"):
        parse_kept_result({**kept_result_document(make_result([])), **change})


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_a_result_is_the_same_json_however_many_chunks_it_has(count: int) -> None:
    trials = [Trial(trial_number=n, status="completed", parameters={"a": n}) for n in range(count)]
    status = make_status(started_at=MOMENT, finished_at=MOMENT + timedelta(seconds=2.7))
    request, durations = parse_optimization(DOCUMENT), {0: 0.25}
    chunks = optimization_result_chunks(make_result(trials), request, status, durations, MOMENT)
    document = orjson.loads(b"".join(chunks))
    wanted = through_json([timed_trial_document(trial, durations) for trial in trials])
    assert document["all_trials"] == wanted
    assert document["best_trial"] == (wanted[0] if wanted else None)
    assert document["total_duration_seconds"] == 2
    assert document["manifest"] == make_result([]).manifest
    assert document["search_space"]["constraints"] == ["short_period < long_period"]


@pytest.mark.parametrize(("started", "seconds"), [(None, 0), (MOMENT, 5)])
def test_what_has_not_ended_counts_its_seconds_up_to_now(
    started: datetime | None, seconds: int
) -> None:
    status, now = make_status(started_at=started), MOMENT + timedelta(seconds=5.9)
    request = parse_optimization(DOCUMENT)
    chunks = optimization_result_chunks(make_result([]), request, status, {}, now)
    assert orjson.loads(b"".join(chunks))["total_duration_seconds"] == seconds


@given(st.lists(TRIALS, max_size=5))
def test_a_table_has_every_parameter_and_every_metric(trials: list[Trial]) -> None:
    lines = b"".join(ndjson_chunks(trial_table(trials, {}))).splitlines()
    for line, trial in zip(lines, trials, strict=True):
        row = orjson.loads(line)
        assert (row["trial_number"], row["error"]) == (trial.trial_number, trial.error)
        for name, metric in trial.metrics.items():
            assert row[f"metrics.{name}"] == metric
        for name, value in trial.parameters.items():
            cell = row[f"parameters.{name}"]
            # One column has one kind: where kinds mix, all but text is JSON.
            assert cell == value or orjson.loads(cell) == through_json(value)


def test_columns_are_numbers_where_all_values_are() -> None:
    trials = [
        Trial(trial_number=1, status="completed", parameters={"n": 5, "x": 0.5, "f": True}),
        Trial(trial_number=2, status="failed", parameters={"n": 6, "x": 1, "f": False}, error="no"),
    ]
    table = trial_table(trials, {1: 0.0123})
    columns = table.columns(slice(None))
    kinds = {
        name: column.dtype.kind if isinstance(column, np.ndarray) else "text"
        for name, column in columns.items()
    }
    assert kinds == {
        "trial_number": "i",
        "status": "text",
        "objective": "f",
        "feasible": "b",
        "split": "f",
        "duration_ms": "f",
        "parameters.n": "i",
        "parameters.x": "f",
        "parameters.f": "b",
        "error": "text",
    }
    first, second = csv.DictReader(io.StringIO(b"".join(csv_chunks(table)).decode()))
    assert (first["parameters.n"], first["parameters.f"], first["duration_ms"]) == (
        "5",
        "true",
        "12.3",
    )
    assert (second["error"], second["objective"], second["duration_ms"]) == ("no", "", "")


def test_a_picked_table_has_those_rows() -> None:
    trials = [Trial(trial_number=n, status="completed", parameters={}) for n in range(5)]
    picked = trial_table(trials, {}).picked(np.array([3, 1], np.intp))
    numbers = picked.columns(slice(None))["trial_number"]
    assert isinstance(numbers, np.ndarray)
    assert numbers.tolist() == [3, 1]


def test_numbers_beyond_64_bits_are_text() -> None:
    trials = [Trial(trial_number=1, status="completed", parameters={"n": 2**63})]
    assert trial_table(trials, {}).columns(slice(None))["parameters.n"] == [str(2**63)]
