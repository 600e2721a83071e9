"""Messages to the user, each on one line of stderr."""

from __future__ import annotations

import sys

__all__ = ["print_error", "print_note", "print_warning"]


def print_error(message: object) -> None:
    """Print why the command, or part of it, failed."""
    _print_line("error", message)


def print_warning(message: object) -> None:
    """Print a risk, although the command goes on."""
    _print_line("warning", message)


def print_note(message: object) -> None:
    """Print what the user should know, although nothing is wrong."""
    _print_line("note", message)


def _print_line(kind: str, message: object) -> None:
    # Scripts read stderr line by line, and messages of other libraries may have several lines.
    line = " ".join(str(message).split())
    print(f"{kind}: {line}", file=sys.stderr, flush=True)  # noqa: T201 - for people, not a log
