"""Requests changed in a few bytes, sent to the server, and read by h11 beside it.

Rule: the server reads what h11 reads, or refuses it. It never takes anything for a request that h11
does not, and never another method, target, header or body.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

from attrs import define, field
from support.asgi_apps import answer
from support.h11_oracle import ReadRequest, read_by_h11
from support.virtual_server import serving
from trio.testing import wait_all_tasks_blocked

__all__ = ["changed_requests", "compare_with_h11"]

HEAD = b"GET /a?b=c HTTP/1.1\r\nHost: test\r\nAccept: */*\r\n"
POST = b"POST /a HTTP/1.1\r\nHost: test\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: test\r\n\r\n"
#: Valid requests, most with another behind them.
SEEDS = [
    HEAD + b"\r\n" + NEXT,
    HEAD + b"Connection: close\r\n\r\n" + NEXT,
    HEAD + b"X-Empty:\r\nCookie: a=b; c=\xc3\xa9\r\n\r\n" + NEXT,
    b"GET http://test/a HTTP/1.1\r\nHost: test\r\n\r\n" + NEXT,
    b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n" + NEXT,
    b"GET / HTTP/1.0\r\n\r\n" + NEXT,
    POST + b"Content-Length: 5\r\n\r\nhello" + NEXT,
    POST + b"Content-Length: 0\r\n\r\n" + NEXT,
    POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + NEXT,
    POST + CHUNKED + b"5\r\nhello\r\n3\r\n\r\n\r\r\n0\r\n\r\n" + NEXT,
    POST + CHUNKED + b'5;a=b;c="d"\r\nhello\r\n00\r\nX: y\r\nZ: a\r\n\r\n' + NEXT,
    POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n\r\nhello" + NEXT,
    POST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n" + CHUNKED + b"1\r\na\r\n0\r\n\r\n" + NEXT,
]
#: What smuggling is made of.
BYTES = [
    *(b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b":", b",", b";", b"\0", b"\x0b", b"\x0c"),
    *(b"\x85", b"\xa0", b"\xff", b"0", b"1", b"f", b"_", b"+", b"-", b"0x", b"\x7f", b"\x1f", b'"'),
]
LINES = [
    *(b"Content-Length: 5\r\n", b"Content-Length: 6\r\n", b"Content-Length : 5\r\n"),
    *(b"Content-Length:\t5\r\n", b"Content-Length: 5 \r\n", b"Content-Length: 5, 5\r\n"),
    *(b"content-length: 0x5\r\n", b"Content-Length: 1_0\r\n", b"Content-Length: \xb25\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: chunked\r\n chunked\r\n"),
    *(b"Transfer-Encoding: identity\r\n", b"Transfer-Encoding: chunked, identity\r\n"),
    *(b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer_Encoding: chunked\r\n", b"X: \r\n y\r\n"),
    *(b"Transfer-Encoding: xchunked\r\n", b"transfer-encoding: CHUNKED\r\n", b": x\r\n", b"x\r\n"),
    *(b"Connection: Upgrade\r\n", b"Upgrade: websocket\r\n", b"Connection: keep-alive\r\n"),
    *(b"Host: other\r\n", b"Connection: close, x\r\n", b"Connection: content-length\r\n"),
    *(b"Proxy-Connection: close\r\n", b"Expect: 100-continue\r\n", b"Trailer: X\r\n"),
]


def changed_requests(seed: int, count: int) -> Iterator[list[bytes]]:
    """Yield what so many clients send, each in one or two pieces."""
    pick = random.Random(seed)
    for _ in range(count):
        data = pick.choice(SEEDS)
        for _ in range(pick.choice([0, 1, 1, 1, 2, 2, 3])):
            data = _changed(pick, data)
        cut = pick.randrange(len(data))
        yield [data] if pick.random() < 0.5 or not cut else [data[:cut], data[cut:]]


def _changed(pick: random.Random, data: bytes) -> bytes:
    at = pick.randrange(len(data))
    match pick.randrange(6):
        case 0:
            return data[:at] + pick.choice(BYTES) + data[at:]
        case 1:
            return data[:at] + data[at + 1 :] or data
        case 2:
            return data[:at] + pick.choice(BYTES) + data[at + 1 :]
        case 3:
            return data[:at] + bytes([data[at] ^ (1 << pick.randrange(8))]) + data[at + 1 :]
        case 4:  # a line more, after the first
            begin = data.find(b"\r\n") + 2
            return data[:begin] + pick.choice(LINES) + data[begin:]
        case _:  # a line twice
            begin = data.rfind(b"\r\n", 0, at) + 2
            end = data.find(b"\r\n", at) + 2
            return data[:end] + data[begin:end] + data[end:]


@define(eq=False)
class _Reader:
    """An application that keeps what reaches it."""

    running: int = 0
    requests: list[ReadRequest] = field(factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            event = await receive()
            if event["type"] != "http.request":
                return  # no whole request
            body += event["body"]
            more = event["more_body"]
        # As h11 hands it on: with its host, if it is a URL.
        target = scope["raw_path"] + (
            b"?" + scope["query_string"] if scope["query_string"] else b""
        )
        headers = tuple(sorted(scope["headers"]))
        self.requests.append(ReadRequest(scope["method"], target, headers, body))
        await answer(send)


async def compare_with_h11(seed: int, count: int) -> Counter[str]:
    """Send so many, and return how many were read alike, refused by both, and by ours alone.

    Raises:
        AssertionError: The server read something else than h11, with what was sent.
    """
    app, verdicts = _Reader(), Counter[str]()
    async with serving(app) as server:  # type: ignore[arg-type] # it runs no other tests
        for pieces in changed_requests(seed, count):
            app.requests.clear()
            client = server.connect()
            for piece in pieces:
                await client.send(piece)
            await wait_all_tasks_blocked()  # a client that leaves early is not answered
            await client.stream.send_eof()
            replies = await client.read_to_end()
            theirs = [_normal(request) for request in read_by_h11(pieces)]
            ours = [_normal(request) for request in app.requests]
            assert ours == theirs[: len(ours)], (pieces, ours, theirs)
            refused = len(ours) < len(theirs)
            # What is not served is refused in words, not dropped.
            assert not refused or b"HTTP/1.1 4" in replies or b"HTTP/1.1 5" in replies, pieces
            verdicts["stricter" if refused else "read" if ours else "refused"] += 1
    assert server.faults == []
    return verdicts


def _normal(request: ReadRequest) -> ReadRequest:
    """Return a request as it is alike in both: h11 keeps hosts in targets, and lowers codings."""
    target = request.target
    if not target.startswith((b"/", b"*")):
        path = target.partition(b"://")[2]
        begin = min((at for at in map(path.find, (b"/", b"?")) if at >= 0), default=len(path))
        path = path[begin:]
        target = path if path.startswith(b"/") else b"/" + path
    headers = tuple(
        (name, value.lower() if name == b"transfer-encoding" else value)
        for name, value in request.headers
    )
    return ReadRequest(request.method, target.removesuffix(b"?"), headers, request.body)
