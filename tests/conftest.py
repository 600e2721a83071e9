"""Rules for every test: when it ends, no file, thread or process that it started is left, and no
server in it has held its event loop.

Time limits of hypothesis are off and its examples are the same in every run, so that a failure
depends neither on the machine nor on chance.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import hypothesis
import pytest
from support.stalls import nothing_holds_the_loop

# Virtual time makes wall-clock deadlines meaningless, and a shared machine makes them flaky.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

# A shell makes its background jobs ignore an interrupt, and their children inherit that; tests that
# interrupt a command need the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    files, threads, children = _open_files(), _threads(), _children()
    yield
    assert _open_files() <= files, "a file or socket was left open"
    assert _threads() <= threads, "a thread was left running"
    assert _children() <= children, "a process was left"


@pytest.fixture(scope="session")
def kernel_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory for the compiled kernel, so that a session compiles it once."""
    directory = tmp_path_factory.getbasetemp().parent / "kernels"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GLOWBACK_KERNEL_CACHE", str(directory))
        yield directory


@pytest.fixture(autouse=True)
def no_stall() -> Iterator[None]:
    with nothing_holds_the_loop():
        yield


def _open_files() -> set[tuple[str, str]]:
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the descriptor of this very listing
            found.add((link.name, str(link.readlink())))
    return found


def _threads() -> set[str]:
    """List the threads, except the idle ones that trio keeps for reuse and names."""
    names = {f"{thread.name} {thread.ident}" for thread in threading.enumerate()}
    return {name for name in names if not name.startswith("Trio thread")}


def _children() -> set[str]:
    found: set[str] = set()
    for listing in Path("/proc/self/task").glob("*/children"):
        with suppress(FileNotFoundError):  # a thread that ended just now
            found.update(listing.read_text().split())
    return found
