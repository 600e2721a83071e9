"""A worker as its gateway sees it: a process that takes a job and answers with steps."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from array import array
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

import numpy as np
import trio
from attrs import define, field

from glowback_trio.compute.process.endings import WorkerError, why_ended
from glowback_trio.compute.process.frames import (
    HEADER,
    Kind,
    Parts,
    frame,
    pack_numbers,
    unpack_progress,
    unpack_value,
)
from glowback_trio.compute.process.limits import WorkerLimits
from glowback_trio.compute.process.shared_bars import Segment, SharedValue
from glowback_trio.compute.steps import Failed, Progressed, Step
from glowback_trio.compute.turns import Turn
from glowback_trio.model.short_repr import describe
from glowback_trio.nursery import open_bare_nursery

__all__ = ["WorkerProcess", "open_worker"]

_START = Path(__file__).with_name("start.py")
# Imports take a few tenths of a second, on a machine that is out of breath many times that.
_READY_S = 60
# A process that was killed is gone within milliseconds, unless the system itself is stuck.
_REAP_S = 5


@define(eq=False, repr=False)
class WorkerProcess:
    """A worker process that takes one job at a time. Made by `open_worker`."""

    _process: trio.Process
    _socket: trio.socket.SocketType
    _limits: WorkerLimits
    _threads: trio.CapacityLimiter
    #: Numbers of the segments that the worker holds.
    _held: Collection[int] = field(default=(), init=False)
    _busy: bool = field(default=False, init=False)
    #: True while the process is stopped, between two turns of its job.
    parked: bool = field(default=False, init=False)
    _returned: trio.Event = field(factory=trio.Event, init=False)

    def __repr__(self) -> str:
        return describe(self, f"process {self._process.pid}", "busy" if self._busy else "idle")

    @property
    def usable(self) -> bool:
        """True if the process lives and has no job."""
        return not self._busy and self._process.poll() is None

    async def carry_out(
        self, job: SharedValue, send: trio.MemorySendChannel[Step], turn: Turn
    ) -> None:
        """Send a job's steps. Where the process cannot finish it, the last one says why.

        Raises:
            WorkerError: The process had ended before the job arrived.
        """
        self._busy = True
        await self._share(job.segments)
        await self._send(Kind.JOB, job.parts)
        await self._receive()
        lost = False
        try:
            async with open_bare_nursery() as driven:
                driven.start_soon(turn.drive, self._stop, self._go)
                # Caught in here: a nursery that an error leaves has a cycle of it and of what it
                # cancels, with the frames of the job, until the garbage collector comes by.
                try:
                    await self._follow(send, turn)
                except WorkerError:
                    lost = True
                driven.cancel_scope.cancel()
            if lost:
                why = why_ended(await self._process.wait(), self._limits)
                await send.send(Failed(why, lost=True))
        finally:
            self._go()

    def _stop(self) -> None:
        # By a signal, because the code of a job need not look at anything.
        self._process.send_signal(signal.SIGSTOP)
        self.parked = True

    def _go(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self.parked = False

    async def _share(self, segments: Sequence[Segment]) -> None:
        """Let the worker hold these segments, and no other one."""
        needed = {segment.number: segment.descriptor for segment in segments}
        if set(needed) == set(self._held):
            return
        await self._send(Kind.BARS, [pack_numbers(needed)])
        for number, descriptor in needed.items():
            if number not in self._held:
                await self._send_descriptor(descriptor)
        self._held = set(needed)

    async def _follow(self, send: trio.MemorySendChannel[Step], turn: Turn) -> None:
        while True:
            kind, body = await self._receive()
            if kind is Kind.LAST:
                break
            await turn.pass_on(Progressed(*unpack_progress(body)), send)
            await self._send(Kind.CREDIT)
        # The worker is free before its last step is taken: a reader that leaves costs no process.
        self._busy = False
        # The result of a run with many fills takes long to make.
        step = await trio.to_thread.run_sync(unpack_value, body, limiter=self._threads)
        await turn.pass_on(step, send)

    def give_back(self) -> None:
        """End the borrowing. A worker in the middle of a job is killed: nothing else stops it."""
        if self._busy:
            self._process.kill()
        self._returned.set()

    async def wait_returned(self) -> None:
        """Wait for the end of the borrowing."""
        await self._returned.wait()
        self._returned = trio.Event()

    async def wait_ready(self) -> None:
        """Wait until the process has imported what it needs.

        Raises:
            WorkerError: It ended, or takes too long.
        """
        with trio.move_on_after(_READY_S):
            try:
                await self._receive()
            except WorkerError as error:
                raise WorkerError("A worker process ended before it was ready") from error
            return
        raise WorkerError(f"A worker process was not ready within {_READY_S} s")

    async def _send(self, kind: Kind, parts: Parts = ()) -> None:
        for part in frame(kind, parts):
            rest = memoryview(part).cast("B")
            while rest:
                try:
                    rest = rest[await self._socket.send(rest) :]
                except OSError as error:
                    raise WorkerError("The worker process has ended") from error

    async def _send_descriptor(self, descriptor: int) -> None:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [descriptor]))]
        try:
            await self._socket.sendmsg([b"\0"], rights)
        except OSError as error:
            raise WorkerError("The worker process has ended") from error

    async def _receive(self) -> tuple[Kind, memoryview]:
        length, kind = HEADER.unpack(await self._read(HEADER.size))
        return Kind(kind), await self._read(length)

    async def _read(self, length: int) -> memoryview:
        body = np.empty(length, np.uint8).data  # which, unlike a bytearray, is not cleared
        filled = 0
        while filled < length:
            try:
                count = await self._socket.recv_into(body[filled:])
            except OSError as error:
                raise WorkerError("The worker process has ended") from error
            if not count:
                raise WorkerError("The worker process has ended")
            filled += count
        return body


@asynccontextmanager
async def open_worker(
    limits: WorkerLimits, threads: trio.CapacityLimiter, *, warm: bool = False
) -> AsyncIterator[WorkerProcess]:
    """Start a worker process for the length of an `async with` block, and reap it afterwards.

    Args:
        limits: What it may use.
        threads: Limits the threads in which results are unpacked.
        warm: True to let it load the engine's compiled kernel.

    Raises:
        WorkerError: It could not be started.
    """
    with ExitStack() as ours:
        process, near = await _start(limits, ours, warm=warm)
        try:
            worker = WorkerProcess(process, near, limits, threads)
            await worker.wait_ready()
            yield worker
        finally:
            process.kill()
            with trio.move_on_after(_REAP_S, shield=True):
                await process.wait()


async def _start(
    limits: WorkerLimits, ours: ExitStack, *, warm: bool
) -> tuple[trio.Process, trio.socket.SocketType]:
    """Start a process; what this end keeps open for it goes onto a stack."""
    try:
        with ExitStack() as theirs:
            near, far = socket.socketpair()  # trio's would make the worker's end unblocking, too
            theirs.enter_context(far)
            near_socket = ours.enter_context(trio.socket.from_stdlib_socket(near))
            life, held = os.pipe()
            theirs.callback(os.close, life)
            ours.callback(os.close, held)
            descriptors = [far.fileno(), life]
            arguments = [*map(str, descriptors), limits.argument(), *(["warm"] if warm else [])]
            process = await trio.lowlevel.open_process(
                [sys.executable, "-P", str(_START), *arguments],
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                # Whatever a strategy prints: the standard output is its host's.
                stdout=sys.__stderr__,
                env=_environment(),
                # What a terminal sends to this program's group is for this program to handle.
                process_group=0,
            )
    except OSError as error:
        raise WorkerError(f"No worker process can be started: {error.strerror}") from error
    return process, near_socket


def _environment() -> dict[str, str]:
    # What this program imports, its worker must find, such as a strategy in the working directory.
    path = os.pathsep.join(str(Path(entry).absolute()) for entry in sys.path)
    # Workers are as many as there are cores: the threads of a linear algebra library would only
    # get into their way.
    return os.environ | {"PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}
