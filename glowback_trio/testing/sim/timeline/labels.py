"""Short names for tasks and places."""

from __future__ import annotations

import linecache
import re
from collections import Counter
from typing import NamedTuple

from glowback_trio.testing.sim.loop.trace import Trace

__all__ = ["Place", "place_of", "short_names", "short_text", "task_names"]

_PLACE = re.compile(r"(?P<file>.*):(?P<line>\d+) in (?P<rest>.*)")
_PATH = re.compile(r"(?:/|[A-Za-z]:\\)\S*[/\\](?=[^/\\\s]+:\d+)")
_CODE_WIDTH = 76


class Place(NamedTuple):
    """A line at which a task waits.

    Attributes:
        text: The file without its folder, the line, the function, and what it waits in.
        code: The line itself; empty where it cannot be read.
    """

    text: str
    code: str


def task_names(trace: Trace) -> dict[int, str]:
    """Return the name of each task, with its number where several have the same."""
    return _told_apart({step.task: step.name for step in trace.steps}, "{0} (task {1})")


def short_names(trace: Trace) -> dict[int, str]:
    """Return the last part of each task's name, with its number where several have the same."""
    return _told_apart({step.task: step.name.rpartition(".")[2] for step in trace.steps}, "{0} {1}")


def _told_apart(names: dict[int, str], form: str) -> dict[int, str]:
    total = Counter(names.values())
    return {
        task: name if total[name] == 1 else form.format(name, task)
        for task, name in sorted(names.items())
    }


def place_of(text: str) -> Place:
    """Read where a task waits."""
    if (found := _PLACE.fullmatch(text)) is None:
        return Place(text, "")
    code = linecache.getline(found["file"], int(found["line"])).strip()
    code = code if len(code) <= _CODE_WIDTH else code[: _CODE_WIDTH - 1] + "…"
    return Place(short_text(text), code)


def short_text(text: str) -> str:
    """Leave the folders of files out, so that a page is the same wherever a program lies."""
    return _PATH.sub("", text)
