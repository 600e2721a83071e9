"""A client of event streams with hands: it reads, stalls, vanishes, resumes and sends garbage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, Protocol

import orjson
import trio
from attrs import define, field

from glowback_trio.model.events import Event
from glowback_trio.testing.memory_server import MemoryServer
from glowback_trio.testing.sim.net import Connection, VirtualSocket

__all__ = ["Probe", "open_probe"]

Transport = Literal["websocket", "sse"]
_READ_BYTES = 64 * 1024


class _Reader(Protocol):
    """The events in the bytes of a transport."""

    def request(self, path: str, cursor: int) -> bytes:
        """Return what asks for the events after a cursor."""

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        """Return the messages that bytes complete, and what is to be answered."""

    @property
    def ended(self) -> str | None:
        """How the stream has ended; None while it has not."""


@define(eq=False)
class Probe:
    """A client of one run. Made by `open_probe`.

    Attributes:
        events: All events that it has read, over all its connections.
        ended: How the server has ended the stream: a close code such as `1000`, `end` for SSE,
            an HTTP status for a refusal, `reset` or `eof` for a lost connection; None while open.
    """

    _server: MemoryServer
    _run_id: str
    _transport: Transport
    events: list[Event] = field(factory=list)
    ended: str | None = None
    _cursor: int = 0
    _unread: list[Event] = field(factory=list)
    _stream: trio.SocketStream = field(init=False)
    _reader: _Reader = field(init=False)

    @property
    def connection(self) -> Connection:
        """The connection, for the test to reset, stall or cut at a byte."""
        socket = self._stream.socket
        if not isinstance(socket, VirtualSocket):
            raise TypeError("a probe needs the virtual network of serve_in_memory")
        return socket.connection

    async def read(self, most: int) -> list[Event]:
        """Read the next events; fewer than `most` when the stream ends before."""
        while len(self._unread) < most and self.ended is None:
            await self._receive()
        taken, self._unread = self._unread[:most], self._unread[most:]
        self.events += taken
        if taken:
            self._cursor = taken[-1].event_id
        return taken

    async def read_out(self) -> list[Event]:
        """Read to the end of the stream."""
        read = []
        while more := await self.read(max(len(self._unread), 1)):
            read += more
        return read

    async def send(self, data: bytes) -> None:
        """Send bytes as they are, which need not make sense."""
        await self._stream.send_all(data)

    def stall(self) -> None:
        """Let nothing arrive in either direction, until `go_on`."""
        self.connection.stall()

    def go_on(self) -> None:
        """End a `stall`."""
        self.connection.resume()

    def drop(self) -> None:
        """Vanish without a close: the server meets a reset. What was not read is lost."""
        self.connection.reset()
        self._stream.socket.close()
        self._unread.clear()
        self.ended = "reset"

    async def resume(self) -> None:
        """Connect again, after the last event that was read."""
        if self.ended is None:
            self.drop()
        await self.open(self._cursor)

    async def open(self, after: int) -> None:
        """Connect, and ask for the events after a cursor."""
        self._reader = _WebSocketReader() if self._transport == "websocket" else _SseReader()
        self._cursor, self.ended = after, None
        self._stream = await self._server.connect()
        await self.send(self._reader.request(f"/v1/backtests/{self._run_id}", after))

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive_some(_READ_BYTES)
            messages, answer = self._reader.feed(data)
            self._unread += map(_event_of, messages)
            self.ended = self._reader.ended or (None if data else "eof")
            if answer:
                await self.send(answer)
        except trio.BrokenResourceError:
            self.ended = self._reader.ended or "reset"


@asynccontextmanager
async def open_probe(
    server: MemoryServer, run_id: str, *, transport: Transport = "websocket", after: int = 0
) -> AsyncIterator[Probe]:
    """Open a stream of a run for the length of a block.

    Args:
        server: Who serves the run.
        run_id: The run.
        transport: `websocket` or `sse`.
        after: The cursor: only events with a higher id are sent.
    """
    probe = Probe(server, run_id, transport)
    await probe.open(after)
    try:
        yield probe
    finally:
        probe._stream.socket.close()  # noqa: SLF001 - the probe is this function's


def _event_of(data: bytes) -> Event:
    fields = orjson.loads(data)
    return Event(fields["event_id"], fields["type"], data)


_TEXT, _CONTINUATION, _CLOSE, _PING = 0x1, 0x0, 0x8, 0x9
# A constant key and an empty mask: no proxy is on the way that they would have to protect.
_HANDSHAKE = (
    "GET {} HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
_MASK = bytes(4)


@define(eq=False)
class _WebSocketReader:
    # By hand after RFC 6455: a general parser takes most of the time of many simulated rounds.
    ended: str | None = None
    _buffer: bytearray = field(factory=bytearray)
    _has_head: bool = False
    _parts: list[bytes] = field(factory=list)

    def request(self, path: str, cursor: int) -> bytes:
        return _HANDSHAKE.format(f"{path}/stream?last_event_id={cursor}").encode()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        self._buffer += data
        if not self._has_head and not self._take_head():
            return [], b""
        messages, answer = [], b""
        while (frame := self._next_frame()) is not None:
            is_last, opcode, payload = frame
            if opcode == _CLOSE:
                self.ended = str(int.from_bytes(payload[:2], "big") or 1005)
                answer += _frame(_CLOSE, payload)
            elif opcode == _PING:
                answer += _frame(_PING + 1, payload)
            elif opcode in {_TEXT, _CONTINUATION}:
                self._parts.append(payload)
                if is_last:
                    messages.append(b"".join(self._parts))
                    self._parts.clear()
        return messages, answer

    def _take_head(self) -> bool:
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        self._has_head, self._buffer = True, rest
        status = head.split()[1].decode()
        if status != "101":
            self.ended = status
        return self.ended is None

    def _next_frame(self) -> tuple[bool, int, bytes] | None:
        """Return whether it ends its message, its opcode and its payload; None if incomplete."""
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        size, start = buffer[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(buffer[2:start], "big")
        if len(buffer) < start + size:
            return None
        first, payload = buffer[0], bytes(buffer[start : start + size])
        del buffer[: start + size]
        return bool(first & 0x80), first & 0x0F, payload


def _frame(opcode: int, payload: bytes) -> bytes:
    """Return a control frame as a client sends it."""
    return bytes((0x80 | opcode, 0x80 | len(payload))) + _MASK + payload


@define(eq=False)
class _SseReader:
    ended: str | None = None
    _buffer: bytes = b""
    _has_head: bool = False

    def request(self, path: str, cursor: int) -> bytes:
        # HTTP/1.0 has no chunks: the body is the stream, up to the end of the connection.
        head = f"GET {path}/events HTTP/1.0\r\nHost: server\r\nAccept: text/event-stream\r\n"
        return f"{head}Last-Event-ID: {cursor}\r\n\r\n".encode()

    def feed(self, data: bytes) -> tuple[list[bytes], bytes]:
        self._buffer += data
        if not self._has_head and b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._has_head = True
            status = head.split()[1].decode()
            self.ended = None if status == "200" else status
        if not self._has_head or self.ended is not None:
            return [], b""
        *blocks, self._buffer = self._buffer.split(b"\n\n")
        if not data:
            self.ended = "end"
        lines = [line for block in blocks for line in block.split(b"\n")]
        prefix = b"data: "
        return [line.removeprefix(prefix) for line in lines if line.startswith(prefix)], b""
