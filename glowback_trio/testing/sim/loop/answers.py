"""Answers to what a program asks the simulation: does this fail, which way?"""

from __future__ import annotations

import sys

import trio

from glowback_trio.testing.sim.loop.choices import DRAW, Deviation, Script
from glowback_trio.testing.sim.loop.programs import line_of_program
from glowback_trio.testing.sim.loop.record import Record

__all__ = ["Answers"]


class Answers:
    """Answers `fault_point` and `choose` in one round.

    Attributes:
        is_mute: Whether nothing fails any more, because the round is ending.
    """

    def __init__(self, script: Script, record: Record) -> None:
        self._script = script
        self._record = record
        self._armed: list[Deviation] = []
        # How many there have been in the present step.
        self._step = 0
        self._operations = 0
        self._draws = 0
        self.is_mute = False

    def arm(self, faults: list[Deviation]) -> None:
        """Say which operations of this step fail. Those of earlier steps no longer do."""
        self._record.misfits += self._armed
        self._armed = faults

    def operation(self, name: str, kinds: tuple[str, ...]) -> None:
        """Raise when this operation is the one that fails."""
        self._begin_step()
        index = self._operations
        self._operations += 1
        if self.is_mute:
            return
        record = self._record
        if record.operations is not None:
            record.operations.append((record.steps, index, kinds))
        what = self._failure(index, kinds)
        if what is None:
            return
        line = line_of_program(sys._getframe(1))  # noqa: SLF001 - the quick way to the caller's frame
        record.deviate(what, index, place=f"{name}, {line}")
        error = trio.ClosedResourceError if what == "closed" else trio.BrokenResourceError
        raise error(f"the simulation makes this operation fail: {name}")

    def _begin_step(self) -> None:
        """Count anew in a new step. The loop does not say when it begins, which costs nothing."""
        if self._step != self._record.steps:
            self._step = self._record.steps
            self._operations = self._draws = 0

    def _failure(self, index: int, kinds: tuple[str, ...]) -> str | None:
        for each in self._armed:
            if each.which == index and each.what in kinds:
                self._armed.remove(each)
                return each.what
        script = self._script
        if script.pending in kinds and self._record.steps >= script.pending_from:
            pending, script.pending = script.pending, None
            return pending
        return None

    def draw(self, count: int, name: str) -> int:
        """Return a choice among `count`."""
        self._begin_step()
        number = self._draws
        self._draws += 1
        if self.is_mute:
            return 0
        record = self._record
        record.draws.append((record.steps, number, count))
        written = self._script.draws.get((record.steps, number))
        if written is not None:
            value = min(written.which % DRAW, count - 1)
            if written.among != count:
                record.misfits.append(written)
        else:
            value = self._script.draw(count) if self._script.draw is not None else 0
        if value:
            record.deviate("choose", number * DRAW + value, count, name=name)
        return value
