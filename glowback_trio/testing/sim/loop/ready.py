"""The tasks that could run next, and how one is chosen."""

from __future__ import annotations

from collections import deque
from typing import Any

from glowback_trio.testing.sim.loop.choices import Script
from glowback_trio.testing.sim.loop.record import Record

__all__ = ["Ready"]

# A ready task that others have overtaken runs at the latest after so many steps, so that a loop
# that polls does not starve those it waits for.
_PATIENCE = 100
# A slow task is held back for so many steps and jumps of the clock.
_SLOW_TURNS = 200


class Ready:
    """The ready tasks of one round.

    Attributes:
        waiting: Those that run in turn, the one that has waited longest first.
        late: Those that others have overtaken; they run when nobody else is ready.
        held: A slow task; it runs after some turns, or when nothing else can happen.
        is_plain: Whether the default is taken from now on, because the round is ending.
    """

    def __init__(self, script: Script, record: Record) -> None:
        self._runs = script.runs
        self._pick = script.pick
        self._record = record
        self._widths = record.widths
        self.waiting: deque[Any] = deque()
        self.late: list[Any] = []
        self.held: list[Any] = []
        self._late_since = 0
        self._held_until = 0
        self.is_plain = False

    def take(self, step: int) -> Any:
        """Return the task that runs next. There must be one."""
        waiting, late = self.waiting, self.late
        if not late and len(waiting) == 1 and not self.held:
            return waiting.popleft()
        if self.held and step >= self._held_until:
            self.release()
        if late and (not waiting or step - self._late_since >= _PATIENCE):
            waiting.extendleft(reversed(late))
            late.clear()
        count = len(waiting) + len(late)
        self._widths[step] = count
        if self.is_plain or (self._pick is None and step not in self._runs):
            return waiting.popleft()
        choice = self._choice(step, count) if count > 1 else 0
        if not choice:
            return waiting.popleft()
        self._record.deviate("run", choice, count)
        return self._overtake(choice, step)

    def _choice(self, step: int, count: int) -> int:
        written = self._runs.get(step)
        if written is not None:
            if written.among != count:
                self._record.misfits.append(written)
            return min(written.which, count - 1)
        if self._pick is not None:
            return self._pick([*self.waiting, *self.late], step)
        return 0

    def _overtake(self, choice: int, step: int) -> Any:
        """Take a task that is not the first; those before it wait behind all others."""
        waiting, late = self.waiting, self.late
        if not late:
            self._late_since = step
        overtaken = min(choice, len(waiting))
        passed = [waiting.popleft() for _ in range(overtaken)]
        task = (
            waiting.popleft() if choice == overtaken and waiting else late.pop(choice - overtaken)
        )
        late.extend(passed)
        return task

    def hold(self, step: int) -> Any:
        """Hold back the task that would run, and return it; None where that is not possible."""
        if self.held or not self.waiting:
            return None
        task = self.waiting.popleft()
        self.held.append(task)
        self._held_until = step + _SLOW_TURNS
        return task

    def pass_time(self) -> None:
        """Count a jump of the clock as a turn of a task that is held back."""
        self._held_until -= 1

    def release(self) -> None:
        """Let the slow task run."""
        self.waiting.extend(self.held)
        self.held.clear()
