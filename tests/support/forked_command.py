"""The command line in forks of one process that has imported it.

A command needs half a second of processor time, or more, to import what it uses, and the tests of
the command line run hundreds. They share the imports: a process without threads imports every
command once and is forked for each run. Everything else is as in a fresh process: directory,
environment, arguments, standard streams, exit code and the end of the interpreter. Commands that a
test talks to while they run, or interrupts, are real ones; so are those of the README.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

import trio
from attrs import frozen

__all__ = ["ForkedCommand", "open_forked_command"]

COMMANDS = (
    *("data", "demo", "run", "serve"),
    *("runs.control", "runs.list_runs", "runs.results", "runs.show", "runs.stream"),
    *("runs.submit", "runs.watch"),
)
MAX_MESSAGE = 1 << 17


@frozen
class ForkedCommand:
    """The process that is forked, as its user sees it."""

    channel: socket.socket

    def run(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command to its end, as `subprocess.run` does with captured output."""
        message = json.dumps([list(arguments), str(cwd), dict(env)]).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            socket.send_fds(self.channel, [message], [out.fileno(), errors.fileno()])
            code = int(self.channel.recv(16))
            return subprocess.CompletedProcess(arguments, code, _written(out), _written(errors))

    async def run_in_thread(
        self, arguments: Sequence[str], *, cwd: Path, env: Mapping[str, str]
    ) -> subprocess.CompletedProcess[bytes]:
        """Run one command while the event loop goes on."""
        return await trio.to_thread.run_sync(partial(self.run, arguments, cwd=cwd, env=env))


def _written(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read()


@contextmanager
def open_forked_command(environment: Mapping[str, str]) -> Iterator[ForkedCommand]:
    """Start the process that imports the commands, for the length of a block.

    Args:
        environment: What Python reads when it starts, such as `PYTHONWARNINGS`, counts from here;
            everything else from the environment of each run.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(60)
    # One thread only: with the pool that numpy's BLAS starts, Python 3.12 warns of forks.
    environment = {**environment, "OPENBLAS_NUM_THREADS": "1"}
    with (
        ours,
        subprocess.Popen(
            [sys.executable, __file__, str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=environment,
            process_group=0,
        ) as process,
    ):
        theirs.close()
        try:
            yield ForkedCommand(ours)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with a fork that hangs, if there is one


def main(channel: socket.socket) -> None:
    """Fork for each message and send back the exit code of the fork."""
    for name in COMMANDS:
        import_module(f"glowback_trio.cli.commands.{name}")
    gc.freeze()  # or every fork would search all that is imported for garbage when it ends
    while True:
        message, files, _, _ = socket.recv_fds(channel, MAX_MESSAGE, 2)
        process = os.fork()
        if process == 0:
            channel.close()
            _become(*json.loads(message), *files)
        for file in files:
            os.close(file)
        _, status = os.waitpid(process, 0)
        channel.send(b"%d" % os.waitstatus_to_exitcode(status))


def _become(
    arguments: Sequence[str], cwd: str, environment: Mapping[str, str], out: int, errors: int
) -> None:
    """Go on as `python -m glowback_trio` in a directory."""
    os.dup2(out, 1)
    os.dup2(errors, 2)
    os.close(out)
    os.close(errors)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[0] = cwd
    sys.argv = ["glowback-trio", *arguments]
    runpy.run_module("glowback_trio", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as given:
        main(given)
