"""How a command says that something went wrong: one line on stderr each."""

from __future__ import annotations

import sys

__all__ = ["print_error", "print_note", "print_warning"]


def print_error(complaint: object) -> None:
    """Say what went wrong, on one line of stderr."""
    _say("error", complaint)


def print_warning(danger: object) -> None:
    """Say what may go wrong although the command does as it was told."""
    _say("warning", danger)


def print_note(observation: object) -> None:
    """Say what somebody should know although the command goes on."""
    _say("note", observation)


def _say(word: str, sentence: object) -> None:
    one_line = " ".join(str(sentence).split())
    print(f"{word}: {one_line}", file=sys.stderr, flush=True)  # noqa: T201 - for people, not a log
