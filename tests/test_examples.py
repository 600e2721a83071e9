"""The examples, run as a user runs them: as programs, from another directory.

Rule: an example prints what its docstring promises, leaves no file behind and writes no warning.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from support.cutting_proxy import open_cutting_proxy
from support.pytest_project import Project
from support.served import TWO_YEARS, completed, serving_on

import glowback_trio
from glowback_trio import open_gateway

EXAMPLES = Path(__file__).parents[1] / "examples"


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}


def printed_by(example: str, directory: Path) -> list[str]:
    """Run an example and return what it printed, which must be all that it did."""
    program = subprocess.run(
        [sys.executable, str(EXAMPLES / example)],
        capture_output=True,
        text=True,
        cwd=directory,
        env=ENVIRONMENT,
        timeout=60,
        check=True,
    )
    assert program.stderr == ""
    assert list(directory.iterdir()) == []
    return program.stdout.splitlines()


def test_the_embedding_example_runs_and_says_what_it_did(tmp_path: Path) -> None:
    lines = printed_by("embed.py", tmp_path)
    assert lines[0] == "1 state "
    assert [line.split()[-1] for line in lines if " progress " in line][-1] == "1.0"
    assert lines[-2].startswith("return ")
    assert lines[-1] == "the other run was cancelled: seen enough"


def test_the_custom_strategy_gives_what_its_built_in_twin_gives(tmp_path: Path) -> None:
    finals = dict(line.split(": ") for line in printed_by("custom_strategy.py", tmp_path))
    assert finals["Crossing Means"] == finals["Moving Average Crossover"]
    assert {"Breakout", "Buy the Dip"} < finals.keys()


def test_the_example_of_threads_runs_backtests_from_asyncio(tmp_path: Path) -> None:
    lines = printed_by("threads.py", tmp_path)
    assert [line.split(":")[0] for line in lines] == ["MaCrossover", "Rsi"]
    assert all(line.endswith(" %") for line in lines)


async def watch(*words: str) -> tuple[int, str, str]:
    """Run the example that watches, and return its exit code and what it printed."""
    command = [sys.executable, str(EXAMPLES / "watch.py"), *words]
    run = partial(trio.run_process, capture_stdout=True, capture_stderr=True, check=False)
    with trio.fail_after(60):
        done = await run(command, env=ENVIRONMENT)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


async def test_the_example_that_watches_says_when_it_reconnects(nursery: trio.Nursery) -> None:
    async with open_gateway(data="demo") as gateway:
        run = await completed(gateway, TWO_YEARS)
        url = await serving_on(gateway, nursery, log_level="ERROR")()
        async with open_cutting_proxy(url, [20_000, 30_000]) as (proxy, cuts):
            code, printed, noted = await watch(proxy, run.run_id)
        assert (code, cuts.made) == (0, 2)
        lines = printed.splitlines()
        assert [line.split()[0] for line in lines] == [
            str(number) for number in range(1, run.status.event_count + 1)
        ]
        assert noted.count("; resuming after event ") == len(noted.splitlines()) == 2
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Watch a run across lost connections: python watch.py http://HOST:PORT RUN_ID."),
        (("localhost", "x"), "error: url: Input should be a server's URL"),
    ],
)
async def test_the_example_that_watches_ends_in_a_sentence_and_no_traceback(
    words: tuple[str, ...], sentence: str
) -> None:
    code, printed, noted = await watch(*words)
    assert (code, printed) == (1, "")
    assert noted.startswith(sentence)
    assert len(noted.splitlines()) == 1


def copied(directory: Path, *changes: tuple[str, str]) -> Project:
    """Copy the example for pytest into an empty project, with changes."""
    source = (EXAMPLES / "test_my_client.py").read_text()
    for before, after in changes:
        assert before in source
        source = source.replace(before, after)
    (directory / "test_my_client.py").write_text(source)
    return Project(directory)


def test_the_example_for_pytest_passes_in_an_empty_project(tmp_path: Path) -> None:
    done = copied(tmp_path).run()
    assert (done.code, done.counts) == (0, {"passed": 3}), done.text
    assert [each.name for each in tmp_path.iterdir() if each.name != "__pycache__"] == [
        "test_my_client.py"
    ]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("self._server.send_from, len(self.received), ", "self._server.send_from, 0, "),
        ("            finally:\n                self", "            finally:\n                _"),
        ("number == len(self.events)", "number <= len(self.events)"),
    ],
)
def test_a_fault_in_the_example_is_found_and_its_token_repeats_it(
    tmp_path: Path, before: str, after: str
) -> None:
    project = copied(tmp_path, (before, after))
    found = project.run("-x")
    assert found.code == 1
    (token,) = found.tokens
    (node,) = re.findall(r"^FAILED (\S+)", found.text, re.MULTILINE)
    assert project.run(node, "--sim-replay", token).tokens == [token]
