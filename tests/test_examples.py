"""The examples, run as a user runs them: as programs, from another directory.

Rule: an example prints what its docstring promises, leaves no file behind and writes no warning.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import glowback_trio

EXAMPLES = Path(__file__).parents[1] / "examples"


def printed_by(example: str, directory: Path) -> list[str]:
    """Run an example and return what it printed, which must be all that it did."""
    environment = {**os.environ, "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}
    program = subprocess.run(
        [sys.executable, str(EXAMPLES / example)],
        capture_output=True,
        text=True,
        cwd=directory,
        env=environment,
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
