"""The wait of a connection's reader, and a reader that waits on any stream."""

from __future__ import annotations

from typing import Protocol

import trio
from attrs import define, field

from glowback_trio.serving.progress_stream import RECEIVE_BYTES

__all__ = ["Reader", "StreamReader", "receive"]


class Reader(Protocol):
    """The waiting side of one connection; only the connection's task waits."""

    async def wait(self, deadline: float, *, saturated: bool) -> bytes | None:
        """Return what has come; empty at the end of the stream, None when woken or too late.

        Args:
            deadline: When to return in any case, on trio's clock.
            saturated: True if nothing is read, so that the kernel's buffer fills and the client
                must wait.
        """

    def wake(self) -> None:
        """Let `wait` return, if it waits."""

    def wait_until(self, deadline: float) -> None:
        """Let `wait`, if it waits, do so until another deadline."""

    def close(self) -> None:
        """Forget the stream, before it is closed. Idempotent."""


async def receive(stream: trio.abc.Stream) -> bytes:
    """Receive what there is; empty once the peer has ended or is gone."""
    try:
        return bytes(await stream.receive_some(RECEIVE_BYTES))
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return b""


@define(eq=False)
class StreamReader:
    """Waits on any stream: TLS, and the streams of tests."""

    _stream: trio.abc.Stream
    #: Set while it waits.
    _waiting: trio.CancelScope | None = field(default=None, init=False)

    async def wait(self, deadline: float, *, saturated: bool) -> bytes | None:
        """Return what has come; see `Reader`."""
        data: bytes | None = None
        with trio.CancelScope(deadline=deadline) as self._waiting:
            if saturated:
                await trio.sleep_forever()
            data = await receive(self._stream)
        self._waiting = None
        return data

    def wake(self) -> None:
        """Let `wait` return, if it waits."""
        if self._waiting is not None:
            self._waiting.cancel()

    def wait_until(self, deadline: float) -> None:
        """Let `wait`, if it waits, do so until another deadline."""
        if self._waiting is not None:
            self._waiting.deadline = deadline

    def close(self) -> None:
        """Do nothing: the stream itself knows when it is closed."""
