"""Bytes on their way in one direction of a connection."""

from __future__ import annotations

import errno
import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

import trio

from glowback_trio.testing.sim.loop.points import choose

__all__ = ["INSTANT", "Path", "Pipe", "reset_error"]


@dataclass(frozen=True)
class Path:
    """How bytes travel from one host to another.

    Attributes:
        latency_s: Seconds from the sender to the receiver.
        bandwidth: Bytes in a second; infinite by default.
    """

    latency_s: float = 0.0
    bandwidth: float = math.inf


INSTANT = Path()


class _Mark(Enum):
    """An end of the bytes: what may follow the last one."""

    EOF = "eof"
    RESET = "reset"


def reset_error() -> ConnectionResetError:
    """Return the error of whoever reads or writes after a reset."""
    return ConnectionResetError(errno.ECONNRESET, "the connection was reset")


class Pipe:
    """One direction of a connection: at most `capacity` bytes are sent and not yet read.

    There is no task behind it. A byte carries the time at which it arrives, and whoever reads
    sleeps until then.
    """

    def __init__(self, path: Path, capacity: int) -> None:
        self.sent = 0
        self._path = path
        self._capacity = capacity
        self._arrived = bytearray()
        self._flying: deque[tuple[float, bytes | _Mark]] = deque()
        self._size = 0
        self._line_free_at = -math.inf
        self._mark: _Mark | None = None  # what follows the arrived bytes
        self._is_ended = False
        self._is_reset = False
        self._reader_gone_at = math.inf
        self._holds = 0
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def is_unread(self) -> bool:
        """True if bytes have arrived that nobody has read."""
        self._land()
        return bool(self._arrived)

    @property
    def is_readable(self) -> bool:
        """True if `receive` would not wait."""
        self._land()
        return bool(self._arrived) or self._mark is not None

    def put(self, view: memoryview) -> int:
        """Send what there is room for, and return how much that is; 0 if the pipe is full.

        Raises:
            OSError: Nobody will ever read it.
        """
        if self._is_reset:
            raise reset_error()
        if self._is_ended or trio.current_time() >= self._reader_gone_at:
            raise BrokenPipeError(errno.EPIPE, "the peer has closed the connection")
        if self._reader_gone_at < math.inf:
            return len(view)  # on its way to nobody, which the sender learns later
        piece = bytes(view[: max(self._capacity - self._size, 0)])
        if piece:
            self._fly(piece)
            self.sent += len(piece)
        return len(piece)

    async def wait_writable(self) -> None:
        """Wait until `put` takes a byte or says why it never will."""
        while self._size >= self._capacity and not self._is_reset:
            if self._is_ended or self._reader_gone_at < math.inf:
                return
            await self._changed.park()

    async def receive(self, most: int) -> bytes:
        """Return bytes that have arrived, once there are any; none at the end.

        Raises:
            OSError: The connection was reset.
        """
        while True:
            self._land()
            if self._arrived:
                return self._take(most)
            if self._mark is _Mark.RESET:
                raise reset_error()
            if self._mark is _Mark.EOF or self._reader_gone_at < math.inf:
                return b""
            if self._flying and not self._holds:
                with trio.move_on_at(self._next_arrival()):
                    await self._changed.park()
            else:
                await self._changed.park()

    def _take(self, most: int) -> bytes:
        size = min(most, len(self._arrived))
        # TCP promises no borders: a read may end after any byte.
        size = (size, 1, (size + 1) // 2)[choose(min(size, 3), "segment size")]
        piece = bytes(self._arrived[:size])
        del self._arrived[:size]
        self._size -= size
        self._changed.unpark_all()
        return piece

    def end(self) -> None:
        """Send nothing more; what was sent arrives, and then the end."""
        if not self._is_ended:
            self._is_ended = True
            self._fly(_Mark.EOF)

    def end_with_reset(self) -> None:
        """Send nothing more; what was sent arrives, and then a reset."""
        self._is_ended = self._is_reset = True
        self._fly(_Mark.RESET)

    def reset(self) -> None:
        """Lose everything that is on its way, and let both sides know at once."""
        self._is_reset, self._mark = True, _Mark.RESET
        self._arrived.clear()
        self._flying.clear()
        self._changed.unpark_all()

    def abandon(self) -> None:
        """Let nobody read any more, which the sender learns after the latency."""
        self._reader_gone_at = trio.current_time() + self._path.latency_s
        self._arrived.clear()
        self._flying.clear()
        self._changed.unpark_all()

    def hold(self) -> None:
        """Let nothing arrive until `release`."""
        self._land()
        self._holds += 1
        self._changed.unpark_all()

    def release(self) -> None:
        """End one `hold`: what waited sets out again."""
        self._holds -= 1
        if not self._holds:
            soonest = trio.current_time() + self._path.latency_s
            self._flying = deque((max(at, soonest), what) for at, what in self._flying)
            self._changed.unpark_all()

    def _fly(self, what: bytes | _Mark) -> None:
        size = len(what) if isinstance(what, bytes) else 0
        self._size += size
        begun = max(trio.current_time(), self._line_free_at)
        self._line_free_at = begun + size / self._path.bandwidth
        self._flying.append((self._line_free_at + self._path.latency_s, what))
        self._changed.unpark_all()

    def _next_arrival(self) -> float:
        return self._flying[0][0] if self._flying and not self._holds else math.inf

    def _land(self) -> None:
        """Take in what has arrived by now."""
        now = trio.current_time()
        while self._next_arrival() <= now:
            what = self._flying.popleft()[1]
            if isinstance(what, bytes):
                self._arrived += what
            else:
                self._mark = what
