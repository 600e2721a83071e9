"""What of an answer goes together, and what goes at once."""

from __future__ import annotations

import pytest
import trio
from asgi_apps import App, Receive, Scope, Send
from trio.testing import MockClock
from virtual_server import serving

GET = b"GET %s HTTP/1.1\r\nHost: test\r\n\r\n"


async def start(send: Send, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": list(headers)})


async def whole(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in three messages, as Quart does."""
    await start(send, (b"content-length", b"2"))
    await send({"type": "http.response.body", "body": b"ok", "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def late(scope: Scope, receive: Receive, send: Send) -> None:
    """Begin a stream that has nothing to say yet."""
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


HANDLERS = App().handlers | {"/whole": whole, "/late": late, "/stumble": stumble, "/empty": empty}


@pytest.mark.parametrize("path", [b"/", b"/whole"])
async def test_an_answer_of_known_length_goes_in_one_write(
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


async def test_an_answer_that_fails_before_its_body_is_a_500(autojump_clock: MockClock) -> None:
    async with serving(App(HANDLERS)) as server:
        assert (await server.connect().get(b"/stumble")).status == 500
        assert await server.still_answers()
    assert server.faults == ["ValueError('no body')"]
    assert server.kinds("request")[0]["status"] == 500


async def test_an_application_that_sends_nothing_for_ever_holds_nobody(
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
