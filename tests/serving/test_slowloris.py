"""Many clients that send slowly and never end, and one well-behaved client among them.

Rule: slow clients are given up after their timeouts, and the other client never waits for them.
"""

from __future__ import annotations

from functools import partial

import trio
from support.rough_client import RoughClient
from support.virtual_server import VirtualServer, serving
from trio.testing import MockClock

from glowback_trio.serving import Limits

CLIENTS = 100
SLOW_HEAD = b"GET / HTTP/1.1\r\nHost: test\r\n"
SLOW_BODY = b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: 1000\r\n\r\n"
SLOW_CHUNKS = b"POST /mirror HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n"


async def drip(client: RoughClient, beginning: bytes, drop: bytes, ends: list[float]) -> None:
    """Send a little every second until the server closes; note its response and the time."""
    client.buffer += await trickle(client, beginning, drop)
    assert (await client.read_to_end()).startswith(b"HTTP/1.1 408")
    ends.append(trio.current_time())


async def trickle(client: RoughClient, beginning: bytes, drop: bytes) -> bytes:
    await client.send(beginning)
    while True:
        with trio.move_on_after(1):
            return bytes(await client.stream.receive_some(65536))
        await client.send(drop)


async def slow_clients(server: VirtualServer, beginning: bytes, drop: bytes) -> list[float]:
    """Let many drip, and see a healthy client served as fast as ever; return when they ended."""
    ends: list[float] = []
    async with trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(partial(drip, server.connect(), beginning, drop, ends))
        healthy = server.connect()
        while nursery.child_tasks:
            with trio.fail_after(0.5):
                assert (await healthy.get()).body == b"ok"
            await trio.sleep(1)
    return ends


async def test_slow_heads_are_given_up_while_others_are_served(autojump_clock: MockClock) -> None:
    async with serving() as server:
        ends = await slow_clients(server, SLOW_HEAD, b"X: y\r\n")
        assert set(ends) == {Limits().head_timeout}
        assert await server.still_answers()


async def test_slow_bodies_are_given_up_while_others_are_served(
    autojump_clock: MockClock,
) -> None:
    async with serving() as server:
        for beginning, drop in ((SLOW_BODY, b"x"), (SLOW_CHUNKS, b"1\r\nx\r\n")):
            began = trio.current_time()
            ends = await slow_clients(server, beginning, drop)
            assert {end - began for end in ends} == {Limits().body_timeout}
        assert await server.still_answers()


async def test_a_server_full_of_slow_clients_has_room_again_soon(
    autojump_clock: MockClock,
) -> None:
    limits = Limits(connections=CLIENTS)
    async with serving(limits=limits) as server, trio.open_nursery() as nursery:
        for _ in range(CLIENTS):
            nursery.start_soon(partial(drip, server.connect(), SLOW_HEAD, b"X: y\r\n", []))
        await trio.sleep(1)
        assert (await server.connect().get()).status == 503
        await trio.sleep(limits.head_timeout + limits.close_timeout)
        assert (await server.connect().get(b"/", b"Connection: close")).body == b"ok"
