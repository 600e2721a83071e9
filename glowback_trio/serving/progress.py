"""A stream that gives up on a peer when no byte has moved for a while."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

import trio
from attrs import define

__all__ = ["RECEIVE_BYTES", "ProgressStream"]

# A stream that is no socket tells nothing until a piece has gone as a whole, so pieces are small:
# with the default deadline a reader of 34 bytes a second is still moving.
PIECE_BYTES = 1024

#: At once.
RECEIVE_BYTES = 64 * 1024

DAY_S = 24 * 60 * 60

# A send that took longer than this has waited for the peer, not for the event loop.
WAITED_S = 0.1


@define(eq=False)
class ProgressStream(trio.abc.Stream):
    """Any stream, with a deadline on progress instead of a deadline on the whole send.

    It stands below TLS, so progress is what the transport takes. A slow reader is never cut while
    it moves; a reader that stopped is, after `patience` seconds.

    Attributes:
        transport: The stream that carries the bytes.
        patience: Seconds without a byte moving.
        moved_at: When the transport last took bytes of a send that had to wait, on trio's clock:
            a sign of life from the peer.
    """

    transport: trio.abc.Stream
    patience: float
    moved_at: float = float("-inf")

    def __attrs_post_init__(self) -> None:
        # What the kernel has taken may never arrive: a stream that says little would take a quarter
        # of an hour to find out that its peer has lost power. Other systems keep their own time.
        if isinstance(self.transport, trio.SocketStream) and hasattr(socket, "TCP_USER_TIMEOUT"):
            with suppress(OSError):  # a Unix socket
                patience_ms = int(min(self.patience, DAY_S) * 1000)
                self.transport.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience_ms)

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
        began = trio.current_time()
        with trio.move_on_after(self.patience):
            sent = await self._send_piece(view)
            now = trio.current_time()
            if now - began > WAITED_S:
                self.moved_at = now
            return sent
        raise trio.BrokenResourceError(f"no byte moved for {self.patience:g} seconds")

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
            OSError: The peer is gone.
        """
        if isinstance(self.transport, trio.SocketStream):
            with suppress(BlockingIOError):
                return os.write(self.transport.socket.fileno(), data)
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
