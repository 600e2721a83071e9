"""The tasks of the server raise at more of their awaits, and nobody else is harmed.

Rule: that of `tests/server/test_task_faults.py`, with two backends of compute. `COMPUTES` says how
many awaits of each task raise, spread over those of a day.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trio
from support.faulty_tasks import faulty_tasks
from trio.testing import MockClock

from glowback_trio import ProcessCompute, ThreadCompute
from glowback_trio.compute import Compute

#: The backend, how many awaits of each task raise at most, and how fast the clock is: a process
#: takes its time to start, which a fast clock would find too long.
COMPUTES: dict[str, tuple[Callable[[], Compute], int, float]] = {
    "process": (partial(ProcessCompute, workers=1), 1, 3.0),
    "thread": (ThreadCompute, 10, 20.0),
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("compute", COMPUTES)
def test_a_fault_at_any_await_harms_nobody_else(
    state: Callable[[str], None], tmp_path: Path, compute: str
) -> None:
    backend, most, rate = COMPUTES[compute]

    async def days() -> None:
        async with faulty_tasks(tmp_path, backend) as faulty:
            await faulty.quiet_day()
            await faulty.quiet_day()
            raised = await faulty.days(most)
            await faulty.quiet_day()
            tasks = len(faulty.failed_tasks)
            state(f"{raised} awaits of {tasks} kinds of tasks, {len(faulty.told)} told")

    trio.run(days, clock=MockClock(rate=rate))
