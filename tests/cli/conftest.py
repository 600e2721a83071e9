"""The command line as its users run it: a process of its own, in an empty directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from attrs import frozen
from support.forked_command import ForkedCommand, open_forked_command
from support.stalls import stalls_in_log

import glowback_trio

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]

KEY = {"X-API-Key": "second"}


def clean_environment() -> dict[str, str]:
    """Return the environment without variables that change this program or its output."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GLOWBACK_", "FORCE_"))}
    # Commands run in another directory, and must still import the package under test.
    found = {"PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}
    # Commands that serve start one worker only, since many of them run at the same time.
    one = {"GLOWBACK_WORKERS": "1"}
    return {**kept, **found, **one, "COLUMNS": "100", "PYTHONUTF8": "1", "PYTHONWARNINGS": "error"}


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment variables of commands."""
    return clean_environment()


@pytest.fixture(scope="session")
def forked_command() -> Iterator[ForkedCommand]:
    """Import the commands once for all tests of a worker."""
    with open_forked_command(clean_environment()) as command:
        yield command


def as_text(ended: subprocess.CompletedProcess[bytes]) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess(
        ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode()
    )


@pytest.fixture
def glowback(
    tmp_path: Path, environment: dict[str, str], forked_command: ForkedCommand
) -> Glowback:
    """Run one command to its end and return what it printed."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {"XDG_DATA_HOME": str(tmp_path / "home"), **environment, **variables}
        if not any(name.startswith("PYTHON") for name in variables):
            return as_text(forked_command.run(arguments, cwd=tmp_path, env=env))
        return subprocess.run(  # Python reads such variables only when it starts
            [sys.executable, "-m", "glowback_trio", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=env,
            timeout=60,
            check=False,
        )

    return run


@frozen
class Server:
    """A server in a process of its own."""

    url: str
    process: subprocess.Popen[bytes]

    async def submit(self, **fields: object) -> str:
        """Post a backtest on the shipped prices and return its id."""
        request = {"symbols": ["AAPL"], "start_date": "2015-01-01", "end_date": "2020-12-31"}
        async with httpx2.AsyncClient(base_url=self.url) as client:
            answer = await client.post("/backtests", json={**request, **fields}, headers=KEY)
        run_id: str = answer.json()["run_id"]
        return run_id

    async def log(self, run_id: str) -> list[bytes]:
        """Return the run's stored events as their exact bytes."""
        async with httpx2.AsyncClient(base_url=self.url) as client:
            answer = await client.get(
                f"/backtests/{run_id}/events",
                headers={**KEY, "Accept": "application/x-ndjson"},
            )
        return answer.content.splitlines()


@contextmanager
def open_server(directory: Path, environment: dict[str, str], *flags: str) -> Iterator[Server]:
    command = [sys.executable, "-m", "glowback_trio", "serve", "--port", "0", "--data", "demo"]
    # The default store is in a directory of the user's, which is another one for each server.
    data_home = {"XDG_DATA_HOME": str(directory)}
    keys = {**environment, **data_home, "GLOWBACK_API_KEY": "first,second"}
    with (
        (directory / "serve.log").open("wb") as log,
        subprocess.Popen(
            [*command, *flags], stdout=subprocess.PIPE, stderr=log, cwd=directory, env=keys
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline().decode()
            assert line.startswith("listening on "), line
            yield Server(line.removeprefix("listening on ").strip(), process)
        finally:
            process.kill()
    assert stalls_in_log((directory / "serve.log").read_text()) == []


@pytest.fixture
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Serve the shipped prices on a free port; a test may name flags as the parameter."""
    with open_server(tmp_path, clean_environment(), *getattr(request, "param", ())) as served:
        yield served


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server shared by tests that leave it unchanged."""
    with open_server(tmp_path_factory.mktemp("served"), clean_environment()) as served:
        yield served
