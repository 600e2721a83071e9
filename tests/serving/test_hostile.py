"""Hostile and broken clients, in virtual time.

After each of them no task is left, the connection is closed, and the server still answers.
"""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send
from support.rough_client import (
    BINARY,
    CONTINUATION,
    GONE,
    HANDSHAKE,
    PING,
    PONG,
    TEXT,
    close_frame,
    frame,
)
from support.virtual_server import serving
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving import FaultRecord, Limits


async def test_a_client_that_floods_and_leaves_is_noticed_within_a_second(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = await server.websocket(b"/deaf")
        await client.send(frame(TEXT, b"x") * 40)
        client.stream.close()
        await trio.sleep(1.1)
        assert server.app.running == 0


async def test_an_unread_flood_is_bounded_and_closed(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/deaf")
        for _ in range(2):
            await client.send(frame(TEXT, b"x") * 90)
            await trio.sleep(1)
        assert await client.read_close() == 1008
        client.stream.close()
        assert await server.still_answers()
    [record] = server.websockets
    assert record.close_reason == "messages are not being read"


async def test_a_flood_while_the_handler_ends_leaves_nothing_behind(
    autojump_clock: MockClock,
) -> None:
    async def brief(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await trio.sleep(3)

    async with serving(App(App().handlers | {"/brief": brief})) as server:
        client = await server.websocket(b"/brief")
        await client.send(frame(TEXT, b"x") * 90)
        await trio.sleep(1)
        await client.send(frame(TEXT, b"x") * 90)
        assert await client.read_close() == 1011
        await client.send(close_frame(1011))
        with trio.fail_after(0.1):
            await client.read_to_end()
        assert await server.still_answers()


async def test_an_endless_message_is_closed_when_it_is_too_long(
    autojump_clock: MockClock,
) -> None:
    async with serving(limits=Limits(linger_bytes=50_000)) as server:
        client = await server.websocket(b"/echo", capacity=2000)

        async def send_for_ever() -> None:
            await client.send(frame(BINARY, b"x" * 100, fin=False))
            while True:
                await client.send(frame(CONTINUATION, b"x" * 1000, fin=False))

        async def send_until_cut() -> None:
            with pytest.raises(trio.BrokenResourceError):
                await send_for_ever()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_until_cut)
            assert await client.read_close() == 1009
        assert await server.still_answers()


async def test_a_rule_broken_in_the_middle_of_a_flood_is_answered_with_its_code(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = await server.websocket(b"/flood", capacity=3000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, frame(BINARY, b"x" * 20_000))
            assert await client.read_close() == 1009
            nursery.cancel_scope.cancel()
        client.stream.close()
        assert await server.still_answers()


async def test_a_client_that_reads_nothing_is_cut_after_the_send_timeout(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        client = await server.websocket(b"/flood", capacity=2000)
        await trio.sleep(29)
        assert server.app.running == 1
        await trio.sleep(3)
        assert server.app.running == 0
        with pytest.raises(trio.BrokenResourceError):
            await client.send(b"x")


async def test_a_client_that_reads_slowly_is_never_cut(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/flood", capacity=2000)
        for _ in range(100):
            data = await client.stream.receive_some(1000)
            for ping in pings_in(data):
                await client.send(frame(PONG, ping))
            await trio.sleep(15)
        assert server.app.running == 1
        client.stream.close()
        await trio.sleep(2)


def pings_in(data: bytes) -> list[bytes]:
    starts = [at for at, byte in enumerate(data) if byte == 0x80 | PING]
    return [data[at + 2 : at + 2 + data[at + 1]] for at in starts]


async def test_a_ping_waits_its_turn_behind_what_a_slow_client_has_yet_to_read(
    autojump_clock: MockClock,
) -> None:
    async def burst(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        await trio.sleep(1)
        await send({"type": "websocket.send", "text": "x" * 1500})
        await trio.sleep(20)  # a ping goes out meanwhile
        await send({"type": "websocket.send", "text": "x" * 15_000})
        await trio.sleep_forever()

    async with serving(App({"/burst": burst})) as server:
        client = await server.websocket(b"/burst", capacity=2000)
        await trio.sleep(30)
        for _ in range(20):
            data = await client.stream.receive_some(600)
            for ping in pings_in(data):
                await client.send(frame(PONG, ping))
            await trio.sleep(9)
        assert server.app.running == 1


async def test_a_client_that_reads_no_http_response_is_cut_after_the_send_timeout(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        slow, stalled = server.connect(capacity=2000), server.connect(capacity=2000)
        for client in (slow, stalled):
            await client.send(b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n")
        for _ in range(20):
            await slow.stream.receive_some(1000)
            await trio.sleep(15)
        assert server.app.running == 1


async def test_a_timeout_around_a_send_cuts_the_stalled_client(
    autojump_clock: MockClock,
) -> None:
    gave_up_at: list[float] = []

    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        with trio.move_on_after(2):
            while True:
                await send({"type": "websocket.send", "text": "x" * 1000})
        gave_up_at.append(trio.current_time())

    async with serving(App(App().handlers | {"/impatient": impatient})) as server:
        client = await server.websocket(b"/impatient", capacity=2000)
        assert await server.still_answers()
        assert gave_up_at == [2]
        with pytest.raises(trio.BrokenResourceError):
            await client.send(b"x")


async def test_a_send_cancelled_while_it_waits_its_turn_harms_nothing(
    autojump_clock: MockClock,
) -> None:
    async def crowd(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send, {"type": "websocket.send", "text": "a" * 5000})
            await wait_all_tasks_blocked()
            with trio.move_on_after(1):
                await send({"type": "websocket.send", "text": "b" * 5000})
        await send({"type": "websocket.close"})

    async with serving(App({"/crowd": crowd})) as server:
        client = await server.websocket(b"/crowd", capacity=1000)
        await trio.sleep(2)
        assert await client.read_frame() == (TEXT, b"a" * 5000)
        assert await client.read_close() == 1000


@pytest.mark.parametrize("path", [b"/flood", b"/endless"])
async def test_an_application_that_only_sends_ends_with_its_client(
    path: bytes, autojump_clock: MockClock
) -> None:
    async with serving() as server:
        client = server.connect()
        await (client.upgrade(path) if path == b"/flood" else client.send(GET_ENDLESS))
        client.stream.reset()
        await trio.sleep(2)
        assert server.app.running == 0
        assert await server.still_answers()


GET_ENDLESS = b"GET /endless HTTP/1.1\r\nHost: test\r\n\r\n"


async def test_an_application_that_will_not_end_is_cancelled(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = await server.websocket(b"/deaf")
        client.stream.reset()
        await trio.sleep(Limits().exit_timeout + 0.1)
        assert server.app.running == 0


async def test_an_unread_body_is_not_kept(autojump_clock: MockClock) -> None:
    async with serving() as server:
        client = server.connect(capacity=1000)
        await client.send(b"POST /sleep HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with trio.move_on_after(5):
            while True:
                await client.send(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                sent += 1000
        assert sent < 150_000
        client.stream.close()
        assert await server.still_answers()


CONVERSATION = (
    b"GET / HTTP/1.1\r\nHost: test\r\n\r\n"
    b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi"
    b"POST /mirror HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
    + HANDSHAKE % (b"/echo", b"Sec-WebSocket-Extensions: permessage-deflate\r\n")
    + frame(TEXT, b"a", fin=False)
    + frame(PING, b"?")
    + frame(CONTINUATION, b"b")
    + frame(BINARY, b"\x00" * 300)
    + close_frame()
)


def spoil(conversation: bytes, chance: random.Random) -> bytes:
    """Change, drop, repeat or add a few bytes."""
    spoiled = bytearray(conversation)
    for _ in range(chance.randint(1, 4)):
        at, size = chance.randrange(len(spoiled)), chance.randint(0, 3)
        new = chance.choice([b"", b"\r", b"\n", b" ", b"\x00", b"\xff", chance.randbytes(2)])
        spoiled[at : at + size] = new
    return bytes(spoiled)


@pytest.mark.parametrize("seed", range(60))
async def test_corrupted_bytes_end_no_other_connection(
    seed: int, autojump_clock: MockClock
) -> None:
    chance = random.Random(seed)
    spoiled = spoil(CONVERSATION, chance)
    async with serving(limits=Limits(compression=bool(seed % 2))) as server:
        client = server.connect()
        with suppress(*GONE):
            while spoiled:
                size = chance.randint(1, 200)
                await client.send(spoiled[:size])
                spoiled = spoiled[size:]
        client.stream.close()
        assert await server.still_answers()
    # A corrupted path may be a fault of the application, which does not know it.
    assert [fault for fault in server.kinds(FaultRecord) if fault.where == "connection"] == []
