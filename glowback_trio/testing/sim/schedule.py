"""The order in which trio runs tasks, made a parameter.

Trio shuffles the tasks that are ready at the same time, with a generator of its own and in an order
that otherwise depends on memory addresses. Seeding both is possible through names that trio keeps
private, and so is adding an instrument to the loops that a block begins; this is done here and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio

from glowback_trio.testing.sim.deadlock import DeadlockWatch
from glowback_trio.testing.sim.errors import DeadlockError

__all__ = ["seeded_schedule"]


@contextmanager
def seeded_schedule(seed: int) -> Iterator[None]:
    """Make every `trio.run` that begins in this block take its tasks in the order of `seed`.

    The same seed gives the same interleaving, across processes too. Call `trio.run` once per block:
    a second one would go on where the first left the generator.

    An exception that leaves the block has a note with the seed.

    Raises:
        DeadlockError: All tasks waited, no deadline was left, and none of them waited for a thread,
            a socket or a signal. All tasks have been cancelled, shielded ones too.
    """
    with scheduled(seed, f"seed {seed}"):
        yield


@contextmanager
def scheduled(seed: int, note: str) -> Iterator[None]:
    """Do what `seeded_schedule` does.

    Args:
        seed: The seed.
        note: Names the schedule, in messages and notes.
    """
    scheduler: Any = trio._core._run  # noqa: SLF001 - see the head of this file
    before = scheduler._ALLOW_DETERMINISTIC_SCHEDULING  # noqa: SLF001
    set_up = scheduler.setup_runner
    watches: list[DeadlockWatch] = []
    scheduler._ALLOW_DETERMINISTIC_SCHEDULING = True  # noqa: SLF001
    scheduler._r.seed(seed)  # noqa: SLF001
    scheduler.setup_runner = _watched(set_up, watches)
    try:
        with _deadlocks_raised(watches, note), noted(note):
            yield
    finally:
        # The generator goes on from the seed, which does no harm; the flag would make other loops
        # pay for sorting their tasks.
        scheduler._ALLOW_DETERMINISTIC_SCHEDULING = before  # noqa: SLF001
        scheduler.setup_runner = set_up


@contextmanager
def noted(note: str) -> Iterator[None]:
    """Add a note to whatever exception leaves the block."""
    try:
        yield
    except BaseException as error:
        error.add_note(note)
        raise


def _watched(set_up: Callable[..., Any], watches: list[DeadlockWatch]) -> Callable[..., Any]:
    """Wrap trio's function that prepares a loop, so that each loop is watched."""

    def set_up_watched(clock: Any, instruments: Any, *more: Any, **named: Any) -> Any:
        watch = DeadlockWatch()
        watches.append(watch)
        watch.runner = set_up(clock, [*instruments, watch], *more, **named)
        return watch.runner

    return set_up_watched


@contextmanager
def _deadlocks_raised(watches: list[DeadlockWatch], note: str) -> Iterator[None]:
    """Raise what the watches found, instead of what their cancellation has led to.

    That may be `trio.Cancelled`, another error, or nothing where the program swallowed it.
    """
    try:
        yield
    finally:
        for watch in watches:
            if watch.message is not None:
                raise DeadlockError(f"{note}: {watch.message}")
