"""What every test is held to: when it ends, nothing it started is left."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest

# Virtual time makes wall-clock deadlines meaningless, and a shared machine makes them flaky.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

# A shell has what it starts in the background ignore an interrupt, and children inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    files, threads, children = _open_files(), _threads(), _children()
    yield
    assert _open_files() <= files, "a file or socket was left open"
    assert _threads() <= threads, "a thread was left at work"
    assert _children() <= children, "a process was left"


def _open_files() -> set[tuple[str, str]]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            found.add((link.name, str(link.readlink())))
    return found


def _threads() -> set[str]:
    """Threads at work; the idle ones that trio keeps for reuse bear its own name."""
    names = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
    return {name for name in names if not name.startswith("Trio thread")}


def _children() -> set[str]:
    found: set[str] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread that ended just now
            found.update(listing.read_text().split())
    return found
