"""Wait for the end of a process, then end its server of PostgreSQL and remove the folder.

Takes the id of the process and the folder. It returns at once, and goes on in a process that is
nobody's child, so that it outlives whatever ends the one that it waits for.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from contextlib import suppress
from pathlib import Path


def wait_ended(process: int, seconds: float | None = None) -> None:
    """Wait until a process has ended."""
    with suppress(ProcessLookupError):
        descriptor = os.pidfd_open(process)
        try:
            select.select([descriptor], [], [], seconds)
        finally:
            os.close(descriptor)


def end_server(folder: Path) -> None:
    """End the server in a folder at once, if one runs, and remove the folder."""
    with suppress(FileNotFoundError, ProcessLookupError, IndexError):
        server = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(server, signal.SIGCONT)
        os.kill(server, signal.SIGQUIT)
        wait_ended(server, 10)
    shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Leave the process that asked, and keep what it left to be ended."""
    process, folder = int(sys.argv[1]), Path(sys.argv[2])
    if os.fork() != 0:
        return
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.chdir("/")
    wait_ended(process)
    end_server(folder)


if __name__ == "__main__":
    main()
