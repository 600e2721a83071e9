"""The writes of a response: which parts go together, and which go at once.

Rule: a short response is one write, the head of a stream never waits, and a client that does not
read costs no more than one piece of a long response.
"""

from __future__ import annotations

import gc
import tracemalloc

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send
from support.virtual_net import KIB
from support.virtual_server import serving
from trio.testing import MockClock

GET = b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n"


async def start(send: Send, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def whole(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in three messages, as Quart does."""
    await start(send, (b"content-length", b"2"))
    await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def late(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin a stream that has nothing to send yet."""
    await start(send)
    await trio.sleep(5)
    await send({"type": "http.response.body", "body": b"at last"})


async def stumble(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin an answer, and fail before there is any of it."""
    await start(send, (b"content-length", b"2"))
    raise ValueError("no body")


async def empty(scope: Scope, receive: Receive, send: Send) -> None:
    """Send nothing for ever after all has been sent."""
    await start(send, (b"content-length", b"2"))
    await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    while True:
        await send({"type": "http.response.body", "body": b"", "more_body": True})


LONG = bytes(range(256)) * 4 * KIB


async def long(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a megabyte that is there once for all."""
    await start(send, (b"content-length", b"%d" % len(LONG)))
    await send({"type": "http.response.body", "body": LONG})


async def long_chunked(scope: Scope, receive: Receive, send: Send) -> None:
    """Do the same without saying how much it is."""
    await start(send)
    await send({"type": "http.response.body", "body": LONG})


HANDLERS = App().handlers | {"/whole": whole, "/late": late, "/stumble": stumble, "/empty": empty}
HANDLERS |= {"/long": long, "/long/chunked": long_chunked}


@pytest.mark.parametrize("path", [b"/", b"/whole"])
async def test_a_response_of_known_length_goes_in_one_write(
    path: bytes, autojump_clock: MockClock
) -> None:
    async with serving(App(HANDLERS)) as server:
        client = server.connect()
        await client.send(GET % path)
        data = await client.stream.receive_some(65536)
        assert data.startswith(b"HTTP/1.1 200 OK")
        assert data.endswith(b"\r\n\r\nok")
        client.stream.close()


async def test_the_head_of_a_stream_waits_for_nothing(autojump_clock: MockClock) -> None:
    async with serving(App(HANDLERS)) as server:
        client = server.connect()
        await client.send(GET % b"/late")
        with trio.fail_after(1):
            assert (await client.read_head()).startswith(b"HTTP/1.1 200 OK")
        client.stream.close()


async def test_a_response_that_fails_before_its_body_is_a_500(autojump_clock: MockClock) -> None:
    async with serving(App(HANDLERS)) as server:
        assert (await server.connect().get(b"/stumble")).status == 500
        assert await server.still_answers()
    assert server.faults == ["ValueError('no body')"]
    assert server.requests[0].status == 500


async def test_an_application_that_sends_empty_pieces_for_ever_lets_others_run(
    autojump_clock: MockClock,
) -> None:
    async with serving(App(HANDLERS)) as server:
        client = server.connect()
        await client.send(GET % b"/empty")
        await client.read_head()
        client.stream.close()
        await trio.sleep(2)
        assert server.app.running == 0
        assert await server.still_answers()


@pytest.mark.parametrize("path", [b"/long", b"/long/chunked"])
async def test_a_long_response_that_is_not_read_is_copied_piece_by_piece_only(
    path: bytes, autojump_clock: MockClock
) -> None:
    async with serving(App(HANDLERS)) as server:
        assert (await server.connect().get(path)).body == LONG
        gc.collect()
        tracemalloc.start()
        try:
            stalled = [server.connect(capacity=KIB) for _ in range(10)]
            for client in stalled:
                await client.send(GET % path)
                await client.stream.receive_some(1)
            await trio.sleep(1)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held / len(stalled) < 256 * KIB
        for client in stalled:
            client.stream.close()
        assert await server.still_answers()


@pytest.mark.parametrize("path", [b"/long", b"/long/chunked"])
async def test_a_client_that_leaves_in_a_long_response_ends_it(
    path: bytes, autojump_clock: MockClock
) -> None:
    async with serving(App(HANDLERS)) as server:
        client = server.connect()
        await client.send(GET % path)
        await client.stream.receive_some(1000)
        client.stream.reset()
        assert await server.still_answers()
    assert [record.complete for record in server.requests] == [False, True]
