"""A session with a fault at every step: a lost client, a cancelled server, a shutdown.

After each fault no task is left, the server ends in time, and before that it still answers. So it
does in every order of tasks that differs from the usual one in one choice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
from support.asgi_apps import App
from support.at_step import AtStep, at_every_step
from support.rough_client import (
    CONTINUATION,
    GONE,
    PING,
    PONG,
    TEXT,
    RoughClient,
    close_frame,
    frame,
)
from support.virtual_server import VirtualServer, serving


async def stream(client: RoughClient) -> None:
    """A WebSocket that the server fills faster than the client reads."""
    await client.upgrade(b"/flood")
    for _ in range(10):
        assert await client.read_frame() == (TEXT, b"x" * 1000)
    await client.send(close_frame())
    assert await client.read_close() == 1000
    await client.read_to_end()


async def session(client: RoughClient) -> None:
    """Some of everything over one connection."""
    assert (await client.get()).status == 200
    await client.send(b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi")
    assert (await client.read_reply(b"POST")).body == b"hi"
    await client.upgrade(b"/echo")
    await client.send(frame(TEXT, b"a", fin=False) + frame(PING) + frame(CONTINUATION, b"b"))
    assert await client.read_frame() == (PONG, b"")
    assert await client.read_frame() == (TEXT, b"ab")
    await client.send(close_frame())
    assert await client.read_close() == 1000
    await client.read_to_end()


Scenario = Callable[[RoughClient], Awaitable[None]]


@pytest.mark.parametrize("scenario", [session, stream])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_disconnect_at_any_step_leaves_nothing(how: str, scenario: Scenario) -> None:
    async def main(instrument: AtStep) -> None:
        async with serving() as server:
            client = server.connect(capacity=4000)
            instrument.begin(getattr(client.stream, how))
            with suppress(*GONE):
                await scenario(client)
            instrument.end()
            assert await server.still_answers()
        assert server.faults == []

    assert at_every_step(main) > 30


@pytest.mark.parametrize("scenario", [session, stream])
def test_a_cancel_of_the_server_at_any_step_is_bounded(scenario: Scenario) -> None:
    async def main(instrument: AtStep) -> None:
        server = VirtualServer(App())
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run)
            client = server.connect(capacity=4000)
            instrument.begin(nursery.cancel_scope.cancel)
            with suppress(*GONE):
                await scenario(client)
            instrument.end()
            nursery.cancel_scope.cancel()
        assert trio.current_time() <= 1
        assert server.app.running == 0
        assert server.app.lifespan == ["startup", "shutdown"]
        with pytest.raises(ConnectionRefusedError):
            server.connect()

    assert at_every_step(main) > 30


@pytest.mark.parametrize("scenario", [session, stream])
def test_a_stop_at_any_step_is_bounded(scenario: Scenario) -> None:
    async def main(instrument: AtStep) -> None:
        async with serving() as server:
            client = server.connect(capacity=4000)
            instrument.begin(server.stop.set)
            # A session that is closed 1012 fails its assertions.
            with suppress(*GONE, AssertionError):
                await scenario(client)
            instrument.end()
        assert server.app.running == 0
        assert server.faults == []

    assert at_every_step(main) > 30
