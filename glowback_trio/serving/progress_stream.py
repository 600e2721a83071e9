"""A stream that gives up on a peer when no byte has moved for a while."""

from __future__ import annotations

import fcntl
import os
import socket
import sys
import termios
from contextlib import suppress

import trio
from attrs import define

__all__ = ["RECEIVE_BYTES", "ProgressStream"]

# A stream that is no socket tells nothing until a piece has gone as a whole, so pieces are small:
# with the default deadline a reader of 34 bytes a second is still moving.
PIECE_BYTES = 1024

#: At once.
RECEIVE_BYTES = 64 * 1024

# A send that took longer than this has waited for the peer, not for the event loop.
WAITED_S = 0.1

_INTERNET = (socket.AF_INET, socket.AF_INET6)

# A look at the kernel's queue is cheap, but not as cheap as a send.
LOOK_S = 1.0


@define(eq=False)
class ProgressStream(trio.abc.Stream):
    """Any stream, with a deadline on progress instead of a deadline on the whole send.

    It stands below TLS, so progress is what the transport takes. A slow reader is never cut while
    it moves; a reader that stopped is, after `patience` seconds.

    What the kernel has taken may never arrive, and where little is said it takes the kernel a
    quarter of an hour to find out that the peer has lost power. So with each send it is asked what
    became of the ones before. (TCP_USER_TIMEOUT also cuts a reader that moves, if its window is
    small.)

    Attributes:
        transport: The stream that carries the bytes.
        patience: Seconds without a byte moving.
        moved_at: When the transport last took bytes of a send that had to wait, on trio's clock:
            a sign of life from the peer.
    """

    transport: trio.abc.Stream
    patience: float
    moved_at: float = float("-inf")
    # Bytes given to the kernel, those of them that the peer's had taken when it was last looked,
    # and since when that has been so.
    _given: int = 0
    _taken: int = 0
    _since: float = float("-inf")
    _looked_at: float = float("-inf")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send everything.

        Raises:
            trio.BrokenResourceError: If no byte moved for `patience` seconds, or the peer is gone.

        Cancellation leaves an unknown part of the data sent.
        """
        with memoryview(data) as view:
            sent = 0
            while sent < len(view):
                sent += await self._send_some(view[sent:])

    async def _send_some(self, view: memoryview) -> int:
        if self._has_stopped():
            raise trio.BrokenResourceError(self._complaint)
        while True:
            began, waiting = trio.current_time(), self._untaken()
            with trio.move_on_after(self.patience):
                sent = await self._send_piece(view)
                self._given += sent
                self._note(began)
                return sent
            # The kernel takes nothing more before a good part of what it holds has gone, so that a
            # slow reader moves for a long time without a send's coming through.
            if self._untaken() >= waiting:
                raise trio.BrokenResourceError(self._complaint)
            self._note(began)

    def _note(self, began: float) -> None:
        now = trio.current_time()
        if now - began > WAITED_S:
            self.moved_at = now

    def _has_stopped(self) -> bool:
        """Whether the peer has taken nothing of what it was sent before, for too long."""
        now = self._looked_at = trio.current_time()
        untaken = self._untaken() if self._is_tcp else 0
        taken = self._given - untaken
        if not untaken or taken != self._taken:
            self._taken, self._since = taken, now
        return now - self._since > self.patience

    @property
    def _is_tcp(self) -> bool:
        """Whether the peer may be on another machine, and what it has taken is counted in bytes."""
        transport = self.transport
        return isinstance(transport, trio.SocketStream) and transport.socket.family in _INTERNET

    @property
    def _complaint(self) -> str:
        return f"no byte moved for {self.patience:g} seconds"

    def _untaken(self) -> int:
        """Bytes that the kernel holds and the peer's has not taken; 0 where nobody can tell."""
        if not isinstance(self.transport, trio.SocketStream):
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
            OSError: The peer is gone, or no byte has moved for `patience` seconds.
        """
        if not isinstance(self.transport, trio.SocketStream):
            return 0
        if trio.current_time() - self._looked_at > LOOK_S and self._has_stopped():
            raise TimeoutError(self._complaint)
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
        if not isinstance(self.transport, trio.SocketStream):
            return await self.transport.receive_some(max_bytes)
        socket = self.transport.socket
        while True:
            # Whoever reads here has answered all that was said, so reading first would be in vain.
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
