"""A worker: the process that carries out one job after another, until its gateway is gone.

Started by `start.py`. The gateway ends it by a kill, so it ignores the signals that end a server in
order.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator

import numpy as np
from attrs import define, field

from glowback_trio.compute.process.frames import (
    HEADER,
    Kind,
    Parts,
    frame,
    pack_progress,
    pack_value,
    unpack_numbers,
)
from glowback_trio.compute.process.grouping import held_back
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.process.shared_bars import MappedBars
from glowback_trio.compute.process.warming import Warming
from glowback_trio.compute.steps import Failed, Progressed, Step
from glowback_trio.data import no_checkpoint
from glowback_trio.model.strategies.foreign import said

__all__ = ["main"]

# Frames of drafts that may be on their way: a gateway that emits more slowly makes the worker wait.
_FRAMES_AHEAD = 4
# There are as many workers as cores, and the gateway has to get its turn when all are busy. On two
# of them `GET /healthz` took 6 ms instead of 16 in the worst of a hundred.
_NICE = 10


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
        self.send(Kind.DRAFTS, [pack_progress(step.drafts, step.result_bytes)])
        self._ahead += 1

    def next_job(self, bars: MappedBars) -> memoryview:
        while True:
            kind, body = self.receive()
            if kind is Kind.JOB:
                return body
            if kind is Kind.BARS:
                bars.hold(unpack_numbers(body), self._receive_descriptor)

    def _receive_descriptor(self) -> int:
        _byte, (descriptor,), _flags, _sender = socket.recv_fds(self._socket, 1, 1)
        return descriptor

    def receive(self) -> tuple[Kind, memoryview]:
        length, number = HEADER.unpack(self._read(HEADER.size))
        if (kind := Kind(number)) is Kind.CREDIT:
            self._ahead -= 1
        return kind, self._read(length)

    def _read(self, length: int) -> memoryview:
        body = np.empty(length, np.uint8).data  # which, unlike a bytearray, is not cleared
        filled = 0
        while filled < length:
            if not (count := self._socket.recv_into(body[filled:])):
                sys.exit()  # the gateway is gone
            filled += count
        return body


def main(descriptor: int, limits: WorkerLimits, *, warm: bool = False) -> None:
    """Carry out jobs until the gateway is gone.

    Args:
        descriptor: File descriptor of the worker's end of the socket pair.
        limits: What it may use.
        warm: True to load the engine's compiled kernel, beside the jobs.
    """
    warming = Warming(warm)
    os.nice(_NICE)
    for ignored in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
        signal.signal(ignored, signal.SIG_IGN)
    bars = MappedBars()
    with socket.socket(fileno=descriptor) as connection:
        link = _Link(connection)
        link.send(Kind.READY)
        while True:
            warming.wait(descriptor)
            body = link.next_job(bars)
            link.send(Kind.TAKEN)
            limits.apply()
            for step in _steps(bars, body):
                link.send_step(step)


def _steps(bars: MappedBars, body: memoryview) -> Iterator[Step]:
    """Yield the steps of a packed job, or that it cannot be unpacked here."""
    try:
        job = bars.unpack(body)
    except Exception as error:  # noqa: BLE001 - importing a strategy runs its module
        yield Failed(
            f"The strategy cannot be imported in a worker process ({said(error)}); keep it "
            "in a module that a new process finds, not in the program that is run, or compute in "
            "threads"
        )
        return
    yield from held_back(job.steps(no_checkpoint))
