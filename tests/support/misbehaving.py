"""Strategies that do to their process what no strategy should."""

from __future__ import annotations

import mmap
import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
import trio
from attrs import frozen

from glowback_trio import BarStrategy, Context, OnBar

__all__ = ["DEEDS", "RAISED", "Misbehaving"]


def _loop() -> None:
    while True:
        pass


def _hold_the_lock() -> None:
    """Never return to the interpreter: the search backtracks for ages, in C."""
    re.match("(a+)+$", "a" * 60 + "b")


def _raising(error: Callable[..., BaseException], *arguments: object) -> Callable[[], object]:
    def deed() -> None:
        raise error(*arguments)

    return deed


class _WithoutText(Exception):  # noqa: N818 - it is no error of ours
    def __str__(self) -> str:
        raise RuntimeError("an error that cannot say what it is")


def _recurse() -> None:
    _recurse()


#: What a strategy may raise, by name.
RAISED: dict[str, Callable[[], object]] = {
    "SystemExit": _raising(SystemExit, 3),
    "KeyboardInterrupt": _raising(KeyboardInterrupt),
    "GeneratorExit": _raising(GeneratorExit),
    "StopIteration": _raising(StopIteration),
    "MemoryError": _raising(MemoryError),
    "BaseException": _raising(BaseException, "none of the usual"),
    "RecursionError": _recurse,
    "ClosedResourceError": _raising(trio.ClosedResourceError),
    "EndOfChannel": _raising(trio.EndOfChannel),
    "ExceptionGroup": _raising(ExceptionGroup, "several", [ValueError("one")]),
    "BaseExceptionGroup": _raising(BaseExceptionGroup, "several", [KeyboardInterrupt()]),
    "an error without a text": _raising(_WithoutText),
    "a text of 50 MB": _raising(ValueError, "x" * 50_000_000),
}


def _look_at_a_cut_file() -> int:
    with tempfile.TemporaryFile() as file:
        file.truncate(8192)
        memory = mmap.mmap(file.fileno(), 0)
        file.truncate(0)
        return memory[4096]


DEEDS: dict[str, Callable[[], object]] = {
    **RAISED,
    "exits": lambda: os._exit(3),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crashes": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "looks at a cut file": _look_at_a_cut_file,
    "raises SystemExit": lambda: sys.exit(4),
    "allocates": lambda: np.ones(1 << 30),
    "loops": _loop,
    "holds the lock": _hold_the_lock,
    "ignores": lambda: None,
}


@frozen
class Misbehaving(BarStrategy):
    """Behaves until the tenth bar, then does one of `DEEDS`.

    Attributes:
        deed: What it does.
        trace: File that it writes its process id to before, unless empty.
    """

    name: ClassVar[str] = "misbehaving"
    title: ClassVar[str] = "Misbehaving"

    deed: str = "ignores"
    trace: str = ""

    def start(self) -> OnBar:
        """Count bars."""
        count = 0

        def on_bar(context: Context) -> None:
            nonlocal count
            count += 1
            if count == 10:
                if self.trace:
                    Path(self.trace).write_text(str(os.getpid()))
                DEEDS[self.deed]()

        return on_bar
