"""Traders: what decides, row by row, and what a simulation expects of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from glowback_trio.engine.broker import Broker
    from glowback_trio.model.bars import Floats

__all__ = ["Trader"]


class Trader(Protocol):
    """Decides what to order, and has a broker carry it out.

    Attributes:
        broker: It.
        ruined: Whether it has seen equity at or below zero; None where it does not look.
    """

    broker: Broker
    ruined: bool | None

    def run(self, start: int, stop: int, marks: Floats) -> int:
        """Carry out everything that happens on the rows from `start` to before `stop`.

        Args:
            start: First row.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row before `start` on (from row 0 at the start).

        Returns:
            One past the last row that was carried out: `stop`, or the row after that of ruin.
        """

    def ruin(self, row: int) -> None:
        """Carry out what is due at this row, then order everything closed and want nothing more."""

    def take_told(self) -> list[tuple[int, str]]:
        """What it had to say since this was last asked: rows and sentences."""
