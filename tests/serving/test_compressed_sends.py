"""Compressed sends that are cancelled.

Rule: a cancelled send either goes as a whole or not at all, and leaves the next message readable.
"""

from __future__ import annotations

import zlib

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send
from support.rough_client import CLOSE, TEXT
from support.virtual_server import serving
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving import Limits

OFFER = b"Sec-WebSocket-Extensions: permessage-deflate"
# Compressible, and more than the client's buffers hold even so.
WORDS = [" ".join(str(n * n) for n in range(first, first + 2000)) for first in range(3)]


def inflate(payload: bytes) -> str:
    return zlib.decompressobj(-15).decompress(payload + b"\x00\x00\xff\xff").decode()


@pytest.mark.parametrize("cancelled", ["one", "many"])
async def test_a_compressed_send_cancelled_in_the_queue_leaves_the_next_one_readable(
    cancelled: str, autojump_clock: MockClock
) -> None:
    async def crowd(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, {"type": "websocket.send", "text": WORDS[0]})
            await wait_all_tasks_blocked()
            for _ in range(1 if cancelled == "one" else 5):
                with trio.move_on_after(1) as scope_:
                    await send({"type": "websocket.send", "text": WORDS[1]})
                assert scope_.cancelled_caught
        await send({"type": "websocket.send", "text": WORDS[2]})
        await send({"type": "websocket.close"})

    async with serving(App({"/crowd": crowd}), limits=Limits(compression=True)) as server:
        client = server.connect(capacity=1000)
        head = await client.upgrade(b"/crowd", OFFER)
        assert b"permessage-deflate" in head
        await trio.sleep(10)
        for words in (WORDS[0], WORDS[2]):
            opcode, payload = await client.read_frame()
            assert (opcode, inflate(payload)) == (TEXT, words)
        assert (await client.read_frame())[0] == CLOSE
    assert server.faults == []
