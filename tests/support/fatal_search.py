"""A strategy that ends its worker process for some parameters."""

from __future__ import annotations

import os
import signal
from typing import ClassVar

from attrs import frozen

from glowback_trio import BarStrategy, Context, OnBar

__all__ = ["Fatal"]


@frozen
class Fatal(BarStrategy):
    """Buys at once; with 7 or 13 it takes its process with it."""

    name: ClassVar[str] = "fatal"
    title: ClassVar[str] = "Fatal"

    number: int = 1

    def start(self) -> OnBar:
        def on_bar(context: Context) -> None:
            if self.number in (7, 13):
                os.kill(os.getpid(), signal.SIGKILL)
            context.target("AAPL", self.number / 100)

        return on_bar
