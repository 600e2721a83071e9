"""Traders: the protocol between a simulation and what decides, row by row, what to order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import frozen

from glowback_trio.engine.execution.account import Account
from glowback_trio.errors import StrategyError
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderSpec
from glowback_trio.model.portfolio import Portfolio
from glowback_trio.model.result import Curve

__all__ = ["Stopped", "Trader"]


@frozen
class Stopped:
    """Where a trader stopped, and why.

    Attributes:
        row: One past the last row it carried out.
        ruined: True if equity was at or below zero at that row's close: the trader has ordered
            every position closed, and orders nothing more.
        failure: What went wrong at that row; the trader carries out no more.
        drawn: True if the trader has drawn value, cash and gross exposure of its rows itself.
    """

    row: int
    ruined: bool = False
    failure: StrategyError | None = None
    drawn: bool = False


class Trader(Protocol):
    """Decides what to order, and has it filled."""

    @property
    def account(self) -> Account:
        """The account, after the rows that were carried out."""

    @property
    def specs(self) -> Mapping[int, OrderSpec]:
        """By order number, the spec of every order that is not a plain market order."""

    def run(self, start: int, stop: int, marks: Floats) -> Stopped:
        """Carry out everything that happens on the rows from `start` to before `stop`.

        A trader may overlook ruin. The simulation, which sees the whole curve, then starts again
        with a new trader and calls `liquidate` at the row of ruin.

        Args:
            start: First row.
            stop: One past the last row.
            marks: Last closes, (rows, N), from the row before `start` on (from row 0 at the start).
        """

    def liquidate(self, row: int) -> None:
        """Carry out what is due at this row, order every position closed, and then nothing more."""

    def end(self, row: int) -> None:
        """Cancel every open order: the row was the last."""

    def take_messages(self) -> list[tuple[int, str]]:
        """Return the rows and sentences that were logged since the last call."""

    def portfolio(self, curve: Curve) -> Portfolio | None:
        """Return how target weights were held, given the finished curve; None without them."""
