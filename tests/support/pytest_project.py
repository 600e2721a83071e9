"""A project of somebody else's, in a directory of its own, whose tests a real pytest runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import glowback_trio

__all__ = ["PLUGIN", "Project", "Result"]

PLUGIN = "glowback_trio.testing.plugin"
# pytest writes other summaries where it sees one of these (a failure whole, in place of its first
# words), so what a test counts in the output would depend on who runs it.
SEEN_BY_PYTEST = ("CI", "BUILD_NUMBER", "PYTEST_ADDOPTS")


@dataclass(frozen=True)
class Result:
    """What a run of pytest ended with."""

    code: int
    text: str

    @property
    def counts(self) -> dict[str, int]:
        """How many tests passed, failed, and so on."""
        last = self.text.rstrip().splitlines()[-1]
        return {word: int(count) for count, word in re.findall(r"(\d+) ([a-z]+)", last)}

    @property
    def tokens(self) -> list[str]:
        """The tokens of the commands that replay."""
        return re.findall(r"--sim-replay (\S+)", self.text)


class Project:
    """A directory with tests.

    Args:
        directory: Where it is.
        plugins: The plugins of the runs; no other is loaded.
    """

    def __init__(self, directory: Path, *plugins: str) -> None:
        self.directory = directory
        self.plugins = plugins or (PLUGIN,)

    def write(self, source: str, name: str = "test_it.py") -> None:
        """Write a file of tests."""
        head = "import pytest\nimport trio\n\n\n"
        (self.directory / name).write_text(head + dedent(source), encoding="utf-8")

    def run(self, *words: str) -> Result:
        """Run pytest."""
        loaded = [word for each in self.plugins for word in ("-p", each)]
        program = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *loaded, *words],
            cwd=self.directory,
            env={
                **{k: v for k, v in os.environ.items() if k not in SEEN_BY_PYTEST},
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
                "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1]),
                "COLUMNS": "200",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Result(program.returncode, program.stdout + program.stderr)

    def kept(self) -> list[str]:
        """Return the tokens in `.sim-regressions/`."""
        files = sorted((self.directory / ".sim-regressions").glob("*"))
        lines = [line for each in files for line in each.read_text().splitlines()]
        return [each for each in lines if not each.startswith("#")]
