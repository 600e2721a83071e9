"""`stream`: every event is printed once and in order, whatever happens to connections.

Rule: the command is a process, the server is behind a proxy that cuts connections after any byte,
and what is printed equals the run's log.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio
from support.cutting_proxy import open_cutting_proxy
from support.forked_command import ForkedCommand

from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]
Output = trio.abc.ReceiveStream
OpenStream = Callable[[str], Awaitable[tuple[trio.Process, Output, Output]]]


@pytest.fixture
def stream(
    environment: dict[str, str], tmp_path: Path, forked_command: ForkedCommand
) -> Callable[..., Any]:
    """Stream a run to its end in a process of its own."""

    async def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        return await forked_command.run_in_thread(
            ["stream", *arguments],
            cwd=tmp_path,
            env={**environment, "GLOWBACK_API_KEY": "first,second"},
        )

    return run


@pytest.fixture
def open_stream(server: Any, environment: dict[str, str], tmp_path: Path) -> OpenStream:
    """Start streaming a run; return the process, its stdout and its stderr."""

    async def start(run_id: str) -> tuple[trio.Process, Output, Output]:
        command = ["stream", run_id, "--url", server.url, "--api-key", "first"]
        process = await trio.lowlevel.open_process(
            [sys.executable, "-m", "glowback_trio", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        return process, process.stdout, process.stderr

    return start


async def test_a_stream_that_is_cut_again_and_again_is_whole(
    server: Any, stream: Callable[..., Any]
) -> None:
    async with open_cutting_proxy(server.url, [9_000] * 4) as (proxy, _cuts):
        run_id = await server.submit()
        ended = await stream(run_id, "--url", proxy)
        lines = ended.stdout.splitlines()
        assert ended.returncode == 0
        assert lines == await server.log(run_id)
        assert ended.stderr.decode().count("resuming after event") == 4
    fields = [orjson.loads(line) for line in lines]
    assert_sound([Event(f["event_id"], f["type"], d) for f, d in zip(fields, lines, strict=True)])


async def test_a_restarted_server_is_waited_for(server: Any, stream: Callable[..., Any]) -> None:
    async with open_cutting_proxy(server.url, [0] * 3) as (proxy, _cuts):
        run_id = await server.submit(stream={"metrics_every": 0, "trades": False})
        ended = await stream(run_id, "--url", proxy)
        assert ended.returncode == 0
        assert ended.stdout.splitlines() == await server.log(run_id)
        assert ended.stderr.decode().count("resuming after event 0") == 3


async def test_it_prints_only_what_comes_after_the_last_event_known(
    server: Any, stream: Callable[..., Any]
) -> None:
    run_id = await server.submit()
    whole = await stream(run_id, "--url", server.url)
    newest = len(whole.stdout.splitlines())
    rest = await stream(run_id, "--url", server.url, "--last-event-id", str(newest - 2))
    nothing = await stream(run_id, "--url", server.url, "--last-event-id", str(newest))
    assert rest.stdout.splitlines() == whole.stdout.splitlines()[-2:]
    assert (nothing.returncode, nothing.stdout) == (0, b"")
    assert b"it has no events after" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no-such-run"], "Run not found"),
        (["../backtests"], "Run not found"),
        (["{run_id}", "--last-event-id", "9999"], "ahead of the log; --last-event-id should be"),
        (["{run_id}", "--api-key", "wrong"], "401"),
        (["{run_id}"], "Run failed: AAPL has no bars"),
    ],
)
async def test_a_stream_without_a_completed_run_is_one_line_and_1(
    arguments: list[str],
    sentence: str,
    server: Any,
    stream: Callable[..., Any],
) -> None:
    run_id = await server.submit(start_date="2030-01-01", end_date="2030-12-31")
    filled = [argument.format(run_id=run_id) for argument in arguments]
    ended = await stream(*filled, "--url", server.url)
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert line.startswith("error: ")
    assert sentence in line


def test_a_server_that_stays_away_is_given_up_with_one_line(glowback: Glowback) -> None:
    ended = glowback("stream", "x", "--url", "http://127.0.0.1:1", "--retry-for", "0")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: no connection: ")


async def test_a_closed_stdout_ends_it_silently(server: Any, open_stream: OpenStream) -> None:
    run_id = await server.submit()
    process, stdout, stderr = await open_stream(run_id)
    await stdout.aclose()
    async with stderr:
        with trio.fail_after(30):
            assert await process.wait() == 1
        assert await stderr.receive_some() == b""


async def test_an_interrupt_ends_it_quietly_with_130(server: Any, open_stream: OpenStream) -> None:
    run_id = await server.submit(stream={"pace_bars_per_s": 1})
    process, stdout, stderr = await open_stream(run_id)
    async with stdout, stderr:
        await stdout.receive_some()
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 130
        assert await stderr.receive_some() == b""
