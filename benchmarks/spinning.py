"""A strategy that keeps a core busy in Python, bar after bar."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from glowback_trio import BarStrategy, Context, OnBar

__all__ = ["Spinning"]


@frozen
class Spinning(BarStrategy):
    """Calculates, and never trades."""

    name: ClassVar[str] = "spinning"
    title: ClassVar[str] = "Spinning"

    def start(self) -> OnBar:
        """Return what spins at each bar."""

        def on_bar(_context: Context) -> None:
            total = 0
            for number in range(300):
                total += number * number

        return on_bar
