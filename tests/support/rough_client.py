"""A client that may send anything: HTTP as bytes, WebSocket frame by frame.

Frames are written and read by hand after RFC 6455, so that a fault of wsproto cannot hide itself;
responses are read by h11.
"""

from __future__ import annotations

import struct
from typing import Any

import h11
import trio
from attrs import define, field, frozen

HANDSHAKE = (
    b"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s\r\n"
)
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
# What a client may meet when the other side has gone.
GONE = (
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio.EndOfChannel,
    h11.RemoteProtocolError,
)
MASK = b"\x12\x34\x56\x78"


@frozen
class Reply:
    """A whole HTTP response."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


@define(eq=False)
class RoughClient:
    """One connection, over which a test sends any bytes."""

    stream: Any
    buffer: bytearray = field(factory=bytearray)

    async def send(self, data: bytes) -> None:
        await self.stream.send_all(data)

    async def read_to_end(self) -> bytes:
        """Return all bytes until the server closes; a reset is an error."""
        while data := await self.stream.receive_some(65536):
            self.buffer += data
        whole = bytes(self.buffer)
        self.buffer.clear()
        return whole

    async def read_reply(self, method: bytes = b"GET") -> Reply:
        """Read one response; bytes after it stay for the next call."""
        parser = h11.Connection(h11.CLIENT)
        parser.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"localhost")]))
        parser.send(h11.EndOfMessage())
        if self.buffer:
            parser.receive_data(bytes(self.buffer))
        status, headers, body = 0, {}, b""
        while True:
            match parser.next_event():
                case h11.NEED_DATA:
                    parser.receive_data(await self.stream.receive_some(65536))
                case h11.Response() as response:
                    status, headers = response.status_code, dict(response.headers)
                case h11.Data() as part:
                    body += part.data
                case h11.ConnectionClosed():
                    raise trio.EndOfChannel("the server closed without an answer")
                case h11.EndOfMessage():
                    self.buffer = bytearray(parser.trailing_data[0])
                    return Reply(status, headers, body)

    async def get(self, path: bytes = b"/", *lines: bytes) -> Reply:
        head = b"".join(line + b"\r\n" for line in (b"GET %s HTTP/1.1" % path, b"Host: localhost"))
        await self.send(head + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        return await self.read_reply()

    async def upgrade(self, path: bytes = b"/echo", *lines: bytes) -> bytes:
        """Send a WebSocket handshake and return the head of the response."""
        await self.send(HANDSHAKE % (path, b"".join(line + b"\r\n" for line in lines)))
        return await self.read_head()

    async def read_head(self) -> bytes:
        while b"\r\n\r\n" not in self.buffer:
            await self._more()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer = bytearray(rest)
        return head

    async def read_frame(self) -> tuple[int, bytes]:
        """Return the next frame's opcode and payload."""
        head = await self._exactly(2)
        length = head[1] & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._exactly(8))
        return head[0] & 0x0F, await self._exactly(length)

    async def read_close(self) -> int:
        """Read on to the close frame, and return its code; 1005 when it has none."""
        while True:
            opcode, payload = await self.read_frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big") if payload else 1005

    async def _exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            await self._more()
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    async def _more(self) -> None:
        data = await self.stream.receive_some(65536)
        if not data:
            raise trio.EndOfChannel("the server closed without more")
        self.buffer += data


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
) -> bytes:
    """Return one frame as a client sends it, or as it must not."""
    first = (fin << 7) | (rsv << 4) | opcode
    mask_bit = 0x80 if masked else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, mask_bit | len(payload))
    elif len(payload) < 65536:
        head = struct.pack("!BBH", first, mask_bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, mask_bit | 127, len(payload))
    if not masked:
        return head + payload
    return head + MASK + bytes(byte ^ MASK[i % 4] for i, byte in enumerate(payload))


def close_frame(code: int | None = 1000, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)
