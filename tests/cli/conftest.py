"""The command line as its users have it: a process, in an empty directory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import glowback_trio

Glowback = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment without whatever the machine says about this program or its terminal."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("GLOWBACK_", "FORCE_"))}
    # The package under test, wherever it lies, is found from any directory.
    found = {"PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}
    return {**kept, **found, "COLUMNS": "100", "PYTHONUTF8": "1", "PYTHONWARNINGS": "error"}


@pytest.fixture
def glowback(tmp_path: Path, environment: dict[str, str]) -> Glowback:
    """Run one command to its end and hold what it printed."""

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "glowback_trio", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**environment, **variables},
            timeout=60,
            check=False,
        )

    return run
