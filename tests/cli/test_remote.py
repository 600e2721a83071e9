"""The commands that talk to a server, except `stream` and `watch`.

Rule: server and command are processes of their own; every failure is one line on stderr.
"""

from __future__ import annotations

import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from support.forked_command import ForkedCommand

from glowback_trio.data import Catalogue, demo_path
from glowback_trio.engine import Simulation
from glowback_trio.engine.reporting.result_document import result_document
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.requests import parse_request

Call = Callable[..., Awaitable["subprocess.CompletedProcess[str]"]]

PERIOD = ("--start", "2015-01-01", "--end", "2020-12-31")


@pytest.fixture
def call(
    server: Any, environment: dict[str, str], tmp_path: Path, forked_command: ForkedCommand
) -> Call:
    """Run one command against the server, with its key in the environment."""

    async def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        found = {"GLOWBACK_URL": server.url, "GLOWBACK_API_KEY": "first,second"}
        ended = await forked_command.run_in_thread(
            arguments, cwd=tmp_path, env={**environment, **found, **variables}
        )
        return subprocess.CompletedProcess(
            ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
        )

    return run


def fails_with(ended: subprocess.CompletedProcess[str], code: int, sentence: str) -> bool:
    (line,) = ended.stderr.splitlines()
    return ended.returncode == code and line.startswith("error: ") and sentence in line


async def test_a_backtest_goes_from_its_submission_to_its_result(call: Call) -> None:
    strategy = ("--strategy", "momentum", "--param", "lookback_period=7")
    submitted = await call("submit", "--symbols", "SPY,IBM", *PERIOD, *strategy)
    run_id = submitted.stdout.strip()
    assert submitted.stdout == f"{run_id}\n"
    streamed = await call("stream", run_id)
    assert streamed.returncode == 0
    shown = orjson.loads((await call("show", run_id, "--json")).stdout)
    assert (shown["run_id"], shown["state"]) == (run_id, "completed")
    assert shown["event_count"] == len(streamed.stdout.splitlines())
    request = parse_request(
        {
            "symbols": ["SPY", "IBM"],
            "start_date": "2015-01-01",
            "end_date": "2020-12-31",
            "strategy": {"name": "momentum", "params": {"lookback_period": 7}},
        }
    )
    simulation = Simulation(request, Catalogue(demo_path()).load(request))
    simulation.advance(simulation.bars)
    expected = orjson.loads(dumps(result_document(simulation.result(), run_id)))
    printed = orjson.loads((await call("results", run_id)).stdout)
    assert printed["trades"] == expected["trades"]
    assert printed["equity_curve"] == expected["equity_curve"]


async def test_an_empty_id_is_said_to_be_empty(call: Call) -> None:
    for command in ("show", "watch", "stream", "cancel", "delete"):
        said = (await call(command, "")).stderr
        assert said.startswith("error: Run not found; the id is empty")


async def test_a_request_repeated_with_its_key_starts_one_run(call: Call) -> None:
    command = ("submit", "--symbols", "SPY", *PERIOD, "--idempotency-key", "once")
    assert (await call(*command)).stdout == (await call(*command)).stdout


async def test_problems_found_by_the_server_are_printed_with_their_options(call: Call) -> None:
    refused = await call("submit", "--symbols", "SPYY,AAPLE", *PERIOD)
    assert refused.returncode == 2
    paths = [line.split(": ")[1] for line in refused.stderr.splitlines()]
    assert paths == ["--symbols SPYY", "--symbols AAPLE"]


async def test_a_run_is_shown_listed_and_cancelled(call: Call, server: Any) -> None:
    run_id = await server.submit(stream={"pace_bars_per_s": 0.001})
    shown = await call("show", run_id)
    assert run_id in shown.stdout
    assert "running 0%" in shown.stdout
    assert "AAPL" in shown.stdout
    listed = await call("list", "--state", "running")
    (line,) = (line for line in listed.stdout.splitlines() if run_id in line)
    assert "running 0%" in line
    assert fails_with(await call("results", run_id), 1, "Results not ready")
    cancelled = await call("cancel", run_id)
    assert cancelled.returncode == 0
    assert cancelled.stdout.startswith(f"Cancelled {run_id} at 0%, after ")
    assert fails_with(await call("stream", run_id, "--types", "trade"), 1, "Run cancelled")
    assert fails_with(await call("results", run_id), 1, "Run cancelled: cancelled by a client")
    as_json = (await call("list", "--json", "--limit", "200")).stdout.splitlines()
    states = {status["run_id"]: status["state"] for status in map(orjson.loads, as_json)}
    assert states[run_id] == "cancelled"
    again = await call("cancel", run_id)
    assert again.returncode == 0
    assert again.stdout.startswith(f"{run_id} had been cancelled already, at ")
    assert again.stdout.endswith("; nothing has changed.\n")


async def test_cancelling_a_run_that_has_completed_says_that_it_had(call: Call) -> None:
    run_id = (await call("submit", "--symbols", "SPY", *PERIOD)).stdout.strip()
    await call("stream", run_id)
    assert (await call("cancel", run_id)).stdout.startswith(f"{run_id} had completed already, at ")
    as_json = orjson.loads((await call("cancel", run_id, "--json")).stdout)
    assert as_json["state"] == "completed"


async def test_a_run_is_paused_resumed_and_deleted(call: Call) -> None:
    paced = ("submit", "--symbols", "AAPL", *PERIOD, "--pace", "0.001")
    run_id = (await call(*paced)).stdout.strip()
    assert (await call("resume", run_id)).stdout.startswith(f"{run_id} was not paused")
    paused = await call("pause", run_id)
    assert paused.stdout.startswith(f"Paused {run_id} at 0%")
    assert f"glowback-trio resume {run_id}" in paused.stdout
    assert (await call("pause", run_id)).stdout.startswith(f"{run_id} was paused already")
    assert "paused 0%" in (await call("show", run_id)).stdout
    assert orjson.loads((await call("resume", run_id, "--json")).stdout)["paused"] is False
    assert (await call("delete", run_id)).stdout == f"Deleted {run_id}; it was running 0%.\n"
    assert fails_with(await call("show", run_id), 1, "Run not found")


async def test_a_run_goes_on_at_another_pace(call: Call) -> None:
    paced = ("submit", "--symbols", "AAPL", *PERIOD, "--pace", "0.001")
    run_id = (await call(*paced)).stdout.strip()
    assert (
        await call("pace", run_id, "0.5")
    ).stdout == f"{run_id} goes on at 0.5 bars/s, from 0%.\n"
    slow = orjson.loads((await call("pace", run_id, "0.25", "--json")).stdout)
    assert slow["pace_bars_per_s"] == 0.25
    assert fails_with(await call("pace", run_id, "0"), 2, "greater than or equal to 0.001")
    assert (await call("pace", run_id)).stdout.startswith(f"{run_id} goes on as fast as it can")
    await call("stream", run_id)
    assert orjson.loads((await call("show", run_id, "--json")).stdout)["state"] == "completed"
    assert " had completed already, at " in (await call("pace", run_id, "5")).stdout


async def test_the_gateways_of_a_server_are_listed(call: Call) -> None:
    [listed] = (await call("gateways", "--json")).stdout.splitlines()
    gateway = orjson.loads(listed)
    assert (gateway["self"], gateway["alive"], gateway["epoch"]) == (True, True, None)
    shown = (await call("gateways")).stdout
    assert "(this one)" in shown
    assert gateway["name"] in shown


async def test_two_runs_are_compared_event_by_event(call: Call) -> None:
    submit = ("submit", "--symbols", "SPY", *PERIOD)
    one, same, other = [
        (await call(*submit, *more)).stdout.strip() for more in ((), (), ("--capital", "5000"))
    ]
    for run_id in (one, same, other):
        await call("stream", run_id)
    equal = await call("diff", one, same)
    assert (equal.returncode, equal.stdout[:20]) == (0, "The logs are equal: ")
    parted = await call("diff", one, other)
    first, *events = parted.stdout.splitlines()
    found = orjson.loads((await call("diff", one, other, "--json")).stdout)
    assert (parted.returncode, first) == (3, f"The logs part at event {found['at']}.")
    assert [line.split(":")[0].strip() for line in events] == [one, other]
    assert fails_with(await call("diff", one, "nobody"), 2, "GET /backtests lists those there are")
    window = ("--from", "2015-02-01", "--to", "2015-02-28", "--include", "equity_curve")
    curve = orjson.loads((await call("results", one, *window)).stdout)["equity_curve"]
    assert {row["timestamp"][:7] for row in curve} == {"2015-02"}


async def test_show_prints_the_request_and_the_box_that_run_prints(
    call: Call, glowback: Any
) -> None:
    options = (
        *PERIOD,
        "--symbols",
        "AAPL,SPY",
        "--strategy",
        "rsi",
        "--param",
        "lookback_period=9",
    )
    run_id = (await call("submit", *options)).stdout.strip()
    await call("stream", run_id)
    shown = (await call("show", run_id)).stdout
    assert "rsi lookback_period=9" in shown
    assert "2015-01-01 to 2020-12-31, resolution day" in shown
    box = glowback("run", "--data", "demo", *options).stdout
    assert "Sharpe ratio" in box
    assert shown.endswith(box)


async def test_the_request_that_show_prints_may_be_submitted_again(
    call: Call, tmp_path: Path
) -> None:
    run_id = (await call("submit", "--symbols", "SPY", *PERIOD, "--strategy", "rsi")).stdout.strip()
    request = orjson.loads((await call("show", run_id, "--json")).stdout)["request"]
    (tmp_path / "request.json").write_bytes(orjson.dumps(request))
    again = orjson.loads((await call("submit", "request.json", "--json")).stdout)
    repeated = orjson.loads((await call("show", again["run_id"], "--json")).stdout)
    assert repeated["request"] == request


async def test_a_list_tells_runs_apart(call: Call) -> None:
    strategy = ("--strategy", "ma_crossover", "--param", "short_period=3,long_period=33")
    run_id = (await call("submit", "--symbols", "AAPL", *PERIOD, *strategy)).stdout.strip()
    await call("stream", run_id)
    listed = await call("list")
    (line,) = (line for line in listed.stdout.splitlines() if run_id in line)
    assert "short_period=3 long_period=33" in line
    assert "AAPL; 2015-01-01 to 2020-12-31" in line
    metrics = orjson.loads((await call("results", run_id)).stdout)["metrics_summary"]
    assert f"{metrics['total_return']:+.2f} %" in line
    as_json = (await call("list", "--json")).stdout.splitlines()
    (document,) = (each for each in map(orjson.loads, as_json) if each["run_id"] == run_id)
    assert document["metrics_summary"] == metrics
    assert document["request"]["strategy"]["params"]["long_period"] == 33


async def test_what_a_restart_and_the_queue_do_with_a_run_is_told_by_options(call: Call) -> None:
    submit = ("submit", "--symbols", "AAPL", *PERIOD)
    run_id = (await call(*submit, "--on-restart", "rerun", "--priority", "-1")).stdout.strip()
    request = orjson.loads((await call("show", run_id, "--json")).stdout)["request"]
    assert (request["on_restart"], request["priority"]) == ("rerun", -1)
    assert fails_with(await call(*submit, "--priority", "101"), 2, "--priority: ")


async def test_a_run_is_labelled_edited_and_found(call: Call) -> None:
    labels = ("--name", "Slow one", "--tag", "trend,try", "--note", "As in 2019")
    run_id = (await call("submit", "--symbols", "AAPL", *PERIOD, *labels)).stdout.strip()
    shown = (await call("show", run_id)).stdout
    assert all(text in shown for text in ("Slow one", "trend, try", "As in 2019"))
    listed = (await call("list", "--tag", "try")).stdout.splitlines()
    (line,) = (line for line in listed if "#" in line)
    assert run_id in line
    assert "Slow one; #trend #try; " in line
    edited = await call("edit", run_id, "--name", "Fast one", "--no-tags")
    assert edited.stdout == f"{run_id} has name: Fast one; tags: none; note: As in 2019\n"
    as_json = orjson.loads(
        (await call("edit", run_id, "--tag", "a", "--note", "", "--json")).stdout
    )
    assert (as_json["name"], as_json["tags"], as_json["note"]) == ("Fast one", ["a"], "")
    assert run_id in (await call("list", "--q", "fast", "--symbol", "AAPL")).stdout
    none = await call("list", "--tag", "try")
    assert none.stdout == "The server has no such runs.\n"
    assert fails_with(await call("edit", run_id, "--tag", "x", "--no-tags"), 2, "--no-tags: Give")
    assert fails_with(await call("edit", run_id, "--name", "x" * 129), 2, "--name: Input should")
    assert fails_with(await call("list", "--since", "yesterday"), 2, "--since: Input")


@pytest.mark.parametrize(
    "command", ["show", "results", "edit", "pause", "resume", "cancel", "delete", "watch"]
)
async def test_an_unknown_run_is_one_line_and_1(command: str, call: Call) -> None:
    refused = await call(command, "no-such-run")
    assert fails_with(refused, 1, "Run not found")
    assert "`glowback-trio list` shows what it has" in refused.stderr


@pytest.mark.parametrize("command", [("show", "x"), ("list",), ("submit", "--symbols", "SPY")])
async def test_a_wrong_key_and_an_unreachable_server_are_one_line_and_1(
    command: tuple[str, ...], call: Call
) -> None:
    period = PERIOD if command[0] == "submit" else ()
    refused = await call(*command, *period, "--api-key", "wrong")
    assert fails_with(refused, 1, "401: Invalid API key")
    assert "--api-key or GLOWBACK_API_KEY" in refused.stderr
    absent = await call(*command, *period, GLOWBACK_URL="http://127.0.0.1:1")
    assert fails_with(absent, 1, "http://127.0.0.1:1")
    assert "is the server running? Start one by `glowback-trio serve`" in absent.stderr
