"""Results of optimizations over HTTP: documents, tables, and trials as runs of their own.

Rule: what the server sends is compared with what the optimization itself says, and the winner with
the backtest that its `replay_backtest` gives when it is posted.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from quart.typing import TestClientProtocol as Client
from support.served_searches import NINE, ended

from glowback_trio.actors import Gateway, Optimization
from glowback_trio.wire.optimizations.trials import trial_document

RESULT_FIELDS = {
    "optimization_id",
    "state",
    "best_trial",
    "all_trials",
    "total_duration_seconds",
    "search_space",
    "validation_mode",
    "replay_backtest",
    "diagnostics",
    "manifest",
}
TRIAL_FIELDS = {
    "trial_id",
    "trial_number",
    "status",
    "parameters",
    "objective",
    "metrics",
    "duration_seconds",
    "error",
}


async def results_of(client: Client, optimization: Optimization) -> Any:
    response = await client.get(f"/optimizations/{optimization.optimization_id}/results")
    assert response.status_code == 200
    return await response.get_json()


async def table(client: Client, optimization: Optimization, form: str) -> bytes:
    response = await client.get(f"/optimizations/{optimization.optimization_id}/trials.{form}")
    assert response.status_code == 200
    name = f"trials-{optimization.optimization_id}.{form}"
    assert response.headers["Content-Disposition"] == f"attachment; filename={name}"
    data: bytes = await response.get_data(as_text=False)
    return data


async def test_a_result_has_the_fields_of_the_reference(
    client: Client, completed: Optimization
) -> None:
    result = await results_of(client, completed)
    assert result.keys() >= RESULT_FIELDS
    assert [trial["trial_number"] for trial in result["all_trials"]] == list(range(1, NINE + 1))
    assert all(trial.keys() >= TRIAL_FIELDS for trial in result["all_trials"])
    assert (result["state"], result["validation_mode"]) == ("completed", "none")
    first, second = result["search_space"]["parameters"]
    assert (first["low"], first["high"], first["step"]) == (3, 9, 3)
    assert second["values"] == [12, 20, 30]


async def test_trials_are_those_of_the_log(client: Client, completed: Optimization) -> None:
    result = await results_of(client, completed)
    events = await completed.load_events(types=["trial"], limit=100)
    told = [event.payload for event in events if event.type == "trial"]
    fields = told[0].keys()
    assert [{name: trial[name] for name in fields} for trial in result["all_trials"]] == told
    best = max(told, key=lambda trial: trial["objective"])
    assert result["best_trial"]["trial_number"] == best["trial_number"]
    assert all(trial["duration_ms"] > 0 for trial in result["all_trials"])


@pytest.mark.parametrize("validation", ["none", "holdout", "walk_forward"])
async def test_the_winners_backtest_gives_its_full_metrics_to_the_last_bit(
    client: Client, gateway: Gateway, validation: str
) -> None:
    optimization = await ended(gateway, validation_mode=validation)
    result = await results_of(client, optimization)
    created = await client.post("/backtests", json=result["replay_backtest"])
    assert created.status_code == 201
    run = gateway.run((await created.get_json())["run_id"])
    await run.wait_finished()
    response = await client.get(f"/backtests/{run.run_id}/results?include=metrics_summary")
    replayed = (await response.get_json())["metrics_summary"]
    metrics = result["best_trial"]["metrics"]
    full = {
        name.removeprefix("full_"): value
        for name, value in metrics.items()
        if name.startswith("full_")
    }
    if validation == "none":
        assert result["best_trial"]["objective"] == replayed["sharpe_ratio"]
    else:
        assert full
    compared = full or {name: metrics[name] for name in replayed if name in metrics}
    assert {name: replayed[name] for name in compared} == compared


async def test_a_result_is_not_there_before_the_end(client: Client, paused: Optimization) -> None:
    path = f"/optimizations/{paused.optimization_id}/results"
    response = await client.get(path)
    assert response.status_code == 409
    detail = (await response.get_json())["detail"]
    assert detail.startswith("Optimization not yet completed")
    paused.resume()
    await paused.wait_finished()
    assert (await client.get(path)).status_code == 200


async def test_tables_have_the_trials_so_far(client: Client, paused: Optimization) -> None:
    assert await table(client, paused, "ndjson") == b""
    paused.resume()
    await paused.wait_finished()
    assert len((await table(client, paused, "ndjson")).splitlines()) == NINE


async def test_tables_say_the_same_in_every_form(client: Client, completed: Optimization) -> None:
    lines = [orjson.loads(line) for line in (await table(client, completed, "ndjson")).splitlines()]
    cells = list(csv.DictReader(io.StringIO((await table(client, completed, "csv")).decode())))
    trials = [trial_document(trial) for trial in (await completed.load_result()).trials]
    assert [row["trial_number"] for row in lines] == [trial["trial_number"] for trial in trials]
    for row, cell, trial in zip(lines, cells, trials, strict=True):
        assert row.keys() == cell.keys()
        for name, value in trial["parameters"].items():
            assert row[f"parameters.{name}"] == value == int(cell[f"parameters.{name}"])
        for name, value in trial["metrics"].items():
            assert row[f"metrics.{name}"] == value
            assert value is None or float(cell[f"metrics.{name}"]) == value


async def test_parquet_has_the_columns_of_the_other_forms(
    client: Client, completed: Optimization
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    read = parquet.read_table(io.BytesIO(await table(client, completed, "parquet")))
    lines = [orjson.loads(line) for line in (await table(client, completed, "ndjson")).splitlines()]
    assert read.to_pylist() == lines
    kinds = {name: str(read.schema.field(name).type) for name in read.column_names}
    assert (kinds["trial_number"], kinds["feasible"], kinds["objective"]) == (
        "int64",
        "bool",
        "double",
    )


async def test_a_table_in_another_form_is_not_found(
    client: Client, completed: Optimization
) -> None:
    response = await client.get(f"/optimizations/{completed.optimization_id}/trials.xlsx")
    assert response.status_code == 404


async def test_failed_trials_are_in_result_and_table_with_their_sentence(
    client: Client, gateway: Gateway
) -> None:
    # The weight of a short position that shorts may not hold fails where it is computed.
    space = {
        "parameters": [
            {"name": "short_period", "kind": "choice", "values": [3, 5]},
            {"name": "execution.max_leverage", "kind": "choice", "values": [1.0, 2.0]},
        ]
    }
    optimization = await ended(gateway, search_space=space)
    result = await results_of(client, optimization)
    failed = [trial for trial in result["all_trials"] if trial["status"] == "failed"]
    assert all(trial["error"] and trial["objective"] is None for trial in failed)
    assert len(result["all_trials"]) == 4


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_trial_becomes_a_run_with_the_trials_metrics(
    client: Client, gateway: Gateway, completed: Optimization, prefix: str
) -> None:
    path = f"{prefix}/optimizations/{completed.optimization_id}/trials/4/run"
    response = await client.post(path)
    status = await response.get_json()
    assert response.status_code == 201
    assert response.headers["Location"] == f"{prefix}/backtests/{status['run_id']}"
    assert status["tags"] == [f"optimization:{completed.optimization_id}"]
    run = gateway.run(status["run_id"])
    await run.wait_finished()
    metrics = {trial.trial_number: trial for trial in (await completed.load_result()).trials}[4]
    same = {name: run.result().metrics[name] for name in metrics.metrics if name in _numeric(run)}
    assert same == {name: metrics.metrics[name] for name in same}
    assert "sharpe_ratio" in same


def _numeric(run: Any) -> dict[str, Any]:
    return {
        name: value
        for name, value in run.result().metrics.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    }


@pytest.mark.parametrize("number", ["0", "99", "x", "-1", "1.0", "9" * 30])
async def test_a_trial_that_is_not_there_is_404(
    client: Client, completed: Optimization, number: str
) -> None:
    path = f"/optimizations/{completed.optimization_id}/trials/{number}/run"
    response = await client.post(path)
    assert response.status_code == 404
    assert re.search("[Tt]rial", (await response.get_json())["detail"])


async def test_status_is_the_same_on_the_fast_path_and_through_the_framework(
    client: Client, completed: Optimization, client_of: Callable[..., Client]
) -> None:
    path = f"/optimizations/{completed.optimization_id}"
    plain = await (await client.get(path)).get_json()
    by_query = await (await client.get(f"{path}?_=1")).get_json()
    assert plain == by_query
