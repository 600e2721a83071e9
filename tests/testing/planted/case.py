"""One planted bug: a faulty program, its mended twin, and how to look for the bug."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from support.broken_programs import Program

from glowback_trio.testing.sim import Finding, find

__all__ = ["ANY_PROGRAM", "Bug", "found_in", "left_behind", "program", "tidy"]

State = TypeVar("State")

#: What ends that which programs may leave behind.
left_behind: list[Callable[[], object]] = []

#: The faults that docs/testing.md recommends for a program of which nothing else is known.
ANY_PROGRAM = ("cancel", "slow")


class Bug(NamedTuple):
    """A faulty program and its mended twin, which differ in what the bug is.

    Attributes:
        name: The bug in a few words.
        faulty: The program with the bug.
        mended: The program without.
        faults: What may happen to programs of this kind; the mended one withstands it.
        max_lines: The bound on the lines of a task step, for programs that compute.
    """

    name: str
    faulty: Program
    mended: Program
    faults: tuple[str, ...] = ANY_PROGRAM
    max_lines: int | None = None


def program(
    make: Callable[[], State],
    run: Callable[[State], Awaitable[object]],
    check: Callable[[State], object] | None = None,
) -> Program:
    """Return a program whose every round begins with a state of its own.

    Args:
        make: Makes the state.
        run: The scenario. It may raise at its end, when nothing has cut it short.
        check: Raises when a state is wrong, also one at which the scenario was cut short.
    """
    states: list[State] = []

    async def scenario() -> None:
        states[:] = [make()]
        await run(states[0])

    if check is None:
        return Program(scenario)
    return Program(scenario, lambda: check(states[0]))


def found_in(bug: Bug, searched: Program, strategy: str, rounds: int) -> Finding | None:
    """Look for a bug in one of its programs."""
    try:
        return find(
            *searched,
            rounds=rounds,
            strategy=strategy,
            faults=bug.faults,
            max_lines=bug.max_lines,
        )
    finally:
        tidy()


def tidy() -> None:
    """End what programs have left behind."""
    while left_behind:
        left_behind.pop()()
