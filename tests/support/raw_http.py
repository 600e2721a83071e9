"""A raw HTTP client over a socket, for requests that no library would send.

Rule: it reads only what its caller requests, and checks nothing of a response.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import attrs
import trio

__all__ = [
    "RawResponse",
    "connect",
    "open_request",
    "read_response",
    "read_until",
    "send_raw",
    "shake",
]


@attrs.frozen
class RawResponse:
    """A whole response, its header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def connect(url: str) -> trio.SocketStream:
    host, port = url.removeprefix("http://").split(":")
    return await trio.open_tcp_stream(host, int(port))


async def read_response(stream: trio.abc.ReceiveStream) -> RawResponse:
    """Read one response that has a `Content-Length`, or no body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive_some()
    return RawResponse(int(status.split()[1]), headers, body)


async def send_raw(url: str, data: bytes) -> RawResponse:
    """Send bytes on a new connection and read one response."""
    with trio.fail_after(10):
        async with await connect(url) as stream:
            await stream.send_all(data)
            return await read_response(stream)


async def shake(url: str, path: str, *headers: str, host: str = "localhost") -> RawResponse:
    """Send a handshake by hand and read the response."""
    lines = "".join(f"{line}\r\n" for line in headers)
    head = (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
    return await send_raw(url, head.encode())


@asynccontextmanager
async def open_request(url: str, path: str, **headers: str) -> AsyncIterator[trio.SocketStream]:
    """Open a connection and send a GET request; the response is left to be read."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    async with await connect(url) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        yield stream


async def read_until(stream: trio.abc.ReceiveStream, mark: bytes) -> bytes:
    """Read until these bytes have come, and return all that has come."""
    data = b""
    while mark not in data:
        more = await stream.receive_some()
        assert more, f"the end came before {mark!r}: {data!r}"
        data += more
    return data
