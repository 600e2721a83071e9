"""HTTP by hand: bytes out, bytes in."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import trio

__all__ = ["Answer", "connect", "read_answer", "say"]


@attrs.frozen
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


async def connect(url: str) -> trio.SocketStream:
    host, port = url.removeprefix("http://").split(":")
    return await trio.open_tcp_stream(host, int(port))


async def read_answer(stream: trio.abc.ReceiveStream) -> Answer:
    """Read one answer that has a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += await stream.receive_some()
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive_some()
    return Answer(int(status.split()[1]), headers, body)


async def say(url: str, data: bytes) -> Answer:
    """Send bytes on a connection of their own and read the answer."""
    with trio.fail_after(10):
        async with await connect(url) as stream:
            await stream.send_all(data)
            return await read_answer(stream)
