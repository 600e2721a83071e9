"""Raise what a simulation can find, apart from the program's own exceptions."""

from __future__ import annotations

__all__ = [
    "BusyError",
    "DeadlockError",
    "EscapeError",
    "LeakError",
    "LivelockError",
    "StaleTokenError",
]


class DeadlockError(AssertionError):
    """Raised when all tasks of a program wait, and neither a deadline nor anything outside is left.

    The message names the schedule and the line at which each task waits.
    """


class LivelockError(AssertionError):
    """Raised when a program goes on for more task steps, or more virtual time, than it may take."""


class LeakError(AssertionError):
    """Raised when something is left behind.

    That is a task, an async generator, a file descriptor, a thread, a process, or whatever a
    `ResourceWarning` names.
    """


class BusyError(AssertionError):
    """Raised when one task step executes more lines than it may, so no other task can run."""


class EscapeError(AssertionError):
    """Raised when a program under simulation reads the wall clock, draws entropy or opens a socket.

    What comes from outside differs from round to round, so no token could repeat it.
    """


class StaleTokenError(ValueError):
    """Raised when a token is damaged, or was made for a program that takes other steps."""
