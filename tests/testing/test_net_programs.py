"""Programs that know nothing of the virtual network run on it unchanged.

Doctrine: what is served and who connects come from trio or from packages of others; the test only
installs the network around them.
"""

from __future__ import annotations

import ssl
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx2
import trio
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, WebSocketRequest, open_websocket_url, serve_websocket

from glowback_trio import BacktestRequest, Stream, assert_sound
from glowback_trio.client import open_client
from glowback_trio.server import Settings
from glowback_trio.server import serve as serve_gateway
from glowback_trio.testing import open_virtual_gateway
from glowback_trio.testing.sim import find
from glowback_trio.testing.sim.net import VirtualNet

CERTIFICATE = Path(__file__).parent.parent / "serving" / "localhost.pem"


async def _echo(stream: trio.abc.Stream) -> None:
    async with stream:
        while data := await stream.receive_some():
            await stream.send_all(data)


async def test_tls_from_trio_echoes(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(CERTIFICATE)
    trusting = ssl.create_default_context(cafile=str(CERTIFICATE))
    with VirtualNet(latency_s=0.01).installed() as net:
        net.add_host("far", "10.0.0.9")
        with net.at("far"):
            await nursery.start(partial(trio.serve_ssl_over_tcp, _echo, 443, ours))
        net.add_name("localhost", "10.0.0.9")
        stream = await trio.open_ssl_over_tcp_stream("localhost", 443, ssl_context=trusting)
        await stream.send_all(b"secret" * 10_000)
        received = b""
        while len(received) < 60_000:
            received += await stream.receive_some()
        assert received == b"secret" * 10_000
        await stream.aclose()


async def _echo_messages(request: WebSocketRequest) -> None:
    socket = await request.accept()
    with suppress(ConnectionClosed):
        while True:
            await socket.send_message(await socket.get_message())


async def test_trio_websocket_echoes(autojump_clock: MockClock) -> None:
    with VirtualNet(latency_s=0.01).installed() as net:
        async with trio.open_nursery() as nursery:
            with net.at("server"):
                serving = partial(serve_websocket, _echo_messages, None, 8000, None)
                await nursery.start(serving)
            async with open_websocket_url("ws://server:8000/") as socket:
                for number in range(100):
                    await socket.send_message(f"message {number}")
                    assert await socket.get_message() == f"message {number}"
            nursery.cancel_scope.cancel()


async def test_httpx2_asks_our_server(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    with VirtualNet(latency_s=0.01).installed() as net:
        async with open_virtual_gateway() as gateway:
            settings = Settings(log_level="ERROR")
            with net.at("server"):
                await nursery.start(
                    partial(serve_gateway, gateway, bind="server:8000", settings=settings)
                )
            async with httpx2.AsyncClient(base_url="http://server:8000") as client:
                answers = [await client.get("/healthz") for _ in range(3)]
            assert [answer.status_code for answer in answers] == [200] * 3
            nursery.cancel_scope.cancel()


async def _an_hour() -> None:
    request = BacktestRequest(
        symbols=["AAPL"],
        start_date="2022-01-01",
        end_date="2022-12-31",
        stream=Stream(metrics_every=1, pace_bars_per_s=0.07),
    )
    settings = Settings(log_level="ERROR")
    with VirtualNet(latency_s=0.01).installed() as net:
        async with open_virtual_gateway() as gateway, trio.open_nursery() as nursery:
            with net.at("server"):
                (url,) = await nursery.start(
                    partial(serve_gateway, gateway, bind="server:8000", settings=settings)
                )
            async with open_client(url) as client:
                status = await client.submit(request)
                async with client.stream(status.run_id) as stream:
                    assert_sound([event async for event in stream])
            nursery.cancel_scope.cancel()
    assert trio.current_time() > 3500


def test_an_hour_of_our_client_on_our_server_takes_no_time() -> None:
    began = time.perf_counter()
    assert find(_an_hour, rounds=1, allow=("clock", "entropy")) is None
    assert time.perf_counter() - began < 60  # it does not take an hour
