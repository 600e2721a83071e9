"""The application's startup and shutdown around the server (ASGI lifespan).

Rule: a failed startup is one ServingError; an application without a lifespan is served all the
same.
"""

from __future__ import annotations

from functools import partial

import pytest
import trio
from support.asgi_apps import App, Receive, Scope, Send, answer
from support.rough_client import RoughClient
from support.virtual_net import Network
from support.virtual_server import serving
from trio.testing import MockClock

from glowback_trio.errors import ServingError
from glowback_trio.serving import serve


async def test_an_application_that_cannot_start_says_why() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    network = Network()
    with pytest.raises(ServingError, match="no database"):
        await serve(app, listeners=[network])
    with pytest.raises(ConnectionRefusedError):
        network.connect()


async def test_an_application_without_a_lifespan_is_served(autojump_clock: MockClock) -> None:
    app = App()

    async def no_lifespan(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await app(scope, receive, send)

    records: list[object] = []
    network, stop = Network(), trio.Event()
    async with trio.open_nursery() as nursery:
        await nursery.start(
            partial(serve, no_lifespan, listeners=[network], stop=stop, log=records.append)
        )
        assert (await RoughClient(network.connect()).get()).body == b"ok"
        stop.set()


async def test_a_lifespan_that_fails_later_is_recorded_and_the_server_goes_on(
    autojump_clock: MockClock,
) -> None:
    class Failing(App):
        async def _live(self, receive: Receive, send: Send) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            raise ValueError("later")

    async with serving(Failing()) as server:
        assert (await server.connect().get()).body == b"ok"
    assert server.faults == ["ValueError('later')"]


async def test_the_lifespan_state_reaches_every_request_as_a_copy(
    autojump_clock: MockClock,
) -> None:
    class Stateful(App):
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                scope["state"]["seen"] = 0
                await self._live(receive, send)
                return
            scope["state"]["seen"] += 1
            await answer(send, b"%d" % scope["state"]["seen"])

    async with serving(Stateful()) as server:
        client = server.connect()
        assert [(await client.get()).body for _ in range(2)] == [b"1", b"1"]
