"""HTTP by hand: bytes out, bytes in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

__all__ = ["RejectionResponse", "asking", "connect", "read_answer", "read_until", "say"]


@attrs.frozen
class RejectionResponse:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def connect(url: str) -> trio.SocketStream:
    host, port = url.removeprefix("http://").split(":")
    return await trio.open_tcp_stream(host, int(port))


async def read_answer(stream: trio.abc.ReceiveStream) -> RejectionResponse:
    """Read one answer that has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive_some()
    return RejectionResponse(int(status.split()[1]), headers, body)


async def say(url: str, data: bytes) -> RejectionResponse:
    """Send bytes on a connection of their own and read the answer."""
    with trio.fail_after(10):
        async with await connect(url) as stream:
            await stream.send_all(data)
            return await read_answer(stream)


@asynccontextmanager
async def asking(url: str, path: str, **headers: str) -> AsyncIterator[trio.SocketStream]:
    """A connection on which something was asked for, with the answer still to be read."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    async with await connect(url) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
        yield stream


async def read_until(stream: trio.abc.ReceiveStream, mark: bytes) -> bytes:
    """Read until something was said."""
    data = b""
    while mark not in data:
        more = await stream.receive_some()
        assert more, f"the end came before {mark!r}: {data!r}"
        data += more
    return data
