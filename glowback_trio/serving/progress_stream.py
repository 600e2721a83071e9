"""A stream that gives up on a peer when no byte has moved for too long."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import termios
from contextlib import suppress

import trio
from attrs import define, field

__all__ = ["RECEIVE_BYTES", "ProgressStream"]

# A stream that is not a socket shows progress only when a whole piece has gone, so pieces are
# small: with the default timeout a reader of 34 bytes a second still counts as moving.
PIECE_BYTES = 1024

#: Most bytes that are received at a time.
RECEIVE_BYTES = 64 * 1024

# A send that took longer than this has waited for the peer, not for the event loop.
WAITED_S = 0.1

_INTERNET = (socket.AF_INET, socket.AF_INET6)

# Seconds between two looks at the kernel's queue, for a look costs about as much as a send.
LOOK_EVERY_S = 1.0


@define(eq=False)
class ProgressStream(trio.abc.Stream):
    """Any stream, with a deadline on progress instead of a deadline on the whole send.

    It lies below TLS, so progress is what the transport takes. A slow reader is never cut while it
    moves; a reader that has stopped is cut after `timeout` seconds.

    What the kernel has taken may never arrive: where little is sent, the kernel needs a quarter of
    an hour to notice that the peer has lost power. So each send looks at what became of the ones
    before. (The option TCP_USER_TIMEOUT would also cut a moving reader, if its window is small.)

    Attributes:
        transport: The stream that carries the bytes.
        timeout: Seconds without a byte moving, after which the peer counts as lost.
        moved_at: When the transport last took bytes of a send that had to wait, on trio's clock:
            a sign of life from the peer.
    """

    transport: trio.abc.Stream
    timeout: float
    moved_at: float = float("-inf")
    #: Bytes given to the kernel.
    _given: int = 0
    #: Those of them that the peer's kernel had taken at the last look.
    _taken: int = 0
    #: Since when `_taken` has had this value, or nothing was left to take.
    _since: float = field(factory=trio.current_time)
    _looked_at: float = field(factory=trio.current_time)
    #: True if the kernel knows the socket: one that a test puts in its place has no descriptor.
    _is_kernels: bool = field(init=False)

    @_is_kernels.default
    def _ask_kernel(self) -> bool:
        if not isinstance(self.transport, trio.SocketStream):
            return False
        with suppress(OSError):
            os.fstat(self.transport.socket.fileno())
            return True
        return False

    @property
    def descriptor(self) -> int | None:
        """The descriptor of the kernel's socket; None where there is none."""
        if self._is_kernels and isinstance(self.transport, trio.SocketStream):
            return self.transport.socket.fileno()
        return None

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything.

        Raises:
            trio.BrokenResourceError: If no byte moved for `timeout` seconds, or the peer is gone.

        Cancellation leaves an unknown part of the data sent.
        """
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                sent += await self._send_some(view[sent:])

    async def _send_some(self, view: memoryview) -> int:
        if self._has_stopped():
            raise trio.BrokenResourceError(self._message)
        while True:
            began, waiting = trio.current_time(), self._untaken()
            with trio.move_on_after(self.timeout):
                sent = await self._send_piece(view)
                self._given += sent
                self._note(began)
                return sent
            # The kernel takes nothing more until a good part of its queue has gone. A slow reader
            # may move for a long time before a send succeeds, so the queue is looked at as well.
            if self._untaken() >= waiting:
                raise trio.BrokenResourceError(self._message)
            self._note(began)

    def _note(self, began: float) -> None:
        now = trio.current_time()
        if now - began > WAITED_S:
            self.moved_at = now

    def _has_stopped(self) -> bool:
        """Return True if the peer has taken nothing of earlier sends for too long."""
        now = self._looked_at = trio.current_time()
        untaken = self._untaken() if self._is_tcp else 0
        taken = self._given - untaken
        if not untaken or taken != self._taken:
            self._taken, self._since = taken, now
        return now - self._since > self.timeout

    @property
    def _is_tcp(self) -> bool:
        """True if the peer may be on another machine, and the kernel counts what it has taken."""
        transport = self.transport
        return (
            self._is_kernels
            and isinstance(transport, trio.SocketStream)
            and transport.socket.family in _INTERNET
        )

    @property
    def _message(self) -> str:
        return f"no byte moved for {self.timeout:g} seconds"

    def _untaken(self) -> int:
        """Return the bytes in the kernel's send queue; 0 where that is unknown."""
        if not self._is_kernels or not isinstance(self.transport, trio.SocketStream):
            return 0
        held = bytearray(4)
        with suppress(OSError):
            fcntl.ioctl(self.transport.socket.fileno(), termios.TIOCOUTQ, held)
        return int.from_bytes(held, sys.byteorder)

    async def _send_piece(self, view: memoryview) -> int:
        if isinstance(self.transport, trio.SocketStream):
            try:
                return await self.transport.socket.send(view)
            except OSError as error:
                raise trio.BrokenResourceError(f"the peer is gone: {error}") from error
        piece = view[:PIECE_BYTES]
        await self.transport.send_all(piece)
        return len(piece)

    def send_nowait(self, data: bytes) -> int:
        """Send what the transport takes at once, and return how much that was.

        Raises:
            OSError: The peer is gone, or no byte has moved for `timeout` seconds.
        """
        if not isinstance(self.transport, trio.SocketStream):
            return 0
        if not self._is_kernels:
            # A stand-in for the kernel's socket has a method for it, or takes nothing at once.
            return getattr(self.transport.socket, "send_nowait", _take_nothing)(data)
        if trio.current_time() - self._looked_at > LOOK_EVERY_S and self._has_stopped():
            raise TimeoutError(self._message)
        with suppress(BlockingIOError):
            sent = os.write(self.transport.socket.fileno(), data)
            self._given += sent
            return sent
        return 0

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until a send might not wait."""
        await self.transport.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive what there is, at most `max_bytes`; empty at the end of the stream.

        Raises:
            trio.BrokenResourceError: The peer is gone.
        """
        if not self._is_kernels or not isinstance(self.transport, trio.SocketStream):
            return await self.transport.receive_some(max_bytes)
        socket = self.transport.socket
        while True:
            # The reader has handled all that came before, so a read before `wait_readable` would
            # almost always fail with EAGAIN.
            await trio.lowlevel.wait_readable(socket)
            try:
                return os.read(socket.fileno(), max_bytes or RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"the peer is gone: {error}") from error

    async def aclose(self) -> None:
        """Close the transport."""
        await self.transport.aclose()


def _take_nothing(_data: bytes) -> int:
    return 0
