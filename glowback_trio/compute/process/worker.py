"""A worker: the process that carries out one job after another, until its gateway is gone.

Started as `python -m glowback_trio.compute.process.worker FD`, FD being its end of a socket pair.
The gateway ends it by a kill, so it ignores the signals that end a server in order.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator

from attrs import define, field

from glowback_trio.compute.process.frames import (
    HEADER,
    Kind,
    Parts,
    frame,
    pack_drafts,
    pack_value,
    unpack_value,
)
from glowback_trio.compute.process.grouping import held_back
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.steps import Failed, Progressed, Step
from glowback_trio.data import no_checkpoint

__all__ = ["main"]

# Frames of drafts that may be on their way: a gateway that emits more slowly makes the worker wait.
_FRAMES_AHEAD = 4


@define(eq=False)
class _Link:
    """The worker's end of the socket, blocking."""

    _socket: socket.socket
    #: Frames of drafts that the gateway has not passed on yet.
    _ahead: int = field(default=0, init=False)

    def send(self, kind: Kind, parts: Parts = ()) -> None:
        for part in frame(kind, parts):
            self._socket.sendall(part)

    def send_step(self, step: Step) -> None:
        if not isinstance(step, Progressed):
            self.send(Kind.LAST, pack_value(step))
            return
        while self._ahead >= _FRAMES_AHEAD:
            self.receive()
        self.send(Kind.DRAFTS, [pack_drafts(step.drafts)])
        self._ahead += 1

    def next_job(self) -> memoryview:
        while True:
            kind, body = self.receive()
            if kind is Kind.JOB:
                return body

    def receive(self) -> tuple[Kind, memoryview]:
        length, number = HEADER.unpack(self._read(HEADER.size))
        if (kind := Kind(number)) is Kind.CREDIT:
            self._ahead -= 1
        return kind, self._read(length)

    def _read(self, length: int) -> memoryview:
        body = memoryview(bytearray(length))
        filled = 0
        while filled < length:
            if not (count := self._socket.recv_into(body[filled:])):
                sys.exit()  # the gateway is gone
            filled += count
        return body


def main(descriptor: int) -> None:
    """Carry out jobs until the gateway is gone.

    Args:
        descriptor: File descriptor of the worker's end of the socket pair.
    """
    for ignored in signal.SIGINT, signal.SIGTERM:
        signal.signal(ignored, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as connection:
        threading.Thread(target=_die_with_gateway, args=[descriptor], daemon=True).start()
        link = _Link(connection)
        link.send(Kind.READY)
        while True:
            body = link.next_job()
            link.send(Kind.TAKEN)
            for step in _steps(body):
                link.send_step(step)


def _steps(body: memoryview) -> Iterator[Step]:
    """Yield the steps of a packed job, or that it cannot be unpacked here."""
    try:
        limits, job = unpack_value(body)
    except Exception as error:  # noqa: BLE001 - importing a strategy runs its module
        yield Failed(
            f"The strategy cannot be imported in a worker process ({type(error).__name__}: "
            f"{error}); keep it in a module of its own, or compute in threads"
        )
        return
    assert isinstance(limits, WorkerLimits)
    limits.apply()
    yield from held_back(job.steps(no_checkpoint))


def _die_with_gateway(descriptor: int) -> None:
    """Kill this process as soon as the other end of the socket is closed.

    The job may be in a loop that never looks at the socket.
    """
    hung_up = select.poll()
    hung_up.register(descriptor, 0)  # a hang-up is always reported
    hung_up.poll()
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]))
