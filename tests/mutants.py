"""Faults that the tests must find: each is written into a copy of the package, and must fail.

    python tests/mutants.py

A test suite that passes proves little until it is known that it can fail. These are the faults that
streaming servers really had, each in one line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parent.parent
BROADCASTER = "glowback_trio/actors/broadcaster.py"
RUN = "glowback_trio/actors/run.py"
ACTORS = ("tests/actors",)


@frozen
class Mutant:
    """One fault: in `file`, `sound` becomes `faulty`, and one of `tests` must fail."""

    name: str
    file: str
    sound: str
    faulty: str
    tests: tuple[str, ...] = ACTORS


MUTANTS = (
    Mutant(
        "cursor off by one",
        BROADCASTER,
        "after = events[-1].event_id",
        "after = events[-1].event_id + 1",
    ),
    Mutant(
        "cursor of the first event instead of the last",
        BROADCASTER,
        "after = events[-1].event_id",
        "after = events[0].event_id",
    ),
    Mutant(
        "waiting for the bell before looking at the log",
        BROADCASTER,
        "        await trio.lowlevel.checkpoint()\n        while not (wanted",
        "        await self._broadcaster.wait_ring()\n        while not (wanted",
    ),
    Mutant(
        "filter applied before the cursor moves",
        BROADCASTER,
        "        return events, after\n",
        "        return events, events[-1].event_id if events else cursor\n",
    ),
    Mutant(
        "filter that hides the end",
        BROADCASTER,
        " or e.event_id == self.end",
        "",
    ),
    Mutant(
        "a queue of eight per client, oldest dropped",
        BROADCASTER,
        "self.log.read(cursor, limit)",
        "self.log.read(cursor, limit)[-8:]",
    ),
    Mutant(
        "an event after the end",
        RUN,
        "        self._broadcaster.end = count\n",
        "        self._broadcaster.end = count\n"
        '        self._append("log", dumps({"level": "info"}), self._now())\n',
    ),
    Mutant(
        "the end told before the result is kept",
        RUN,
        "                    self._store.keep_result(self.run_id, result)\n"
        "                    self._end(State.COMPLETED)\n",
        "                    self._end(State.COMPLETED)\n"
        "                    await trio.lowlevel.checkpoint()\n"
        "                    self._store.keep_result(self.run_id, result)\n",
    ),
    Mutant(
        "no end when the program around is cancelled",
        RUN,
        "                finally:\n                    if not self.finished:",
        "                finally:\n                    if self._reason and not self.finished:",
    ),
    Mutant(
        "a number taken though the store refused the event",
        RUN,
        "        self._log.append(event)\n",
        "        self._count += 1\n        self._log.append(event)\n        self._count -= 1\n",
    ),
)


def survives(mutant: Mutant) -> bool:
    """Whether the tests pass in spite of the fault."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("glowback_trio", "tests"):
            shutil.copytree(ROOT / part, copy / part)
        shutil.copy(ROOT / "pyproject.toml", copy)
        source = (copy / mutant.file).read_text()
        if source.count(mutant.sound) != 1:
            raise SystemExit(f"{mutant.name}: {mutant.file} has changed; mend tests/mutants.py")
        (copy / mutant.file).write_text(source.replace(mutant.sound, mutant.faulty))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--timeout=20", *mutant.tests]
        environment = {**os.environ, "PYTHONPATH": folder}
        told = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, check=False, timeout=600
        )
        return told.returncode == 0


def main() -> int:
    """Try every mutant; returns 1 when one survives."""
    survivors = 0
    for mutant in MUTANTS:
        alive = survives(mutant)
        survivors += alive
        print(f"{'SURVIVED' if alive else 'killed  '}  {mutant.name}", flush=True)
    print(f"{len(MUTANTS) - survivors} of {len(MUTANTS)} mutants killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
