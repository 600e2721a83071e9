"""The WebSocket handshake: accepted, rejected by the application, and invalid.

Rule (RFC 6455, section 4): an invalid handshake never reaches the application, and every rejection
is a whole HTTP response with `Connection: close`.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send
from support.rough_client import (
    HANDSHAKE,
    TEXT,
    frame,
)
from support.virtual_server import serving
from trio.testing import MockClock

VERSION_AND_KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"


async def test_a_handshake_may_be_rejected_with_headers_and_a_body(
    autojump_clock: MockClock,
) -> None:
    async def deny(scope: Scope, receive: Receive, send: Send) -> None:
        assert "websocket.http.response" in scope["extensions"]
        headers = [(b"www-authenticate", b"Bearer"), (b"content-length", b"6")]
        kind = "websocket.http.response"
        await send({"type": f"{kind}.start", "status": 401, "headers": headers})
        await send({"type": f"{kind}.body", "body": b"no ", "more_body": True})
        await send({"type": f"{kind}.body", "body": b"key"})

    async with serving(App({"/deny": deny})) as server:
        client = server.connect()
        head = await client.upgrade(b"/deny")
        assert head.startswith(b"HTTP/1.1 401")
        assert b"www-authenticate: Bearer" in head
        assert b"connection: close" in head
        assert await client.read_to_end() == b"no key"
    [record] = server.websockets
    assert record.status == 401


async def test_a_close_before_the_accept_is_a_403(autojump_clock: MockClock) -> None:
    async def reject(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close", "code": 1000})

    async with serving(App({"/reject": reject})) as server:
        assert (await server.connect().upgrade(b"/reject")).startswith(b"HTTP/1.1 403")


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "websocket.http.response.start", "status": 401}, {"type": "websocket.accept"}],
        [{"type": "websocket.http.response.body", "body": b"no"}],
        [{"type": "websocket.send", "text": "early"}],
        [{"type": "websocket.accept", "subprotocol": "not offered"}],
        [{"type": "websocket.accept", "headers": [(b"sec-websocket-protocol", b"one")]}],
    ],
)
async def test_a_message_out_of_turn_is_a_fault_of_the_application_and_a_500(
    messages: list[dict[str, Any]], autojump_clock: MockClock
) -> None:
    async def confuse(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    async with serving(App({"/confuse": confuse})) as server:
        head = await server.connect().upgrade(b"/confuse")
        assert head.startswith(b"HTTP/1.1 500")
    assert len(server.faults) == 1
    assert [record.status for record in server.websockets] == [500]


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (VERSION_AND_KEY.replace(b"13", b"8"), 426),
        (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 426),
        (b"Sec-WebSocket-Version: 13\r\n", 400),
        (b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n", 400),
        (VERSION_AND_KEY + b"Sec-WebSocket-Protocol: caf\xc3\xa9\r\n", 400),
        (VERSION_AND_KEY + b"Content-Length: 5\r\n", 400),
    ],
)
async def test_an_invalid_handshake_is_rejected(
    lines: bytes, status: int, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(
            b"GET /echo HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            + lines
            + b"\r\n"
        )
        whole = await client.read_to_end()
        assert whole.startswith(b"HTTP/1.1 %d" % status)
        assert (b"sec-websocket-version: 13" in whole) == (status == 426)
        assert await server.still_answers()
    assert server.faults == []


@pytest.mark.parametrize(
    "extension", [b"permessage-deflate", b"permessage-deflate; server_max_window_bits=99;;=", b";;"]
)
async def test_no_extension_is_negotiated(extension: bytes, autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        head = await client.upgrade(b"/echo", b"Sec-WebSocket-Extensions: " + extension)
        assert head.startswith(b"HTTP/1.1 101")
        assert b"extensions" not in head.lower()
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")


async def test_the_tokens_of_a_handshake_may_stand_on_several_lines(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        head = await server.connect().upgrade(b"/echo", b"Connection: keep-alive")
        assert head.startswith(b"HTTP/1.1 101")


async def test_subprotocols_may_stand_on_several_lines(autojump_clock: MockClock) -> None:
    seen: list[str] = []

    async def look(scope: Scope, receive: Receive, send: Send) -> None:
        seen.extend(scope["subprotocols"])
        await send({"type": "websocket.close"})

    async with serving(App({"/look": look})) as server:
        lines = (b"Sec-WebSocket-Protocol: one, two", b"Sec-WebSocket-Protocol: three")
        await server.connect().upgrade(b"/look", *lines)
    assert seen == ["one", "two", "three"]


async def test_a_subprotocol_and_headers_of_the_application_are_sent(
    autojump_clock: MockClock,
) -> None:
    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["subprotocols"] == ["one", "two"]
        await send(
            {"type": "websocket.accept", "subprotocol": "two", "headers": [(b"x-run", b"1")]}
        )
        await receive()

    async with serving(App({"/choose": choose})) as server:
        head = await server.connect().upgrade(b"/choose", b"Sec-WebSocket-Protocol: one, two")
    assert b"sec-websocket-protocol: two" in head.lower()
    assert b"x-run: 1" in head.lower()


async def test_frames_before_the_accept_wait_for_it(autojump_clock: MockClock) -> None:
    async def hesitate(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await trio.sleep(3)
        await send({"type": "websocket.accept"})
        event = await receive()
        await send({"type": "websocket.send", "text": event["text"]})

    async with serving(App({"/hesitate": hesitate})) as server:
        client = server.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.upgrade, b"/hesitate")
            await trio.sleep(1)
            await client.send(frame(TEXT, b"early"))
        assert await client.read_frame() == (TEXT, b"early")


async def test_a_frame_in_one_piece_with_the_handshake_is_not_lost(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(HANDSHAKE % (b"/echo", b"") + frame(TEXT, b"early"))
        assert (await client.read_head()).startswith(b"HTTP/1.1 101")
        assert await client.read_frame() == (TEXT, b"early")
        await client.send(frame(TEXT, b"later"))
        assert await client.read_frame() == (TEXT, b"later")


async def test_too_much_before_the_accept_ends_the_connection(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        await client.send(HANDSHAKE % (b"/undecided", b""))
        with pytest.raises(trio.BrokenResourceError):
            await client.send(b"x" * 1_000_000)
        assert await server.still_answers()
