"""Run benchmarks and compare their ratios with those that are committed.

    python benchmarks/check.py [--record [--times N]] [program ...]

A ratio may be worse by 15 %, for no two runs are alike; beyond that the check fails and names it.
`--record` writes what was measured instead: of each ratio the median of `--times` runs, and beside
it what those runs differ by, where that is more than 15 %, which it may then be worse by. A ratio
whose runs differ by more than half of it is named and not written: it would never fail. Without
names every program with committed ratios runs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import frozen
from ratios import FILE_SETTING

HERE = Path(__file__).parent
COMMITTED = HERE / "ratios.json"
TOLERANCE = 0.15
MOST_TOLERANCE = 0.5
#: The programs' options that leave out what has no ratio.
OPTIONS: Mapping[str, Sequence[str]] = {"growth": ("--quick",)}


@frozen
class Least:
    """A committed ratio, and the part by which it may be worse."""

    ratio: float
    tolerance: float = TOLERANCE

    @classmethod
    def read(cls, document: float | Mapping[str, float]) -> Least:
        """Read a number, or an object where more than the usual part is tolerated."""
        return cls(**document) if isinstance(document, Mapping) else cls(document)

    @classmethod
    def of(cls, ratios: Sequence[float]) -> Least:
        """Return the median of several runs; they show how much noise there is."""
        median = statistics.median(ratios)
        spread = (max(ratios) - min(ratios)) / median
        return cls(float(f"{median:.3g}"), max(TOLERANCE, math.ceil(spread * 20) / 20))

    def written(self) -> float | Mapping[str, float]:
        """Write what `read` reads."""
        if self.tolerance == TOLERANCE:
            return self.ratio
        return {"ratio": self.ratio, "tolerance": self.tolerance}


def committed_ratios() -> dict[str, Least]:
    """Read the committed ratios by name."""
    text = COMMITTED.read_text("utf-8")
    return {name: Least.read(one) for name, one in json.loads(text).items()}


def measured(program: str) -> dict[str, float]:
    """Run a program and return its ratios."""
    with tempfile.NamedTemporaryFile() as file:
        command = [sys.executable, str(HERE / f"{program}.py"), *OPTIONS.get(program, ())]
        environment = {**os.environ, FILE_SETTING: file.name}
        subprocess.run(command, check=True, env=environment)
        return dict(json.loads(line) for line in Path(file.name).read_text("utf-8").splitlines())


def worse(found: Mapping[str, float], committed: Mapping[str, Least]) -> list[str]:
    """Say which ratios are worse than they may be, or were not measured."""
    complaints = []
    for name, least in committed.items():
        if name not in found:
            complaints.append(f"{name} was not measured")
        elif found[name] < least.ratio * (1 - least.tolerance):
            part = found[name] / least.ratio
            complaints.append(f"{name} is {found[name]:.3g}, {part:.0%} of {least.ratio}")
    return complaints


def record(programs: Sequence[str], times: int) -> None:
    """Measure programs several times and write their ratios; others stay as they are."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(times):
        for program in programs:
            for name, ratio in measured(program).items():
                found[name].append(ratio)
    kept = {
        name: least
        for name, least in committed_ratios().items()
        if name.partition(".")[0] not in programs
    }
    new = {name: Least.of(ratios) for name, ratios in found.items()}
    for name in [name for name, least in new.items() if least.tolerance > MOST_TOLERANCE]:
        print(f"{name} is not written: its runs differ too much", found[name])
        del new[name]
    document = {name: least.written() for name, least in (kept | new).items()}
    COMMITTED.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", "utf-8")


def check(programs: Sequence[str]) -> int:
    """Measure programs, and return how many of their ratios are worse than they may be."""
    found = {name: ratio for program in programs for name, ratio in measured(program).items()}
    committed = committed_ratios()
    expected = {name: one for name, one in committed.items() if name.partition(".")[0] in programs}
    complaints = worse(found, expected)
    print(
        *complaints or [f"{len(expected)} ratios are as good as those that are committed"], sep="\n"
    )
    return len(complaints)


def main() -> int:
    """Measure, then compare or write; return how many ratios are worse than they may be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--times", type=int, default=3, help="runs of a program, for --record")
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()
    programs = options.programs or sorted({name.partition(".")[0] for name in committed_ratios()})
    if options.record:
        record(programs, options.times)
        return 0
    return check(programs)


if __name__ == "__main__":
    sys.exit(main())
