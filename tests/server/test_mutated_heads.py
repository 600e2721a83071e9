"""Heads that no client should send are refused in few words, and are never a fault of the server.

Rule: heads are mutated by a seed, in every place that the server or the framework below it reads;
each is answered, none with 500, and none leaves a record of a fault.
"""

from __future__ import annotations

import logging

import pytest
import trio
from support.mutated_heads import mutated_requests
from support.raw_http import connect
from support.served import Serve

COUNT = 150


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
        for request in mutated_requests(seed, COUNT):
            with trio.fail_after(10):
                async with await connect(url) as stream:
                    await stream.send_all(request.data)
                    answer = await stream.receive_some(64)
            assert answer.startswith(b"HTTP/1.1 "), request
            assert answer[9:12] != b"500", request
    finally:
        logger.removeHandler(caplog.handler)
    assert [record for record in caplog.records if record.exc_info] == []
