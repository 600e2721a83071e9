"""When a round is stopped, and how its tasks are sent home."""

from __future__ import annotations

import math
from dataclasses import dataclass

from glowback_trio.testing.sim.errors import DeadlockError, LivelockError
from glowback_trio.testing.sim.loop.record import Record
from glowback_trio.testing.sim.loop.trio_internals import Loop, cancel_everything
from glowback_trio.testing.sim.loop.waits import Wait, described, waiting

__all__ = ["Ending", "Limits"]

# After the verdict, the tasks may take so many steps to end, and wait again so many times.
_FAREWELL = 2_000
_WAITS = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a round may go on.

    Attributes:
        steps: Task steps.
        seconds: Virtual seconds.
    """

    steps: int = 100_000
    seconds: float = 86_400


class Ending:
    """Stops one round.

    Attributes:
        verdict: Why it was stopped; None while it was not.
        step: The step at which it was stopped; 0 while it was not.
        last_step: The step after which it is stopped, or given up.
        last_second: The virtual time after which it is stopped.
        waits: Where each task waited when it was stopped, and for whom.
    """

    def __init__(self, loop: Loop, record: Record, limits: Limits) -> None:
        self._loop = loop
        self._record = record
        self._waits = 0
        self.verdict: AssertionError | None = None
        self.step = 0
        self.last_step = limits.steps
        self.last_second = limits.seconds
        self.waits: tuple[Wait, ...] = ()

    def for_deadlock(self) -> None:
        """Stop a round in which all tasks wait."""
        waits = self._told()
        self.stop(DeadlockError(f"all tasks wait, and no deadline is left:\n{waits}"))

    def for_steps(self) -> None:
        """Stop a round that has taken too many steps."""
        if self.verdict is not None:
            raise StopIteration  # the tasks do not end: they are given up
        waits = self._told()
        self.stop(
            LivelockError(f"the program still runs after {self.last_step:,} task steps:\n{waits}")
        )

    def for_seconds(self) -> None:
        """Stop a round that has taken too much virtual time."""
        waits = self._told()
        seconds = f"{self.last_second:g}"
        self.stop(
            LivelockError(f"the program still runs after {seconds} virtual seconds:\n{waits}")
        )

    def stop(self, verdict: AssertionError) -> None:
        """Cancel all tasks, shielded ones too; after the first time, tasks that wait again.

        Raises:
            StopIteration: They have waited again too often.
        """
        if self.verdict is None:
            self.verdict = verdict
            self.step = self._record.steps
            self.last_step = self.step + _FAREWELL
            self.last_second = math.inf
        self._waits += 1
        if self._waits > _WAITS:
            raise StopIteration
        cancel_everything(self._loop)

    def _told(self) -> str:
        """Note where each task of the program waits, and for whom; return a line for each."""
        self.waits = waiting(self._loop.numbered_tasks())
        return "\n".join(described(self.waits))
