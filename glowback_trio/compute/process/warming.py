"""Load the engine's compiled kernel in a worker, beside its jobs.

In a thread, so that no job waits for it. Where the kernel has to be compiled first, that is done by
a process of its own, because a compiler keeps the interpreter lock.
"""

from __future__ import annotations

import logging
import select
import subprocess
import sys
import threading
import time

from attrs import define, field

from glowback_trio.compute.kernel import is_kept, warm
from glowback_trio.errors import DataError
from glowback_trio.extras import FAST

__all__ = ["Warming", "load_kernel"]

_log = logging.getLogger(__name__)

# A worker that has just been started may have been so for a job that waits; one that replaces a
# cancelled one may soon be killed, too.
_IDLE_S, _BUSY_S = 0.5, 5.0
# It ends with the worker, whose end of the pipe is closed when it is killed.
_COMPILE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(1)), daemon=True).start()
from glowback_trio.compute.kernel import warm
warm()
os._exit(0)
"""


@define
class Warming:
    """Begins once a worker has had nothing to do for a moment, or has worked for some seconds.

    Args:
        wanted: False if the kernel is not to be loaded at all.
    """

    wanted: bool
    _started: float = field(factory=time.monotonic, init=False)

    def wait(self, descriptor: int) -> None:
        """Begin now, unless a job comes first; called by a worker that waits for its next job."""
        if not self.wanted:
            return
        busy = time.monotonic() - self._started > _BUSY_S
        if busy or not select.select([descriptor], [], [], _IDLE_S)[0]:
            self.wanted = False
            threading.Thread(target=load_kernel, name="warming", daemon=True).start()


def load_kernel() -> None:
    """Load the compiled kernel, compiled first if it never was; without `fast`, do nothing."""
    if not FAST.is_installed:
        return
    try:
        if not is_kept():
            command = [sys.executable, "-P", "-c", _COMPILE]
            with subprocess.Popen(command, stdin=subprocess.PIPE) as compiling:  # noqa: S603 - this very program
                compiling.wait()
        if is_kept():
            warm()
    except (DataError, OSError) as error:
        _log.info("Runs are carried out without the compiled kernel: %s", error)
