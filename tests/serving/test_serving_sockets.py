"""What only real sockets can show: binds, resets, TLS, and a real application on them.

Every wait for a peer has its own deadline; no time is asserted.
"""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from asgi_apps import App
from attrs import define, field
from quart import Response, websocket
from quart_trio import QuartTrio
from rough_client import TEXT, RoughClient, frame
from trio_websocket import open_websocket_url

from glowback_trio.errors import ServingError
from glowback_trio.serving import Limits, Tls, serve
from glowback_trio.serving.progress import ProgressStream

CERTIFICATE = Path(__file__).with_name("localhost.pem")


@define(eq=False)
class Running:
    """A server on real sockets."""

    urls: list[str]
    stop: trio.Event
    ended: trio.Event
    records: list[Mapping[str, Any]]
    recorded: trio.MemoryReceiveChannel[Mapping[str, Any]]
    clients: list[RoughClient] = field(factory=list)

    @property
    def url(self) -> str:
        return self.urls[0]

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    async def connect(self) -> RoughClient:
        return self.keep(await trio.open_tcp_stream("127.0.0.1", self.port))

    async def next_record(self) -> Mapping[str, Any]:
        return await self.recorded.receive()

    def keep(self, stream: trio.SocketStream) -> RoughClient:
        """A client on a stream that is closed when the test is over."""
        self.clients.append(RoughClient(stream))
        return self.clients[-1]


@asynccontextmanager
async def running(app: Any, **options: Any) -> AsyncIterator[Running]:
    stop, ended = trio.Event(), trio.Event()
    records: list[Mapping[str, Any]] = []
    send, recorded = trio.open_memory_channel[Mapping[str, Any]](1000)
    options.setdefault("bind", "127.0.0.1:0")

    def log(record: Mapping[str, Any]) -> None:
        records.append(record)
        send.send_nowait(record)

    async def run(*, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(app, stop=stop, log=log, task_status=task_status, **options)
        ended.set()

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            server = Running(await nursery.start(run), stop, ended, records, recorded)
            try:
                yield server
            finally:
                stop.set()
                for client in server.clients:
                    client.stream.socket.close()


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


async def test_several_binds_are_served_and_named() -> None:
    async with running(App(), bind=["127.0.0.1:0", "[::1]:0", "localhost:0"]) as server:
        assert server.urls[0].startswith("http://127.0.0.1:")
        assert server.urls[1].startswith("http://[::1]:")
        async with httpx2.AsyncClient() as client:
            for url in server.urls:
                reply = await client.get(url)
                assert reply.text == "ok"
                assert reply.headers["date"].endswith("GMT")


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such option")
async def test_the_kernel_gives_up_on_a_peer_that_acknowledges_nothing() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        address = listener.socket.getsockname()
        async with await trio.open_tcp_stream(*address) as client:
            ProgressStream(client, patience=30)
            assert client.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000


async def test_nothing_to_listen_on_is_a_plain_sentence() -> None:
    with pytest.raises(ServingError, match="nothing to listen on"):
        await serve(App(), bind=[])


async def test_a_unix_socket_is_served_and_its_file_removed(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    async with running(App(), bind=f"unix:{path}") as server:
        assert server.urls == [f"unix:{path}"]
        client = server.keep(await trio.open_unix_socket(path))
        assert (await client.get()).body == b"ok"
        assert (await server.next_record())["client"] is None
        with pytest.raises(ServingError, match="in use"):
            await serve(App(), bind=f"unix:{path}")
    assert not path.exists()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(ServingError, match="another kind"):
        await serve(App(), bind=f"unix:{path}")
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("bind", "message"),
    [
        ("8000", "'host:port'"),
        ("127.0.0.1:http", "'host:port'"),
        ("::1:8000", "'host:port'"),
        ("127.0.0.1:65536", "at most 65535"),
        ("192.0.2.1:0", "cannot listen on '192.0.2.1:0'"),
        ("unix:/nowhere/at/all.sock", "cannot listen"),
    ],
)
async def test_a_bad_bind_is_a_plain_sentence(bind: str, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        await serve(App(), bind=bind)


async def test_a_port_in_use_is_a_plain_sentence_and_frees_what_was_bound(tmp_path: Path) -> None:
    path = tmp_path / "app.sock"
    async with running(App()) as server:
        with pytest.raises(ServingError, match="the address is in use"):
            await serve(App(), bind=[f"unix:{path}", f"127.0.0.1:{server.port}"])
    assert not path.exists()


async def test_a_server_may_be_started_again_on_its_port() -> None:
    async with running(App()) as server:
        assert (await (await server.connect()).get(b"/", b"Connection: close")).body == b"ok"
        port = server.port
    async with running(App(), bind=f"127.0.0.1:{port}") as server:
        assert (await (await server.connect()).get()).body == b"ok"


async def test_tls_serves_https_and_wss() -> None:
    trust = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with running(App(), tls=Tls(CERTIFICATE)) as server:
        assert server.url.startswith("https://127.0.0.1:")
        async with httpx2.AsyncClient(verify=trust) as client:
            assert (await client.get(server.url)).text == "ok"
            assert (await client.get(server.url, headers={"Connection": "close"})).text == "ok"
        plain = await server.connect()
        rough = RoughClient(trio.SSLStream(plain.stream, trust, server_hostname="localhost"))
        assert (await rough.upgrade()).startswith(b"HTTP/1.1 101")
        await rough.send(frame(TEXT, b"hi"))
        assert await rough.read_frame() == (TEXT, b"hi")
        server.stop.set()
        assert await rough.read_close() == 1012


async def test_tls_offers_http_1_1_only() -> None:
    trust = ssl.create_default_context(cafile=str(CERTIFICATE))
    trust.set_alpn_protocols(["h2", "http/1.1"])
    async with running(App(), tls=Tls(CERTIFICATE)) as server:
        plain = await server.connect()
        stream = trio.SSLStream(plain.stream, trust, server_hostname="localhost")
        await stream.do_handshake()
        assert stream.selected_alpn_protocol() == "http/1.1"
        await stream.aclose()


async def test_broken_tls_clients_harm_nobody() -> None:
    trust = ssl.create_default_context(cafile=str(CERTIFICATE))
    async with running(
        App(), tls=Tls(CERTIFICATE), limits=Limits(tls_handshake_timeout=0.1)
    ) as server:
        junk, silent, hello = [await server.connect() for _ in range(3)]
        await junk.send(b"GET / HTTP/1.1\r\n\r\n")
        await hello.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
        reset(hello)
        assert await silent.stream.receive_some() == b""
        async with httpx2.AsyncClient(verify=trust) as client:
            assert (await client.get(server.url)).text == "ok"
    assert [record for record in server.records if record["kind"] == "fault"] == []


@pytest.mark.parametrize("name", ["missing.pem", "test_serving_sockets.py"])
async def test_an_unusable_certificate_is_a_plain_sentence(name: str) -> None:
    with pytest.raises(ServingError, match=name):
        await serve(App(), bind="127.0.0.1:0", tls=Tls(CERTIFICATE.with_name(name)))


def reset(client: RoughClient) -> None:
    """Close with a reset, as a crashed machine's router would."""
    client.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.stream.socket.close()


async def test_a_reset_in_the_middle_of_a_body_harms_nobody() -> None:
    async with running(App()) as server:
        client = await server.connect()
        await client.send(b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf")
        reset(client)
        assert (await (await server.connect()).get()).body == b"ok"
        assert {(await server.next_record())["kind"] for _ in range(2)} == {"request"}


async def test_an_early_answer_is_not_lost_to_a_reset() -> None:
    async with running(App(), limits=Limits(body_bytes=1000)) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3000000\r\n\r\n")
        await client.send(b"x" * 3_000_000)
        assert (await client.read_to_end()).startswith(b"HTTP/1.1 413")


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


async def test_a_quart_view_may_refuse_a_websocket_with_an_answer() -> None:
    async with running(quart_app()) as server:
        client = await server.connect()
        head = await client.upgrade(b"/denied")
        assert head.startswith(b"HTTP/1.1 401")
        assert b"www-authenticate: Bearer" in head
        assert await client.read_to_end() == b"no key"


async def test_an_empty_binary_frame_does_a_quart_handler_no_harm() -> None:
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
        assert (await server.next_record())["close_code"] == 1006
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


async def test_a_hundred_connections_at_once_are_all_served() -> None:
    async def storm() -> None:
        client = await server.connect()
        assert (await client.upgrade()).startswith(b"HTTP/1.1 101")
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")

    async with running(App()) as server, trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(storm)
