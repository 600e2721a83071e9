"""A bound on how much one task step does before it lets others run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from glowback_trio.testing.sim.errors import BusyError
from glowback_trio.testing.sim.loop.programs import is_program

__all__ = ["LineBudget"]


class LineBudget:
    """Counts the lines of the program that each task step executes.

    Attributes:
        exceeded: The error of the step that has executed too many; None while none has.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._steps: Callable[[], int] = int
        self._step = -1
        self._lines = 0
        self.exceeded: BusyError | None = None

    @contextmanager
    def counting(self, steps: Callable[[], int]) -> Iterator[None]:
        """Count in this block.

        Args:
            steps: Gives the number of the present step.
        """
        self._steps, self._step, self.exceeded = steps, -1, None
        before = sys.gettrace()
        sys.settrace(self._enter)
        try:
            yield
        finally:
            sys.settrace(before)

    def _enter(self, frame: FrameType, event: str, value: Any) -> Any:
        return self._count if is_program(frame) else None

    def _count(self, frame: FrameType, event: str, value: Any) -> Any:
        if event != "line":
            return self._count
        if (step := self._steps()) != self._step:
            self._step, self._lines = step, 0
        self._lines += 1
        if self._lines > self._most:
            code = frame.f_code
            self.exceeded = BusyError(
                f"task step {step} executes more than {self._most:,} lines without a checkpoint, "
                f"so no other task can run: {code.co_filename}:{frame.f_lineno} in {code.co_name}"
            )
            raise self.exceeded
        return self._count
