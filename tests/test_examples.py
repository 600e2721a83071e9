"""The examples run as a stranger runs them: as programs, from another directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import glowback_trio

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_embedding_example_runs_and_says_what_it_did(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}
    program = subprocess.run(
        [sys.executable, str(EXAMPLES / "embed.py")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        timeout=60,
        check=True,
    )
    lines = program.stdout.splitlines()
    assert lines[0] == "1 state "
    assert [line.split()[-1] for line in lines if " progress " in line][-1] == "1.0"
    assert lines[-2].startswith("return ")
    assert lines[-1] == "the other run was cancelled: seen enough"
    assert program.stderr == ""
    assert list(tmp_path.iterdir()) == []
