"""Wait on the kernel's sockets: one task asks which of them can be read, and wakes their readers.

A wait of trio's own tells the kernel anew what it waits for, and a deadline needs a scope: 15
microseconds for a small request, read and write included, against 7 here. Each connection stays a
task, with its own border, deadline and end; only its sleep is shorter.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from itertools import count
from math import inf
from typing import NoReturn

import trio
from attrs import define, field

from glowback_trio.serving.progress_stream import RECEIVE_BYTES

__all__ = ["Readiness", "SocketReader", "open_readiness"]

# Readers woken before other tasks have a turn.
_MOST_AT_ONCE = 256
# Deadlines that may be left over from readers that have ended, besides one for each that has not.
_SPARE_DEADLINES = 1000


@contextmanager
def open_readiness() -> Iterator[Readiness | None]:
    """Open what wakes the readers of one server; None on a system without epoll."""
    if sys.platform != "linux":
        yield None
        return
    with select.epoll() as epoll:
        yield Readiness(epoll)


@define(eq=False)
class Readiness:
    """The actor that wakes readers whose sockets can be read or whose time is up."""

    _epoll: select.epoll
    #: By their descriptors.
    _readers: dict[int, SocketReader] = field(factory=dict, init=False)
    #: When to look at which reader: a heap. What it must wake a reader for may have moved later.
    _alarms: list[tuple[float, int, SocketReader]] = field(factory=list, init=False)
    _order: Iterator[int] = field(factory=count, init=False)
    _sleep: trio.CancelScope = field(factory=trio.CancelScope, init=False)
    _used: trio.Event = field(factory=trio.Event, init=False)

    async def run(self) -> NoReturn:
        """Wake readers until cancelled."""
        # A simulated server has no sockets of the kernel, and must wait for nothing real.
        await self._used.wait()
        while True:
            with trio.CancelScope(deadline=self._next_alarm()) as self._sleep:
                while True:
                    await trio.lowlevel.wait_readable(self._epoll)
                    self._wake_readable()
            self._wake_late()

    @property
    def alarms(self) -> int:
        """The number of times at which it will look at a reader."""
        return len(self._alarms)

    def _next_alarm(self) -> float:
        return self._alarms[0][0] if self._alarms else inf

    def _wake_readable(self) -> None:
        now = trio.current_time()
        for descriptor, events in self._epoll.poll(0, _MOST_AT_ONCE):
            if (reader := self._readers.get(descriptor)) is not None:
                reader.note_readable(now, ends=events != select.EPOLLIN)

    def _wake_late(self) -> None:
        now = trio.current_time()
        while self._alarms and self._alarms[0][0] <= now:
            at, _, reader = heappop(self._alarms)
            if reader.alarm == at:  # else an earlier one has taken its place
                reader.alarm = inf
                reader.note_time(now)

    def add(self, descriptor: int, reader: SocketReader) -> None:
        """Watch a socket until `remove`."""
        self._readers[descriptor] = reader
        self._used.set()
        # Once for all waits, so the kernel reports what comes, and not what is there.
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)

    def remove(self, descriptor: int) -> None:
        """Watch a socket no more; before it is closed, as its descriptor may be used again."""
        del self._readers[descriptor]
        self._epoll.unregister(descriptor)

    def set_alarm(self, reader: SocketReader, at: float) -> None:
        """Look at a reader at a time, on trio's clock, and not later."""
        reader.alarm = at
        if len(self._alarms) > 2 * len(self._readers) + _SPARE_DEADLINES:
            self._drop_spare()
        heappush(self._alarms, (at, next(self._order), reader))
        self._sleep.deadline = min(self._sleep.deadline, at)

    def _drop_spare(self) -> None:
        live = [(at, n, r) for at, n, r in self._alarms if r.alarm == at and not r.closed]
        heapify(live)
        self._alarms = live


@define(eq=False)
class SocketReader:
    """Waits on one of the kernel's sockets.

    Attributes:
        alarm: When `Readiness` will look at it; inf: not at all.
        closed: True once it is not watched any more.
    """

    _readiness: Readiness
    _descriptor: int
    alarm: float = field(default=inf, init=False)
    closed: bool = field(default=False, init=False)
    #: When the wait ends in any case.
    _until: float = field(default=inf, init=False)
    #: Set while it waits.
    _task: trio.lowlevel.Task | None = field(default=None, init=False)
    #: The wait ended because there is something to read, and in time.
    _in_time: bool = field(default=False, init=False)
    _saturated: bool = field(default=False, init=False)
    #: There may be something to read that the kernel will not report again.
    _readable: bool = field(default=False, init=False)
    #: The end of the stream has come, or an error.
    _ends: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._readiness.add(self._descriptor, self)

    async def wait(self, deadline: float, *, saturated: bool) -> bytes | None:
        """Return what has come; see `Reader`."""
        while True:
            if not await self._wait(deadline, saturated=saturated):
                return None
            if (data := self._read()) is not None:
                return data

    async def _wait(self, deadline: float, *, saturated: bool) -> bool:
        """Wait until there is something to read; False if woken or too late. A checkpoint."""
        if self._readable and not saturated:
            await trio.lowlevel.checkpoint()
            return trio.current_time() < deadline
        self._until, self._saturated = deadline, saturated
        if deadline < self.alarm:
            self._readiness.set_alarm(self, deadline)
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abandon)
        return self._in_time

    def _abandon(self, _raise: object) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED

    def _read(self) -> bytes | None:
        """Read; None if there is nothing after all."""
        self._readable = False
        try:
            data = os.read(self._descriptor, RECEIVE_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""  # the peer is gone
        # The kernel reports neither an end twice, nor what is left after a read.
        self._readable = self._ends or not data or len(data) == RECEIVE_BYTES
        return data

    def note_readable(self, now: float, *, ends: bool) -> None:
        """Take the kernel's report that something has come, and perhaps the end after it."""
        self._readable = True
        self._ends |= ends
        if not self._saturated:
            self._resume(readable=now < self._until)

    def note_time(self, now: float) -> None:
        """Take an alarm: end the wait, or have another one where there is time left."""
        if self._task is None:
            return  # the next wait sets one
        if self._until <= now:
            self._resume(readable=False)
        elif self._until < inf:
            self._readiness.set_alarm(self, self._until)

    def wake(self) -> None:
        """Let `wait` return, if it waits."""
        self._resume(readable=False)

    def _resume(self, *, readable: bool) -> None:
        if self._task is not None:
            task, self._task = self._task, None
            self._in_time = readable
            trio.lowlevel.reschedule(task)

    def wait_until(self, deadline: float) -> None:
        """Let `wait`, if it waits, do so until another deadline."""
        self._until = deadline
        if self._task is not None and deadline < self.alarm:
            self._readiness.set_alarm(self, deadline)

    def close(self) -> None:
        """Watch the socket no more. Idempotent."""
        if not self.closed:
            self.closed = True
            self._readiness.remove(self._descriptor)
