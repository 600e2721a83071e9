"""A real Quart application on real sockets.

Each test is a case in which Quart on Hypercorn's own server leaks, hangs or crashes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
import trio
from quart import Response, websocket
from quart_trio import QuartTrio
from support.real_server import reset, running
from support.rough_client import TEXT, frame
from trio_websocket import open_websocket_url

from glowback_trio.serving import Limits, WebSocketRecord


def quart_app() -> QuartTrio:
    app = QuartTrio("trivial")

    @app.get("/")
    async def index() -> str:
        return "hello"

    @app.websocket("/echo")
    async def echo() -> None:
        while True:
            await websocket.send(f"{await websocket.receive()!r}")

    @app.websocket("/write-only")
    async def write_only() -> None:
        await websocket.accept()
        await trio.sleep_forever()

    @app.websocket("/tight")
    async def tight() -> None:
        while True:
            await websocket.send("x" * 100)

    @app.websocket("/denied")
    async def denied() -> Response:
        return Response("no key", 401, {"WWW-Authenticate": "Bearer"})

    return app


@pytest.mark.parametrize(
    "head",
    [b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", b"GET / HTTP/1.0\r\n\r\n"],
)
async def test_quart_connections_are_closed_when_they_should_be(head: bytes) -> None:
    async with running(quart_app()) as server:
        for _ in range(20):
            client = await server.connect()
            await client.send(head)
            assert (await client.read_to_end()).endswith(b"hello")


async def test_a_quart_view_may_reject_a_websocket_with_a_response() -> None:
    async with running(quart_app()) as server:
        client = await server.connect()
        head = await client.upgrade(b"/denied")
        assert head.startswith(b"HTTP/1.1 401")
        assert b"www-authenticate: Bearer" in head
        assert await client.read_to_end() == b"no key"


async def test_an_empty_binary_frame_does_not_break_a_quart_handler() -> None:
    async with running(quart_app()) as server:
        url = server.url.replace("http", "ws") + "/echo"
        async with open_websocket_url(url) as client:
            for sent, seen in ((b"", "None"), (b"x", "b'x'"), ("", "''")):
                await client.send_message(sent)
                assert await client.get_message() == seen


@pytest.mark.parametrize("path", [b"/write-only", b"/tight"])
async def test_a_quart_handler_that_never_receives_ends_with_its_client(path: bytes) -> None:
    async with running(quart_app(), limits=Limits(exit_timeout=0.1)) as server:
        client = await server.connect()
        await client.upgrade(path)
        await client.send(frame(TEXT, b"x") * 40)
        reset(client)
        record = await server.next_record()
        assert isinstance(record, WebSocketRecord)
        assert record.close_code == 1006
        assert (await (await server.connect()).get()).body == b"hello"


async def test_quart_shuts_down_in_order() -> None:
    app, steps = quart_app(), []

    @app.while_serving
    async def life() -> AsyncGenerator[None, None]:
        steps.append("up")
        yield
        steps.append("down")

    async with running(app) as server:
        client = await server.connect()
        await client.upgrade()
        server.stop.set()
        assert await client.read_close() == 1012
    assert steps == ["up", "down"]


async def test_a_client_that_stops_reading_does_not_delay_the_end() -> None:
    async with running(quart_app(), limits=Limits(grace=0.2)) as server:
        client = await server.connect()
        await client.upgrade(b"/tight")
        await client.read_frame()
        server.stop.set()
        await server.ended.wait()
