"""A network in memory: bounded pipes, half-close, resets, and a listener that accepts them."""

from __future__ import annotations

import math
from contextlib import suppress
from socket import AF_INET
from typing import Any

import trio
from attrs import define, field, frozen

KIB = 1024


@frozen
class FakeSocket:
    """The part of a socket that a server reads its addresses from."""

    name: tuple[str, int]
    peer: tuple[str, int]
    family: int = AF_INET

    def getsockname(self) -> tuple[str, int]:
        return self.name

    def getpeername(self) -> tuple[str, int]:
        return self.peer


@define(eq=False)
class Pipe:
    """Bytes in one direction, at most `capacity` of them unread."""

    capacity: int
    data: bytearray = field(factory=bytearray)
    ended: bool = False
    broken: bool = False
    changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    async def write(self, view: memoryview) -> int:
        await trio.lowlevel.checkpoint()
        while len(self.data) >= self.capacity and not self.broken and not self.ended:
            await self.changed.park()
        if self.ended:
            raise trio.ClosedResourceError("this end is closed")
        if self.broken:
            raise trio.BrokenResourceError("the peer is gone")
        piece = view[: self.capacity - len(self.data)]
        self.data += piece
        self.changed.unpark_all()
        return len(piece)

    async def read(self, most: int) -> bytes:
        await trio.lowlevel.checkpoint()
        while not self.data and not self.ended and not self.broken:
            await self.changed.park()
        if self.broken:
            raise trio.BrokenResourceError("the connection was reset")
        piece = bytes(self.data[:most])
        del self.data[:most]
        self.changed.unpark_all()
        return piece

    def end(self) -> None:
        self.ended = True
        self.changed.unpark_all()

    def break_off(self) -> None:
        self.broken = True
        self.changed.unpark_all()


@define(eq=False)
class End(trio.abc.HalfCloseableStream):
    """One end of a connection."""

    outgoing: Pipe
    incoming: Pipe
    socket: FakeSocket
    closed: bool = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        self._check()
        view = memoryview(data)
        while view:
            view = view[await self.outgoing.write(view) :]

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        self._check()
        data = await self.incoming.read(max_bytes or 64 * KIB)
        self._check()
        return data

    async def send_eof(self) -> None:
        self._check()
        self.outgoing.end()
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close as a socket does: bytes already sent arrive, later ones are answered by a reset."""
        self.closed = True
        self.outgoing.end()
        self.incoming.break_off()

    def reset(self) -> None:
        """Close as a socket with unread bytes does: nothing arrives any more either way."""
        self.outgoing.break_off()
        self.close()

    def _check(self) -> None:
        if self.closed:
            raise trio.ClosedResourceError("this end is closed")


def stream_pair(number: int, capacity: int = 64 * KIB) -> tuple[End, End]:
    """Return the client's and the server's end of a connection."""
    client, server = ("10.0.0.2", 40_000 + number), ("10.0.0.1", 80)
    up, down = Pipe(capacity), Pipe(capacity)
    return End(up, down, FakeSocket(client, server)), End(down, up, FakeSocket(server, client))


class Network(trio.abc.Listener[Any]):
    """A listener whose clients connect by a method call."""

    def __init__(self) -> None:
        self._send, self._receive = trio.open_memory_channel[End](math.inf)
        self._count = 0

    async def accept(self) -> End:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            raise trio.ClosedResourceError("the listener is closed") from None

    async def aclose(self) -> None:
        """Close as a socket does: connections that were not accepted yet are reset."""
        with suppress(trio.WouldBlock, trio.ClosedResourceError):
            while True:
                self._receive.receive_nowait().reset()
        self._receive.close()
        await trio.lowlevel.checkpoint()

    def connect(self, capacity: int = 64 * KIB) -> End:
        self._count += 1
        client, server = stream_pair(self._count, capacity)
        try:
            self._send.send_nowait(server)
        except trio.BrokenResourceError:
            raise ConnectionRefusedError("the listener is closed") from None
        return client
