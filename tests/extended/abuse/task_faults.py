"""Every task of the server raises at each of its awaits, and nobody else is harmed.

Rule: that of `tests/server/test_task_faults.py`, for all awaits of a day and two backends of
compute.
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

COMPUTES: dict[str, Callable[[], Compute]] = {
    "process": partial(ProcessCompute, workers=1),
    "thread": ThreadCompute,
}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("compute", COMPUTES)
def test_a_fault_at_any_await_harms_nobody_else(
    state: Callable[[str], None], tmp_path: Path, compute: str
) -> None:
    async def days() -> None:
        async with faulty_tasks(tmp_path, COMPUTES[compute]) as faulty:
            await faulty.quiet_day()
            await faulty.quiet_day()
            raised = await faulty.days(most=1_000)
            await faulty.quiet_day()
            tasks = len(faulty.failed_tasks)
            state(f"{raised} awaits of {tasks} kinds of tasks, {len(faulty.told)} told")

    trio.run(days, clock=MockClock(rate=20.0))
