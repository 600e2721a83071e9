"""Ratios that a benchmark has found, for people to read and for `check.py` to compare."""

from __future__ import annotations

import json
import os
from pathlib import Path

__all__ = ["FILE_SETTING", "note"]

#: The environment variable with the file that ratios are added to.
FILE_SETTING = "GLOWBACK_BENCH_RATIOS"


def note(name: str, ratio: float) -> None:
    """Print a ratio that may not become worse, and add it to the file, if there is one.

    Ratios are of figures that were measured in turn in one run, so they say the same on any
    machine. Greater is better; for a growth exponent it is the inverse of what is printed.

    Args:
        name: The program, the case and the peer, such as `rest.healthz.uvicorn_standard`.
        ratio: How many times better ours is than the other.
    """
    print(f"    ratio {name} {ratio:.3g}", flush=True)
    if file := os.environ.get(FILE_SETTING):
        with Path(file).open("a", encoding="utf-8") as out:
            out.write(json.dumps([name, ratio]) + "\n")
