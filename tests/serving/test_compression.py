"""permessage-deflate: its negotiation, its frames, and bombs.

Rule: no offer makes the server keep memory between messages, and no message is inflated beyond its
limit. Frames are checked against zlib, bytes against tracemalloc.
"""

from __future__ import annotations

import os
import tracemalloc
import zlib

import pytest
from support.rough_client import BINARY, CONTINUATION, PING, PONG, TEXT, RoughClient, frame
from support.virtual_server import VirtualServer, serving
from trio.testing import MockClock

from glowback_trio.serving import Limits

COMPRESSING = Limits(compression=True)
OFFER = b"permessage-deflate"
RSV1 = 4


def deflate(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-15)
    return (deflater.compress(data) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(data: bytes, bits: int = 15) -> bytes:
    return zlib.decompressobj(-bits).decompress(data + b"\x00\x00\xff\xff")


async def connect(server: VirtualServer, offer: bytes = OFFER) -> tuple[RoughClient, bytes]:
    client = server.connect()
    head = await client.upgrade(b"/echo", b"Sec-WebSocket-Extensions: " + offer)
    assert head.startswith(b"HTTP/1.1 101")
    _, found, answer = head.lower().partition(b"sec-websocket-extensions: ")
    return client, answer.partition(b"\r\n")[0] if found else b""


NO_TAKEOVER = b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (OFFER, NO_TAKEOVER),
        (OFFER + b"; client_max_window_bits", NO_TAKEOVER),
        (OFFER + b"; client_max_window_bits=10", NO_TAKEOVER),
        (OFFER + b"; server_no_context_takeover", NO_TAKEOVER),
        (OFFER + b"; server_max_window_bits=10", NO_TAKEOVER + b"; server_max_window_bits=10"),
        (OFFER + b"; server_max_window_bits=8, " + OFFER, NO_TAKEOVER),
        (OFFER + b", " + OFFER + b"; server_max_window_bits=10", NO_TAKEOVER),
        (OFFER + b"; server_max_window_bits=8", b""),
        (OFFER + b"; server_max_window_bits=16", b""),
        (OFFER + b"; server_max_window_bits", b""),
        (OFFER + b"; server_max_window_bits=ten", b""),
        (OFFER + b"; server_max_window_bits=9; server_max_window_bits=9", b""),
        (OFFER + b"; unheard_of", b""),
        (b"permessage-bzip2", b""),
        (b";;=,", b""),
    ],
)
async def test_an_offer_is_accepted_without_context_takeover_or_declined(
    offer: bytes, answer: bytes, autojump_clock: MockClock
) -> None:
    async with serving(limits=COMPRESSING) as server:
        client, answered = await connect(server, offer)
        assert answered == answer
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")


async def test_messages_are_compressed_both_ways(autojump_clock: MockClock) -> None:
    text = b"over and " * 100
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server)
        for _ in range(3):  # the third needs nothing of the first two
            await client.send(frame(TEXT, deflate(text), rsv=RSV1))
            opcode, payload = await client.read_frame()
            assert (opcode, inflate(payload)) == (TEXT, text)
            assert len(payload) < 50


async def test_a_smaller_window_is_respected(autojump_clock: MockClock) -> None:
    noise = os.urandom(2000) * 4
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server, OFFER + b"; server_max_window_bits=9")
        await client.send(frame(BINARY, noise))
        _, payload = await client.read_frame()
        assert inflate(payload, bits=9) == noise


async def test_a_short_message_is_sent_as_it_is(autojump_clock: MockClock) -> None:
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server)
        await client.send(frame(BINARY, deflate(b"short"), rsv=RSV1))
        assert await client.read_frame() == (BINARY, b"short")


async def test_a_ping_may_come_between_compressed_fragments(autojump_clock: MockClock) -> None:
    whole = deflate(b"one message in three frames")
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server)
        await client.send(
            frame(BINARY, whole[:5], fin=False, rsv=RSV1)
            + frame(PING, b"?")
            + frame(CONTINUATION, whole[5:9], fin=False)
            + frame(CONTINUATION, whole[9:])
            + frame(BINARY, b"plain")
        )
        assert await client.read_frame() == (PONG, b"?")
        assert await client.read_frame() == (BINARY, b"one message in three frames")
        assert await client.read_frame() == (BINARY, b"plain")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(BINARY, b"\xff\xff\xff", rsv=RSV1), 1007),
        (frame(TEXT, deflate(b"\xff"), rsv=RSV1), 1007),
        (frame(BINARY, deflate(bytes(16_385)), rsv=RSV1), 1009),
        (frame(PING, b"", rsv=RSV1), 1002),
        (frame(BINARY, b"", fin=False) + frame(CONTINUATION, b"", rsv=RSV1), 1002),
        (frame(BINARY, b"x", rsv=RSV1 | 1), 1002),
    ],
)
async def test_bad_compression_is_answered_with_its_code(
    sent: bytes, code: int, autojump_clock: MockClock
) -> None:
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server)
        await client.send(sent)
        assert await client.read_close() == code
        client.stream.close()
        assert await server.still_answers()


async def test_the_longest_message_allowed_is_accepted(autojump_clock: MockClock) -> None:
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server)
        await client.send(frame(BINARY, deflate(bytes(16_384)), rsv=RSV1))
        _, payload = await client.read_frame()
        assert inflate(payload) == bytes(16_384)


async def test_a_bomb_is_not_inflated(autojump_clock: MockClock) -> None:
    bomb = frame(BINARY, deflate(bytes(50_000_000)), rsv=RSV1)
    async with serving(limits=COMPRESSING) as server:
        client, _ = await connect(server)
        tracemalloc.start()
        try:
            await client.send(bomb)
            assert await client.read_close() == 1009
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 2_000_000
        client.stream.close()
        assert await server.still_answers()
