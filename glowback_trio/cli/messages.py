"""Messages to the user, each on one line of stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

from glowback_trio.errors import FailureTraceback

__all__ = [
    "print_error",
    "print_note",
    "print_traceback",
    "print_warning",
    "printing_to_stderr",
]


def print_error(message: object) -> None:
    """Print why the command, or part of it, failed."""
    _print_line("error", message)


def print_warning(message: object) -> None:
    """Print a risk, although the command goes on."""
    _print_line("warning", message)


def print_note(message: object) -> None:
    """Print what the user should know, although nothing is wrong."""
    _print_line("note", message)


def print_traceback(error: BaseException) -> None:
    """Print the traceback of the user's own code that an error was caused by, if there is one."""
    match error.__cause__:
        case FailureTraceback(text=text):
            print(text, end="", file=sys.stderr, flush=True)  # noqa: T201 - for people, not a log


@contextmanager
def printing_to_stderr() -> Iterator[None]:
    """Send what the user's own code prints to stderr for the length of a block.

    Stdout is for the command's output, which may be JSON that another program reads.
    """
    with redirect_stdout(sys.stderr):
        yield


def _print_line(kind: str, message: object) -> None:
    # Scripts read stderr line by line, and messages of other libraries may have several lines.
    line = " ".join(str(message).split())
    # A message that cannot be written, such as to a full disk, must not end what it is about.
    with suppress(OSError):
        print(f"{kind}: {line}", file=sys.stderr, flush=True)  # noqa: T201 - for people, not a log
