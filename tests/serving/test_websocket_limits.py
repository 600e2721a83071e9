"""Limits on a WebSocket's client: its rate, and its answers to pings.

Rule: a client within the limits is never closed; one beyond them is, with a code and a reason.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio
from support.rough_client import (
    BINARY,
    PING,
    PONG,
    TEXT,
    RoughClient,
    frame,
)
from support.virtual_server import serving
from trio.testing import MockClock


async def test_more_than_a_hundred_messages_in_a_second_are_too_many(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = await server.websocket()
        await client.send(frame(TEXT, b"x") * 101)
        assert await client.read_close() == 1008
        assert await server.still_answers()


async def test_a_hundred_messages_in_every_second_are_served(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket()
        for _ in range(5):
            await client.send(frame(TEXT, b"x") * 100)
            for _ in range(100):
                assert await client.read_frame() == (TEXT, b"x")
            await trio.sleep(1)


async def test_more_than_64_kib_in_a_second_are_too_much(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, frame(BINARY, b"x" * 16384) * 5)
            assert await client.read_close() == 1008
            nursery.cancel_scope.cancel()


async def test_pings_count_as_messages(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket()
        await client.send(frame(PING) * 101)
        assert await client.read_close() == 1008


async def test_a_client_that_answers_pings_stays(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/deaf")
        for _ in range(10):
            opcode, payload = await client.read_frame()
            assert opcode == PING
            await client.send(frame(PONG, payload))
        assert trio.current_time() == pytest.approx(200, abs=1)


@pytest.mark.parametrize("chatter", [b"", frame(TEXT, b"x"), frame(PONG, b"other")])
async def test_a_client_that_answers_no_ping_is_cut_whatever_else_it_sends(
    chatter: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = await server.websocket(b"/echo")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_every_second, client.stream, chatter)
            with pytest.raises((trio.EndOfChannel, trio.BrokenResourceError)):
                await read_for_ever(client)
            nursery.cancel_scope.cancel()
        assert trio.current_time() == pytest.approx(40, abs=1)
        assert await server.still_answers()
    [record] = server.websockets
    assert (record.close_code, record.close_reason) == (1006, "a ping was not answered")


async def read_for_ever(client: RoughClient) -> None:
    while True:
        await client.read_frame()


async def send_every_second(stream: trio.abc.SendStream, data: bytes) -> None:
    with suppress(trio.BrokenResourceError):
        while True:
            await stream.send_all(data)
            await trio.sleep(1)


async def test_http_before_a_websocket_on_one_connection(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect()
        assert (await client.get()).body == b"ok"
        assert (await client.upgrade()).startswith(b"HTTP/1.1 101")
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")
