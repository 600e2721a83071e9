"""Run benchmarks and compare their ratios with those that are committed.

    python benchmarks/check.py [--record] [program ...]

A ratio may be worse by 15 %, for no two runs are alike; beyond that the check fails and names it.
`--record` writes what was measured instead. Without names every program with committed ratios runs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ratios import FILE_SETTING

HERE = Path(__file__).parent
COMMITTED = HERE / "ratios.json"
TOLERANCE = 0.15
#: The programs' options that leave out what has no ratio.
OPTIONS: Mapping[str, Sequence[str]] = {"growth": ("--quick",)}


def measured(program: str) -> dict[str, float]:
    """Run a program and return its ratios."""
    with tempfile.NamedTemporaryFile() as file:
        command = [sys.executable, str(HERE / f"{program}.py"), *OPTIONS.get(program, ())]
        environment = {**os.environ, FILE_SETTING: file.name}
        subprocess.run(command, check=True, env=environment)
        return dict(json.loads(line) for line in Path(file.name).read_text("utf-8").splitlines())


def worse(found: Mapping[str, float], committed: Mapping[str, float]) -> list[str]:
    """Say which ratios are worse than they may be, or were not measured."""
    complaints = []
    for name, least in committed.items():
        if name not in found:
            complaints.append(f"{name} was not measured")
        elif found[name] < least * (1 - TOLERANCE):
            complaints.append(f"{name} is {found[name]:.3g}, {found[name] / least:.0%} of {least}")
    return complaints


def main(programs: Sequence[str], *, record: bool) -> int:
    """Measure, then compare or write; return how many ratios are worse than they may be."""
    committed: dict[str, float] = json.loads(COMMITTED.read_text("utf-8"))
    programs = programs or sorted({name.partition(".")[0] for name in committed})
    found = {name: ratio for program in programs for name, ratio in measured(program).items()}
    if record:
        rounded = {name: float(f"{ratio:.3g}") for name, ratio in found.items()}
        text = json.dumps({**committed, **rounded}, indent=2, sort_keys=True)
        COMMITTED.write_text(text + "\n", "utf-8")
        return 0
    expected = {name: v for name, v in committed.items() if name.partition(".")[0] in programs}
    complaints = worse(found, expected)
    print(
        *complaints or [f"{len(expected)} ratios are as good as those that are committed"], sep="\n"
    )
    return len(complaints)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()
    sys.exit(main(options.programs, record=options.record))
