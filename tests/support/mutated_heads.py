"""Request heads that no client should send, by a seed.

Rule: every head is whole, so that a server has to answer it; a body follows where the head declares
one of a length that can be sent.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import attrs

__all__ = ["MutatedRequest", "mutated_requests"]

JUNK = [
    *(b"", b"\xff\xfe", b"%zz", b"%00", b"\\", b"..", b"a" * 300, b"%ff%fe", b";", b",", b"="),
    *(b"\xc3\xa9", b"?", b"&&&", b"%", b"#", b"\t", b"[::", b"0x1", b"-1", b"9" * 20, b"'\""),
    *(b"<>", b"%e2%82", b"\x80", b"*"),
]
BEGINNINGS = [
    *(b"", b"application/json; charset=", b"Basic ", b"Bearer ", b"a="),
    b"multipart/form-data; boundary=",
]
NAMES = [
    *(b"Content-Type", b"Cookie", b"Authorization", b"X-Forwarded-For", b"X-Forwarded-Proto"),
    *(b"X-Forwarded-Host", b"Forwarded", b"Accept", b"Range", b"If-None-Match", b"Origin"),
    *(b"If-Modified-Since", b"Referer", b"Last-Event-ID", b"Idempotency-Key", b"X-Request-ID"),
    *(b"X-API-Key", b"Accept-Encoding", b"Content-Encoding", b"User-Agent", b"Accept-Language"),
    b"Access-Control-Request-Method",
]
PATHS = [
    *(b"/backtests", b"/healthz", b"/strategies", b"/backtests/x", b"/backtests/x/events", b"/"),
    *(b"/docs/x", b"/v1/datasets", b"/metrics", b"/backtests/x/stream", b"/stream-tickets"),
    *(b"/imports", b"/v1/backtests/x/equity.csv", b"//readyz", b"/nowhere", b"http://a/docs"),
]
TAILS = [b"/", b"?", b"?types=", b"?limit=", b"%2f", b""]
METHODS = [*[b"GET"] * 8, *[b"POST"] * 2, b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"get", b"head"]
METHODS += [b"FOO", b"G\xc3", b"A" * 200, b"CONNECT", b"TRACE", b"PUT"]
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
WEBSOCKET = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
#: Lines about the framing and the connection, and the body that follows them.
FRAMINGS = [
    *[(b"", b"")] * 12,
    (b"Content-Length: 0\r\n", b""),
    *[(b"Content-Length: 5\r\nContent-Type: application/json\r\n", b'{"a"}')] * 2,
    (b"Content-Length: 00005\r\n", b"hello"),
    (b"Content-Length: 5, 5\r\n", b"hello"),
    (b"Content-Length: -5\r\n", b""),
    (b"Content-Length: 99999999999\r\n", b""),
    (b"Content-Length: " + b"9" * 400 + b"\r\n", b""),
    (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", CHUNKS),
    *[(b"Transfer-Encoding: chunked\r\n", CHUNKS)] * 2,
    (b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
    (b"Transfer-Encoding: \xff\r\n", CHUNKS),
    (b"Expect: 100-continue\r\nContent-Length: 5\r\n", b"hello"),
    (b"Expect: 200-ok\r\n", b""),
    (b"Connection: close\r\n", b""),
    (b"Connection: keep-alive, Host, \t,,\r\n", b""),
    (b"Connection: Upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n", b""),
    (WEBSOCKET, b""),
    (WEBSOCKET + b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b""),
]


@attrs.frozen
class MutatedRequest:
    """A request as it goes over the wire, and its method as a server understands it."""

    data: bytes
    method: bytes


def mutated_requests(seed: int, count: int) -> Iterator[MutatedRequest]:
    """Yield so many requests."""
    pick = random.Random(seed)
    for _ in range(count):
        tail = pick.choice(TAILS) + pick.choice(JUNK) if pick.random() < 0.6 else b""
        headers = [(b"Host", pick.choice(JUNK) if pick.random() < 0.05 else b"localhost")]
        headers += [
            (pick.choice(NAMES), pick.choice(BEGINNINGS) + pick.choice(JUNK))
            for _ in range(pick.randrange(3))
        ]
        pick.shuffle(headers)
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        method, path = pick.choice(METHODS), pick.choice(PATHS) + tail
        framing, body = pick.choice(FRAMINGS)
        head = b"%s %s HTTP/1.1\r\n%s%s\r\n" % (method, path, lines, framing)
        yield MutatedRequest(head + body, method.upper())
