"""Heads that no client should send are refused in few words, and are never a fault of the server.

Rule: heads are mutated by a seed, in every place that the server or the framework below it reads;
each is answered, none with 500, and none leaves a record of a fault.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator

import pytest
import trio
from support.raw_http import connect
from support.served import Serve

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
]
TAILS = [b"/", b"?", b"?types=", b"?limit=", b"%2f", b""]
METHODS = [*[b"GET"] * 8, b"POST", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"get", b"FOO"]
METHODS += [b"G\xc3", b"A" * 200, b"CONNECT", b"TRACE", b"PUT"]
COUNT = 150


def mutated(seed: int) -> Iterator[bytes]:
    """Yield heads, each of them whole."""
    pick = random.Random(seed)
    for _ in range(COUNT):
        tail = pick.choice(TAILS) + pick.choice(JUNK) if pick.random() < 0.6 else b""
        headers = [(b"Host", pick.choice(JUNK) if pick.random() < 0.05 else b"localhost")]
        headers += [
            (pick.choice(NAMES), pick.choice(BEGINNINGS) + pick.choice(JUNK))
            for _ in range(pick.randrange(3))
        ]
        pick.shuffle(headers)
        lines = b"".join(b"%s: %s\r\n" % header for header in headers)
        path = pick.choice(PATHS) + tail
        yield b"%s %s HTTP/1.1\r\n%s\r\n" % (pick.choice(METHODS), path, lines)


@pytest.mark.parametrize("keys", [(), ("k",)])
@pytest.mark.parametrize("seed", [1, 2])
async def test_a_mutated_head_is_answered_and_no_fault(
    serve_with: Serve, caplog: pytest.LogCaptureFixture, seed: int, keys: tuple[str, ...]
) -> None:
    url = await serve_with(
        api_keys=keys, trusted_proxies=("127.0.0.1",), rate_limit=0, cors_origins=("http://a",)
    )
    logger = logging.getLogger("glowback_trio")
    logger.addHandler(caplog.handler)  # the server's own handler writes in a thread
    try:
        for head in mutated(seed):
            with trio.fail_after(10):
                async with await connect(url) as stream:
                    await stream.send_all(head)
                    answer = await stream.receive_some(64)
            assert answer.startswith(b"HTTP/1.1 "), head
            assert answer[9:12] != b"500", head
    finally:
        logger.removeHandler(caplog.handler)
    assert [record for record in caplog.records if record.exc_info] == []
