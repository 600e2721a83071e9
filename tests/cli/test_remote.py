"""The commands that talk to a server: submit, list, show, results and cancel.

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


async def test_a_request_repeated_with_its_key_starts_one_run(call: Call) -> None:
    command = ("submit", "--symbols", "SPY", *PERIOD, "--idempotency-key", "once")
    assert (await call(*command)).stdout == (await call(*command)).stdout


async def test_problems_found_by_the_server_are_printed_with_their_paths(call: Call) -> None:
    refused = await call("submit", "--symbols", "SPYY,AAPLE", *PERIOD)
    assert refused.returncode == 2
    paths = [line.split(": ")[1] for line in refused.stderr.splitlines()]
    assert paths == ["symbols.0", "symbols.1"]


async def test_a_run_is_shown_listed_and_cancelled(call: Call, server: Any) -> None:
    run_id = await server.submit(stream={"pace_bars_per_s": 1e-6})
    shown = await call("show", run_id)
    assert run_id in shown.stdout
    assert "running 0%" in shown.stdout
    assert "AAPL" in shown.stdout
    listed = await call("list", "--state", "running")
    (line,) = (line for line in listed.stdout.splitlines() if run_id in line)
    assert "running 0%" in line
    assert fails_with(await call("results", run_id), 1, "Results not ready")
    assert (await call("cancel", run_id)).returncode == 0
    assert fails_with(await call("stream", run_id, "--types", "trade"), 1, "Run cancelled")
    assert fails_with(await call("results", run_id), 1, "Run cancelled: cancelled by a client")
    as_json = (await call("list", "--json", "--limit", "200")).stdout.splitlines()
    states = {status["run_id"]: status["state"] for status in map(orjson.loads, as_json)}
    assert states[run_id] == "cancelled"
    assert (await call("cancel", run_id)).returncode == 0


@pytest.mark.parametrize("command", ["show", "results", "cancel"])
async def test_an_unknown_run_is_one_line_and_1(command: str, call: Call) -> None:
    assert fails_with(await call(command, "no-such-run"), 1, "Run not found")


@pytest.mark.parametrize("command", [("show", "x"), ("list",), ("submit", "--symbols", "SPY")])
async def test_a_wrong_key_and_an_unreachable_server_are_one_line_and_1(
    command: tuple[str, ...], call: Call
) -> None:
    period = PERIOD if command[0] == "submit" else ()
    refused = await call(*command, *period, "--api-key", "wrong")
    assert fails_with(refused, 1, "401: Invalid API key")
    absent = await call(*command, *period, GLOWBACK_URL="http://127.0.0.1:1")
    assert fails_with(absent, 1, "http://127.0.0.1:1")
