"""A fault in a task of the server ends what the task was for, and nothing around it.

Rule: a task of the server raises at one of its awaits, in turn for each task and for a stride of
its awaits, while clients work. The server goes on, the run beside completes with a sound log, who
was concerned is told, and the next day nobody is. More awaits are in `tests/extended/abuse`.
"""

from __future__ import annotations

from pathlib import Path

import trio
from support.faulty_tasks import faulty_tasks
from trio.testing import MockClock

#: So many awaits of each task raise here, spread over all of them.
MOST = 2
#: Tasks that have awaits in every day.
BORDERED = {
    "glowback_trio.serving.accepting.Acceptor._handle",
    "glowback_trio.serving.accepting.Acceptor.run",
    "glowback_trio.serving.hub.Hub._catch_up",
    "glowback_trio.serving.hub.Hub.run",
    "glowback_trio.store.durable.cleaner.Cleaner.clean_for_ever",
    "glowback_trio.store.durable.writer.Writer.write_for_ever",
    "run",
}


def test_a_fault_in_a_task_ends_nothing_else(tmp_path: Path) -> None:
    async def days() -> None:
        async with faulty_tasks(tmp_path) as faulty:
            await faulty.quiet_day()  # what is opened once is open
            await faulty.quiet_day()
            assert await faulty.days(MOST) > len(BORDERED)
            assert faulty.failed_tasks >= BORDERED
            await faulty.quiet_day()

    # Faster than the clock on the wall, since a task that has failed pauses before it goes on.
    trio.run(days, clock=MockClock(rate=20.0))
