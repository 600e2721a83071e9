"""A server that is killed and started again, as its command-line clients see it.

Rule: real processes, because a kill leaves no code to run.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

import glowback_trio

GLOWBACK = [sys.executable, "-m", "glowback_trio"]
SLOW = ["--symbols", "AAPL", "--start", "2024-01-02", "--end", "2024-03-29"]


@pytest.fixture
def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GLOWBACK_")}
    return {**kept, "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}


@contextmanager
def served(port: str, environment: dict[str, str]) -> Iterator[str]:
    """Serve on a port, 0 for any, and kill the server at the end."""
    command = [*GLOWBACK, "serve", "--port", port, "--log-level", "ERROR", "--store", "memory"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield line_of(process.stdout).removeprefix("listening on ").strip()
        finally:
            process.kill()


def line_of(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def test_a_client_following_a_run_of_a_killed_server_learns_why_it_is_gone(
    environment: dict[str, str],
) -> None:
    with served("0", environment) as url:
        environment["GLOWBACK_URL"] = url
        submit = [*GLOWBACK, "submit", *SLOW]
        run_id = subprocess.check_output(submit, text=True, env=environment).strip()
    with served(url.rpartition(":")[2], environment):
        for command in ("stream", "show"):
            ended = subprocess.run(
                [*GLOWBACK, command, run_id],
                capture_output=True,
                text=True,
                env=environment,
                check=False,
            )
            assert (ended.returncode, ended.stdout) == (1, "")
            assert ended.stderr == (
                f"error: Run not found; it was deleted, or {url} no longer keeps it, "
                "as its --store and --keep options say: `glowback-trio list` shows what it has\n"
            )
