"""The start of a worker process: it ties its life to its gateway, then imports what it needs.

Run as a file, `python start.py SOCKET LIFE LIMITS [warm]`: importing this package takes a second on
a busy machine, and a gateway that is killed meanwhile must take its workers along.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys

__all__ = ["die_with_gateway"]


def die_with_gateway(life: int) -> None:
    """Let the system kill this process as soon as the other end of a pipe is closed.

    The system, and no thread of this process: the code of a job may keep the interpreter lock for
    as long as it likes, and need never look at the socket.

    Args:
        life: File descriptor of the worker's end of the pipe; the gateway has the other one.
    """
    fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
    if hasattr(fcntl, "F_SETSIG"):  # elsewhere it is SIGIO, which kills where nobody handles it
        fcntl.fcntl(life, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)
    # It may have been closed before.
    if select.select([life], [], [], 0)[0]:
        sys.exit()


if __name__ == "__main__":
    die_with_gateway(int(sys.argv[2]))

    from glowback_trio.compute.process.limits import WorkerLimits
    from glowback_trio.compute.process.worker import main

    main(int(sys.argv[1]), WorkerLimits.of(sys.argv[3]), warm=sys.argv[4:] == ["warm"])
