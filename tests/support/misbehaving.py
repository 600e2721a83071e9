"""Strategies that do to their process what no strategy should."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from attrs import frozen

from glowback_trio import BarStrategy, Context, OnBar

__all__ = ["DEEDS", "Misbehaving"]


def _loop() -> None:
    while True:
        pass


def _hold_the_lock() -> None:
    """Never return to the interpreter: the search backtracks for ages, in C."""
    re.match("(a+)+$", "a" * 60 + "b")


DEEDS: dict[str, Callable[[], object]] = {
    "exits": lambda: os._exit(3),
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "crashes": lambda: os.kill(os.getpid(), signal.SIGSEGV),
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
