"""`watch`, in a terminal, a pipe and as JSON, and `list` in a terminal.

Rule: server and command are processes of their own; the terminal is a pseudo-terminal of 80
columns, whose screen is judged by what was written to it.
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import trio
from support.cutting_proxy import open_cutting_proxy
from support.forked_command import ForkedCommand

Watch = Callable[..., Awaitable["subprocess.CompletedProcess[bytes]"]]

COLUMNS = 80
KEY = {"X-API-Key": "first"}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def watch(
    environment: dict[str, str], tmp_path: Path, forked_command: ForkedCommand, server: Any
) -> Watch:
    """Watch a run to its end in a process of its own, without a terminal."""

    async def run(*arguments: str, url: str = server.url) -> subprocess.CompletedProcess[bytes]:
        return await forked_command.run_in_thread(
            ["watch", *arguments, "--url", url],
            cwd=tmp_path,
            env={**environment, "GLOWBACK_API_KEY": "first"},
        )

    return run


async def test_in_a_pipe_a_line_is_printed_at_every_tenth_and_then_the_summary(
    server: Any, watch: Watch
) -> None:
    ended = await watch(await server.submit())
    lines = ended.stdout.decode().splitlines()
    assert ended.returncode == 0
    assert [line[10:16].strip() for line in lines[:10]] == [f"{n}0%" for n in range(1, 11)]
    assert lines[9].startswith("2020-12-31  100%  equity ")
    assert any("Sharpe ratio" in line for line in lines)
    assert b"\x1b" not in ended.stdout


async def test_as_json_every_line_has_the_same_fields_and_the_last_one_the_end(
    server: Any, watch: Watch
) -> None:
    run_id = await server.submit()
    ended = await watch(run_id, "--json")
    views = [orjson.loads(line) for line in ended.stdout.splitlines()]
    fields = (
        "run_id",
        "state",
        "paused",
        "progress",
        "bar_time",
        "equity",
        "fills",
        "log",
        "error",
    )
    assert {tuple(view) for view in views} == {fields}
    assert [view["state"] for view in views][:2] == ["queued", "running"]
    assert (views[-1]["state"], views[-1]["progress"], views[-1]["run_id"]) == (
        "completed",
        1.0,
        run_id,
    )
    assert views[-1]["equity"] > 0


async def test_a_lost_connection_is_resumed_and_noted_on_stderr(server: Any, watch: Watch) -> None:
    run_id = await server.submit()
    whole = await watch(run_id, "--json")
    async with open_cutting_proxy(server.url, [9_000, 9_000, 0]) as (proxy, _cuts):
        # The first request asks for the status.
        cut = await watch(run_id, "--json", url=proxy)
    assert cut.stdout == whole.stdout
    assert b"resuming after event" in cut.stderr


async def test_a_pause_is_seen_although_no_event_says_it(
    server: Any, environment: dict[str, str]
) -> None:
    run_id = await server.submit(stream={"pace_bars_per_s": 0.001})
    command = ["watch", run_id, "--json", "--url", server.url, "--api-key", "first"]
    async with httpx2.AsyncClient(base_url=f"{server.url}/backtests/{run_id}", headers=KEY) as http:
        await http.post("/pause")
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "glowback_trio", *command],
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert process.stdout is not None
        written = b""
        with trio.fail_after(30):
            async with process.stdout as stdout:
                async for chunk in stdout:
                    if not written:
                        await http.post("/resume")
                    written += chunk
                    views = [orjson.loads(line) for line in written.splitlines()]
                    if not views[-1]["paused"] and any(view["paused"] for view in views):
                        await http.post("/cancel")
            assert await process.wait() == 1
    paused = [view["paused"] for view in views]
    assert paused[0]
    assert not paused[-1]
    assert views[-1]["state"] == "cancelled"


async def test_a_run_that_failed_says_so_and_the_exit_code_is_1(server: Any, watch: Watch) -> None:
    run_id = await server.submit(start_date="2030-01-01", end_date="2030-12-31")
    ended = await watch(run_id)
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"error: Run failed: AAPL has no bars")


async def test_on_a_terminal_progress_and_equity_are_drawn_within_its_width(
    server: Any, environment: dict[str, str]
) -> None:
    run_id = await server.submit(stream={"pace_bars_per_s": 2000})
    code, written = await trio.to_thread.run_sync(
        on_terminal, ["watch", run_id, "--url", server.url, "--api-key", "first"], environment
    )
    lines = [ESCAPES.sub("", line) for line in re.split(r"[\r\n]+", written)]
    assert code == 0
    assert any("equity" in line and "fill" in line for line in lines)
    assert any(re.search(r"━.*\d%", line) for line in lines)
    assert any("Sharpe ratio" in line for line in lines)
    assert max(map(len, lines)) <= COLUMNS


async def test_a_list_on_a_terminal_has_two_lines_per_run_that_fit_its_width(
    server: Any, environment: dict[str, str]
) -> None:
    run_id = await server.submit(strategy={"name": "rsi", "params": {"lookback_period": 21}})
    address = ["--url", server.url, "--api-key", "first"]
    await trio.to_thread.run_sync(on_terminal, ["watch", run_id, *address], environment)
    code, written = await trio.to_thread.run_sync(on_terminal, ["list", *address], environment)
    lines = [ESCAPES.sub("", line) for line in written.splitlines()]
    (at,) = (index for index, line in enumerate(lines) if run_id in line)
    assert code == 0
    assert re.search(r"completed +\d{4}-\d\d-\d\d \d\d:\d\dZ +[+-]\d+\.\d\d %$", lines[at])
    assert len(lines[at]) <= COLUMNS
    assert lines[at + 1].startswith("  rsi lookback_period=21 ")


def on_terminal(arguments: list[str], environment: dict[str, str]) -> tuple[int, str]:
    """Run a command on a pseudo-terminal; return its exit code and what it wrote."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, COLUMNS))
    env = {name: value for name, value in environment.items() if name != "COLUMNS"}
    with subprocess.Popen(
        [sys.executable, "-m", "glowback_trio", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**env, "TERM": "xterm-256color"},
    ) as process:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:  # Linux says that the other end has been closed
            pass
        os.close(ours)
        return process.wait(), written.decode()
