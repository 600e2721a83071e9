"""The real program on files that it must refuse, or must make the best of.

Rule: the files are made as accidents make them: by a newer version, by lost first bytes, by a
clock that is put back. What is said and what is left of them is looked at through the command
line and over HTTP.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import trio

from glowback_trio import (
    BacktestRequest,
    Event,
    InlineCompute,
    SqliteStore,
    State,
    Stream,
    open_gateway,
)
from glowback_trio.model.invariants import assert_sound
from glowback_trio.store.sqlite.database import connect

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

REQUEST = BacktestRequest(symbols=["AAPL"], start_date="2018-01-01", end_date="2020-12-31")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with a completed run."""
    path = tmp_path / "runs.sqlite"

    async def live() -> None:
        async with open_gateway(store=SqliteStore(path), compute=InlineCompute()) as gateway:
            await gateway.submit(REQUEST).wait_finished()

    trio.run(live)
    return path


COMMANDS = [["serve", "--port", "0"], ["store", "check"], ["store", "compact"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_of_a_newer_version_is_refused_by_every_command_and_left_as_it_is(
    path: Path, command: list[str], glowback: Glowback
) -> None:
    with closing(connect(path)) as connection:
        connection.pragma("user_version", 999)
    before = path.read_bytes()
    done = glowback(*command, "--store", f"sqlite:{path}")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has version 999, and this package knows versions up to" in done.stderr
    assert path.read_bytes() == before


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_file_whose_first_bytes_are_gone_is_refused_by_every_command_and_left_as_it_is(
    path: Path, command: list[str], glowback: Glowback
) -> None:
    damaged = b"\xff" * 100 + path.read_bytes()[100:]
    path.write_bytes(damaged)
    done = glowback(*command, "--store", f"sqlite:{path}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "it is no SQLite database" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert path.read_bytes() == damaged


@pytest.fixture
def told_in_the_future(tmp_path: Path) -> list[Event]:
    """The beginning of a run that was interrupted while the machine's clock was years ahead."""
    # In a loop of its own: the server of the test starts before anything asynchronous does.
    return trio.run(tell_in_the_future, tmp_path)


async def tell_in_the_future(tmp_path: Path) -> list[Event]:
    store = SqliteStore(tmp_path / "ahead.sqlite")
    request = BacktestRequest(
        symbols=["AAPL"],
        start_date="2018-01-01",
        end_date="2018-02-01",
        stream=Stream(pace_bars_per_s=0.01, metrics_every=1),
    )
    ahead = datetime(2099, 1, 1, tzinfo=UTC)
    async with open_gateway(store=store, compute=InlineCompute(), clock=lambda: ahead) as gateway:
        run = gateway.submit(request)
        with run.subscribe() as events:
            told = [await anext(events) for _ in range(3)]
        (tmp_path / "glowback-trio").mkdir()
        for suffix in ("", "-wal"):
            # A kill leaves these files.
            copy = tmp_path / "glowback-trio" / f"runs.sqlite{suffix}"
            await trio.to_thread.run_sync(shutil.copy, f"{store.path}{suffix}", copy)
    return told


async def test_a_clock_that_was_put_back_dates_nothing_before_what_came_before_it(
    told_in_the_future: list[Event], own_server: Any, glowback: Glowback
) -> None:
    run_id = told_in_the_future[0].decode()["run_id"]
    lines = await own_server.log(run_id)
    assert lines[:3] == [event.data for event in told_in_the_future]
    assert_sound(
        [Event(n, orjson.loads(line)["type"], line) for n, line in enumerate(lines, start=1)]
    )
    end = orjson.loads(lines[-1])
    assert end["payload"]["state"] == State.FAILED
    assert end["timestamp"].startswith("2099-01-01")
    newer = await own_server.submit()
    listed = glowback("list", "--json", GLOWBACK_URL=own_server.url, GLOWBACK_API_KEY="second")
    assert listed.stdout.index(newer) < listed.stdout.index(run_id), listed.stdout
