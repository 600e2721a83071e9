"""More of WebSocket conformance: every opcode and close code, UTF-8 traps, all lengths.

Each row is sent whole and byte by byte, as those of `test_websocket.py` are.
"""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send
from support.rough_client import (
    BINARY,
    CLOSE,
    CONTINUATION,
    GONE,
    PING,
    PONG,
    TEXT,
    RoughClient,
    close_frame,
    frame,
)
from support.virtual_server import serving
from trio.testing import MockClock

Frames = list[tuple[int, bytes]]

PLANES = "$ £ € 𐍈".encode()
PIECES = [PLANES[at : at + 1] for at in range(len(PLANES))]


def with_mask(mask: bytes, payload: bytes) -> bytes:
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return struct.pack("!BB", 0x80 | BINARY, 0x80 | len(payload)) + mask + masked


def with_length(opcode: int, form: str, length: int, payload: bytes = b"") -> bytes:
    """A frame whose length is written as 16 or 64 bits, right or not; its mask is zero."""
    marker = {"!H": 126, "!Q": 127}[form]
    head = struct.pack("!BB", 0x80 | opcode, 0x80 | marker) + struct.pack(form, length)
    return head + bytes(4) + payload


ECHOED: dict[str, tuple[bytes, Frames]] = {
    "a mask of zeros": (with_mask(bytes(4), b"hello"), [(BINARY, b"hello")]),
    "a mask of ones": (with_mask(b"\xff" * 4, b"hello"), [(BINARY, b"hello")]),
    "a character of every length": (frame(TEXT, PLANES), [(TEXT, PLANES)]),
    "the last character there is": (
        frame(TEXT, b"\xf4\x8f\xbf\xbf"),
        [(TEXT, b"\xf4\x8f\xbf\xbf")],
    ),
    "the last before the surrogates": (frame(TEXT, b"\xed\x9f\xbf"), [(TEXT, b"\xed\x9f\xbf")]),
    "no character, but well-formed": (frame(TEXT, b"\xef\xbf\xbf"), [(TEXT, b"\xef\xbf\xbf")]),
    "a byte of zero": (frame(TEXT, b"\x00"), [(TEXT, b"\x00")]),
    "a text in frames of a byte": (
        frame(TEXT, PIECES[0], fin=False)
        + b"".join(frame(CONTINUATION, piece, fin=False) for piece in PIECES[1:])
        + frame(CONTINUATION),
        [(TEXT, PLANES)],
    ),
    "control frames inside a character": (
        frame(TEXT, PLANES[:3], fin=False)
        + frame(PING, b"1")
        + frame(CONTINUATION, fin=False)
        + frame(PONG, b"?")
        + frame(CONTINUATION, PLANES[3:9], fin=False)
        + frame(PING, b"2")
        + frame(CONTINUATION, PLANES[9:]),
        [(PONG, b"1"), (PONG, b"2"), (TEXT, PLANES)],
    ),
    "an empty first fragment": (
        frame(TEXT, fin=False) + frame(CONTINUATION, b"late"),
        [(TEXT, b"late")],
    ),
    "an empty last fragment": (
        frame(BINARY, b"early", fin=False) + frame(CONTINUATION),
        [(BINARY, b"early")],
    ),
    "a fragmented empty text": (frame(TEXT, fin=False) + frame(CONTINUATION), [(TEXT, b"")]),
    "fragments of two messages": (
        frame(TEXT, b"a", fin=False)
        + frame(CONTINUATION, b"b")
        + frame(BINARY, b"c", fin=False)
        + frame(CONTINUATION, b"d"),
        [(TEXT, b"ab"), (BINARY, b"cd")],
    ),
    "an empty ping": (frame(PING), [(PONG, b"")]),
    "ten pings": (
        b"".join(frame(PING, b"%d" % count) for count in range(10)),
        [(PONG, b"%d" % count) for count in range(10)],
    ),
}

CLOSED = {
    "a surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "a slash in two bytes": (frame(TEXT, b"\xc0\xaf"), 1007),
    "a slash in three bytes": (frame(TEXT, b"\xe0\x80\xaf"), 1007),
    "beyond the last character": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "a character in five bytes": (frame(TEXT, b"\xf8\x88\x80\x80\x80"), 1007),
    "a character without its head": (frame(TEXT, b"\x80"), 1007),
    "a character torn by a message's end": (
        frame(TEXT, PLANES[:3]) + frame(TEXT, PLANES[3:]),
        1007,
    ),
    "a bad character after a ping": (
        frame(TEXT, b"\xe2", fin=False) + frame(PING) + frame(CONTINUATION, b"\x28"),
        1007,
    ),
    "a close between fragments": (frame(TEXT, b"a", fin=False) + close_frame(1001), 1001),
    "a message after a close": (close_frame(1000) + frame(TEXT, b"late"), 1000),
    "a second close": (close_frame(1000) + close_frame(1001), 1000),
    "the longest reason": (close_frame(1000, b"r" * 123), 1000),
    "a reason too long by a byte": (close_frame(1000, b"r" * 124), 1002),
    "a reason with half a character": (close_frame(1000, PLANES[:3]), 1007),
    "a fragmented close": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "a fragmented pong": (frame(PONG, fin=False), 1002),
    "an unmasked ping": (frame(PING, masked=False), 1002),
    "an unmasked close": (frame(CLOSE, b"\x03\xe8", masked=False), 1002),
    "an unmasked fragment": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", masked=False),
        1002,
    ),
    "all reserved bits": (frame(TEXT, b"hi", rsv=7), 1002),
    "a reserved bit on a close": (frame(CLOSE, b"\x03\xe8", rsv=4), 1002),
    "a reserved bit on a fragment": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION, b"b", rsv=4),
        1002,
    ),
    "a continuation after a whole message": (
        frame(TEXT, b"a", fin=False) + frame(CONTINUATION) + frame(CONTINUATION, b"b"),
        1002,
    ),
    "16 bits for a ping": (with_length(PING, "!H", 5, b"hello"), 1002),
    "64 bits for a ping": (with_length(PING, "!Q", 5, b"hello"), 1002),
    "16 bits where 7 would do": (with_length(BINARY, "!H", 125, bytes(125)), 1002),
    "64 bits where 16 would do": (with_length(BINARY, "!Q", 126, bytes(126)), 1002),
    "a length with its highest bit": (with_length(BINARY, "!Q", 1 << 63), 1002),
}
CLOSED |= {
    f"opcode {opcode:#x}": (frame(opcode, b"hi"), 1002)
    for opcode in (0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF)
}
CLOSED |= {
    f"a close with {code}": (close_frame(code), code)
    for code in (*range(1000, 1004), *range(1007, 1014), 3000, 3999, 4000, 4999)
}
CLOSED |= {
    f"a close with {code}": (close_frame(code), 1002)
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
}


async def send_all(client: RoughClient, data: bytes, piece: int) -> None:
    with suppress(*GONE):  # after a close the server may be gone already
        for start in range(0, len(data), piece):
            await client.send(data[start : start + piece])


@pytest.mark.parametrize("piece", [10_000, 1])
@pytest.mark.parametrize("row", ECHOED)
async def test_good_frames_are_echoed(row: str, piece: int, autojump_clock: MockClock) -> None:
    sent, expected = ECHOED[row]
    async with serving() as server:
        client = await server.websocket()
        await send_all(client, sent, piece)
        assert [await client.read_frame() for _ in expected] == expected


@pytest.mark.parametrize("piece", [10_000, 1])
@pytest.mark.parametrize("row", CLOSED)
async def test_bad_frames_and_closes_are_answered_with_their_code_and_the_end(
    row: str, piece: int, autojump_clock: MockClock
) -> None:
    sent, code = CLOSED[row]
    async with serving() as server:
        client = await server.websocket()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_all, client, sent, piece)
            assert await client.read_close() == code
            assert await client.read_to_end() == b""
            nursery.cancel_scope.cancel()
    assert server.faults == []


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, b"\x00"),
        (125, b"\x7d"),
        (126, b"\x7e\x00\x7e"),
        (65_535, b"\x7e\xff\xff"),
        (65_536, b"\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
@pytest.mark.parametrize(("kind", "opcode"), [("text", TEXT), ("bytes", BINARY)])
async def test_a_message_is_sent_as_one_frame_without_mask_and_in_the_shortest_form(
    size: int, length: bytes, kind: str, opcode: int, autojump_clock: MockClock
) -> None:
    payload = b"x" * size

    async def send_text(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        message = payload.decode() if kind == "text" else payload
        await send({"type": "websocket.send", "text": None, "bytes": None, kind: message})
        await send({"type": "websocket.close", "code": 1000, "reason": "the end"})

    expected = bytes([0x80 | opcode]) + length + payload + b"\x88\x09\x03\xe8the end"
    async with serving(App({"/send_text": send_text})) as server:
        client = await server.websocket(b"/send_text")
        while len(client.buffer) < len(expected):
            client.buffer += await client.stream.receive_some()
        assert client.buffer == expected
        await client.send(close_frame(1000))
        assert await client.stream.receive_some() == b""
