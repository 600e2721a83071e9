"""SQLite stores on new files, with or without threads."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import trio

from glowback_trio import SqliteStore

__all__ = ["call_inline", "inline_store", "new_path"]

_numbers = count(1)


async def call_inline(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function on the event loop, a turn later: the clock of a test waits for no thread."""
    await trio.lowlevel.checkpoint()
    return function(*args)


def inline_store(path: Path | None = None) -> SqliteStore:
    """A store that works on the event loop; on a new file unless one is given."""
    return SqliteStore(path or new_path(), commit_interval_s=0.0, call_in_thread=call_inline)


def new_path() -> Path:
    """Name a file that does not exist; the directory goes with the process."""
    return _directory() / f"{next(_numbers)}.sqlite"


@cache
def _directory() -> Path:
    directory = tempfile.TemporaryDirectory(prefix="glowback-test-")
    atexit.register(directory.cleanup)
    return Path(directory.name)
