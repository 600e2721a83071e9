"""WebSocket conformance, frame by frame (RFC 6455, sections 5 and 7).

Every row of the tables gives the bytes to send and the frames that come back. A row is sent whole
and in pieces: how the network cuts it must change nothing.
"""

from __future__ import annotations

from typing import Any

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send
from support.rough_client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
)
from support.virtual_server import serving
from trio.testing import MockClock

from glowback_trio.serving import Limits

EURO = "€".encode()

ECHOED = {
    "a text": (frame(TEXT, b"hi"), [(TEXT, b"hi")]),
    "an empty text": (frame(TEXT), [(TEXT, b"")]),
    "a binary": (frame(BINARY, b"\x00\xff"), [(BINARY, b"\x00\xff")]),
    "an empty binary": (frame(BINARY), [(BINARY, b"")]),
    "125 bytes": (frame(BINARY, b"x" * 125), [(BINARY, b"x" * 125)]),
    "126 bytes": (frame(BINARY, b"x" * 126), [(BINARY, b"x" * 126)]),
    "as many bytes as are allowed": (frame(BINARY, b"x" * 16384), [(BINARY, b"x" * 16384)]),
    "two messages": (frame(TEXT, b"1") + frame(TEXT, b"2"), [(TEXT, b"1"), (TEXT, b"2")]),
    "fragments": (
        frame(TEXT, b"one ", fin=False)
        + frame(CONTINUATION, b"two ", fin=False)
        + frame(CONTINUATION, b"three"),
        [(TEXT, b"one two three")],
    ),
    "empty fragments": (
        frame(BINARY, fin=False) + frame(CONTINUATION, fin=False) + frame(CONTINUATION),
        [(BINARY, b"")],
    ),
    "a character cut in two": (
        frame(TEXT, EURO[:1], fin=False) + frame(CONTINUATION, EURO[1:]),
        [(TEXT, EURO)],
    ),
    "a ping": (frame(PING, b"ping"), [(PONG, b"ping")]),
    "a ping with 125 bytes": (frame(PING, b"p" * 125), [(PONG, b"p" * 125)]),
    "a ping between fragments": (
        frame(TEXT, b"a", fin=False) + frame(PING) + frame(CONTINUATION, b"b"),
        [(PONG, b""), (TEXT, b"ab")],
    ),
    "an unsolicited pong": (frame(PONG, b"?") + frame(TEXT, b"hi"), [(TEXT, b"hi")]),
}

CLOSED = {
    "a close": (close_frame(1000), 1000),
    "a close with a reason": (close_frame(1001, b"bye"), 1001),
    "a close without a code": (close_frame(None), 1005),
    "a private code": (close_frame(4999), 4999),
    "a registered code": (close_frame(3000), 3000),
    "a close with half a code": (frame(CLOSE, b"\x03"), 1002),
    "a code below 1000": (close_frame(999), 1002),
    "a code that is never sent": (close_frame(1006), 1002),
    "a reserved code": (close_frame(1004), 1002),
    "an unassigned code": (close_frame(2000), 1002),
    "a code above 4999": (close_frame(5000), 1002),
    "a reason that is not UTF-8": (close_frame(1000, b"\xff"), 1007),
    "an unmasked frame": (frame(TEXT, b"hi", masked=False), 1002),
    "reserved bit 1": (frame(TEXT, b"hi", rsv=4), 1002),
    "reserved bit 2": (frame(TEXT, b"hi", rsv=2), 1002),
    "reserved bit 3": (frame(PING, rsv=1), 1002),
    "an unknown data frame": (frame(0x3, b"hi"), 1002),
    "an unknown control frame": (frame(0xB), 1002),
    "a fragmented ping": (frame(PING, fin=False), 1002),
    "a ping of 126 bytes": (frame(PING, b"p" * 126), 1002),
    "a continuation of nothing": (frame(CONTINUATION, b"hi"), 1002),
    "a message inside a message": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "a length longer than needed": (b"\x82\xfe\x00\x05\x00\x00\x00\x00hello", 1002),
    "a text that is not UTF-8": (frame(TEXT, b"\xc3\x28"), 1007),
    "half a character at the end": (frame(TEXT, EURO[:2]), 1007),
    "not UTF-8 in a later fragment": (
        frame(TEXT, b"ok", fin=False) + frame(CONTINUATION, b"\xff"),
        1007,
    ),
    "a message too long by a byte": (frame(BINARY, b"x" * 16385), 1009),
    "a text too long in UTF-8 only": (frame(TEXT, EURO * 5462), 1009),
    "fragments too long together": (
        frame(BINARY, b"x" * 16000, fin=False) + frame(CONTINUATION, b"x" * 400),
        1009,
    ),
}


@pytest.mark.parametrize("sending", ["whole", "in pieces"])
@pytest.mark.parametrize("row", ECHOED)
async def test_good_frames_are_answered(row: str, sending: str, autojump_clock: MockClock) -> None:
    sent, expected = ECHOED[row]
    async with serving() as server:
        client = await server.websocket()
        await send_all(client.stream, sent, sending)
        assert [await client.read_frame() for _ in expected] == expected


@pytest.mark.parametrize("sending", ["whole", "in pieces"])
@pytest.mark.parametrize("row", CLOSED)
async def test_a_close_or_a_bad_frame_is_answered_with_its_code(
    row: str, sending: str, autojump_clock: MockClock
) -> None:
    sent, code = CLOSED[row]
    async with serving() as server:
        client = await server.websocket()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, client.stream, sent, sending)
            assert await client.read_close() == code
            assert await client.read_to_end() == b""
            nursery.cancel_scope.cancel()
        assert await server.still_answers()
    [record] = server.websockets
    assert record.close_code == code


async def send_all(stream: trio.abc.SendStream, data: bytes, sending: str) -> None:
    """Send in one piece, or byte by byte; what is long in longer pieces, to be done today."""
    step = len(data) if sending == "whole" else 1 if len(data) < 1000 else 97
    for start in range(0, len(data), step):
        await stream.send_all(data[start : start + step])


async def test_the_application_learns_how_the_client_closed(autojump_clock: MockClock) -> None:
    events: list[dict[str, Any]] = []

    async def listen(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        while not events or events[-1]["type"] != "websocket.disconnect":
            events.append(await receive())

    async with serving(App({"/listen": listen})) as server:
        client = await server.websocket(b"/listen")
        await client.send(close_frame(4001, b"enough"))
        assert await client.read_close() == 4001
        await trio.sleep(1)
    assert [event["type"] for event in events] == ["websocket.connect", "websocket.disconnect"]
    assert (events[1]["code"], events[1]["reason"]) == (4001, "enough")


async def test_the_application_closes_and_the_client_answers(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/goodbye")
        assert await client.read_frame() == (CLOSE, (4000).to_bytes(2, "big") + b"done")
        await client.send(frame(TEXT, b"too late") + close_frame(4000))
        with trio.fail_after(0.1):
            assert await client.read_to_end() == b""
    [record] = server.websockets
    assert (record.close_code, record.close_reason) == (4000, "done")


async def test_a_client_that_never_answers_a_close_is_cut(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/goodbye")
        began = trio.current_time()
        assert await client.read_close() == 4000
        await client.read_to_end()
        assert trio.current_time() - began == pytest.approx(Limits().close_timeout)


async def test_a_handler_that_returns_without_a_close_is_an_error(
    autojump_clock: MockClock,
) -> None:
    async def leave(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async with serving(App({"/leave": leave})) as server:
        client = await server.websocket(b"/leave")
        assert await client.read_close() == 1011
