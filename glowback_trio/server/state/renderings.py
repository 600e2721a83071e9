"""Renderings: long bodies, written once into a file without a name, and read by any number."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import closing
from weakref import WeakValueDictionary, finalize

import trio
from attrs import define, field, frozen

from glowback_trio.errors import ResourceError
from glowback_trio.memory import Account, Holding
from glowback_trio.wire.tables import Chunks

__all__ = ["Draft", "Rendering", "Renderings"]

# A shorter body stays in memory; a longer one is read from its file in such pieces. With its copy
# on the way to the socket, a client that does not read holds `_HELD` at most.
_PIECE = 64 * 1024
_HELD = 4 * _PIECE

# What is made of less is written within some 50 ms, so it need not queue behind what takes seconds.
_BIG = 1 << 20
_BIG_AT_ONCE = 2
_MOST_UNDER_WAY = 64
_MOST_S = 120.0


@frozen(eq=False)
class Draft:
    """A body that is not written yet.

    Attributes:
        chunks: Its chunks, each worked out when it is asked for.
        size: Bytes of the arrays or texts that it is made of.
    """

    chunks: Chunks
    size: int


@define(eq=False)
class Rendering:
    """A body in a file without a name, which is gone with its last reader."""

    _descriptor: int
    size: int

    def __attrs_post_init__(self) -> None:
        finalize(self, os.close, self._descriptor)

    def read(self, position: int) -> bytes:
        """Return the next piece. Blocks while the disk reads."""
        return os.pread(self._descriptor, _PIECE, position)


@define(eq=False)
class Renderings:
    """The renderings that are being written or read.

    A body is written as a whole before the first byte is sent, at the speed of the processor. So a
    client that reads slowly holds a piece of a file and nothing else: no thread, no place, no
    result. All who want the same body at the same time share one.

    Args:
        account: Told of what is read for them and of the pieces that clients hold.
    """

    _account: Account
    _shared: WeakValueDictionary[object, Rendering] = field(factory=WeakValueDictionary, init=False)
    _under_way: dict[object, trio.Event] = field(factory=dict, init=False)
    _drafting: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(_BIG_AT_ONCE), init=False
    )
    _big: trio.CapacityLimiter = field(
        factory=lambda: trio.CapacityLimiter(_BIG_AT_ONCE), init=False
    )
    # Threads of their own: one that writes a short body never waits for a long one's.
    _threads: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(2), init=False)
    _big_threads: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1), init=False)
    _reading: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(4), init=False)

    async def of(self, key: object, draft: Callable[[], Awaitable[Draft]]) -> bytes | Rendering:
        """Return a body: its bytes if it is short, or its rendering.

        Args:
            key: What is wanted; the same for all who may share it.
            draft: Begins it. Called once more if it has to wait for a place.

        Raises:
            ResourceError: Too many are under way, there is no memory for it, or it takes too long.
        """
        while (under_way := self._under_way.get(key)) is not None:
            await under_way.wait()
        if (known := self._shared.get(key)) is not None:
            return known
        if len(self._under_way) >= _MOST_UNDER_WAY:
            raise ResourceError("places for downloads")
        done = self._under_way[key] = trio.Event()
        try:
            body = await self._drafted(draft)
            if isinstance(body, Rendering):
                self._shared[key] = body
            return body
        finally:
            del self._under_way[key]
            done.set()

    async def _drafted(self, draft: Callable[[], Awaitable[Draft]]) -> bytes | Rendering:
        async with self._drafting:
            begun = await draft()
        if begun.size < _BIG:
            return await self._written(begun, self._threads)
        begun.chunks.close()
        del begun  # what waits for its place holds nothing meanwhile
        async with self._big:
            begun = await draft()
            with self._account.reserved(begun.size):
                return await self._written(begun, self._big_threads)

    async def _written(self, begun: Draft, threads: trio.CapacityLimiter) -> bytes | Rendering:
        with closing(begun.chunks), tempfile.SpooledTemporaryFile(_PIECE) as file:

            def write_chunk() -> bool:
                if (chunk := next(begun.chunks, None)) is None:
                    return False
                file.write(chunk)
                return True

            # A hop for each chunk, so that others get their turn; a thread cannot be interrupted.
            # The time is the processor's, not trio's: a thread works whatever trio's clock says.
            ends = time.monotonic() + _MOST_S
            while await trio.to_thread.run_sync(write_chunk, limiter=threads):
                if time.monotonic() > ends:
                    raise ResourceError("time to write this download")
            size = file.tell()
            if size <= _PIECE:
                file.seek(0)
                return file.read()
            file.flush()
            return Rendering(os.dup(file.fileno()), size)

    def body(self, rendering: Rendering) -> AsyncGenerator[bytes, None]:
        """Return the pieces of a body, each read when the one before was sent.

        Raises:
            ResourceError: There is no memory for one more reader.
        """
        held = Holding(self._account)
        held.resize(_HELD)
        return self._pieces(rendering, held)

    async def _pieces(self, rendering: Rendering, held: Holding) -> AsyncGenerator[bytes, None]:
        position = 0
        while position < rendering.size:
            piece = await self._read(rendering, position)
            position += len(piece)
            yield piece
        del held

    async def _read(self, rendering: Rendering, position: int) -> bytes:
        try:
            return await trio.to_thread.run_sync(rendering.read, position, limiter=self._reading)
        except RuntimeError as error:
            if ResourceError.of(error) is None:
                raise
            # No thread can be started. A body that has begun is not cut off, and it is one piece.
            return rendering.read(position)
