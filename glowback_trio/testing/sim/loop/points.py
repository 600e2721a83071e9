"""Where a program, or a virtual world under it, asks the simulation: does this fail, which way?"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Decider", "choose", "current", "enter", "fault_point", "leave"]


class Decider(Protocol):
    """The round that is running."""

    def operation(self, name: str, kinds: tuple[str, ...]) -> None:
        """Raise when this operation is the one that fails."""

    def draw(self, count: int, name: str) -> int:
        """Return a choice among `count`."""


_rounds: list[Decider] = []


def enter(decider: Decider) -> None:
    """Make a round the one that is asked."""
    _rounds.append(decider)


def leave() -> None:
    """End what `enter` began."""
    _rounds.pop()


def current() -> Decider | None:
    """Return the round that is running, or None outside a simulation."""
    return _rounds[-1] if _rounds else None


def fault_point(name: str, *kinds: str) -> None:
    """Fail here, when the search has chosen this operation; outside a simulation, do nothing.

    Args:
        name: What is done, for reports: "receive from a channel".
        kinds: How it can fail: "closed", "broken", or both.

    Raises:
        trio.ClosedResourceError: This operation was chosen to fail as "closed".
        trio.BrokenResourceError: This operation was chosen to fail as "broken".
    """
    if _rounds:
        _rounds[-1].operation(name, kinds)


def choose(count: int, name: str = "") -> int:
    """Return a number from 0 to `count` - 1 that the search has chosen; 0 outside a simulation.

    Shrinking makes it 0 where that does not matter, so 0 stands for what is usual.

    Args:
        count: How many alternatives there are, at least one.
        name: What is chosen, for reports.
    """
    return _rounds[-1].draw(count, name) if _rounds and count > 1 else 0
