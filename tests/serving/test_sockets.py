"""What only real sockets can show: binds, resets and TLS.

Every wait for a peer has its own deadline; no time is asserted.
"""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx2
import pytest
import trio
from support.asgi_apps import App
from support.real_server import reset, running
from support.rough_client import TEXT, RoughClient, frame

from glowback_trio.errors import ServingError
from glowback_trio.serving import FaultRecord, Limits, RequestRecord, Tls, serve

CERTIFICATE = Path(__file__).with_name("localhost.pem")


async def test_several_binds_are_served_and_named() -> None:
    async with running(App(), bind=["127.0.0.1:0", "[::1]:0", "localhost:0"]) as server:
        assert server.urls[0].startswith("http://127.0.0.1:")
        assert server.urls[1].startswith("http://[::1]:")
        async with httpx2.AsyncClient() as client:
            for url in server.urls:
                reply = await client.get(url)
                assert reply.text == "ok"
                assert reply.headers["date"].endswith("GMT")


async def test_nothing_to_listen_on_is_a_clear_error() -> None:
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
        assert (await server.next_record()).facts.client is None
        with pytest.raises(ServingError, match="in use"):
            await serve(App(), bind=f"unix:{path}")
    assert not path.exists()


async def test_a_file_that_is_not_a_socket_is_left_alone(tmp_path: Path) -> None:
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
async def test_a_bad_bind_is_a_clear_error(bind: str, message: str) -> None:
    with pytest.raises(ServingError, match=message):
        await serve(App(), bind=bind)


async def test_a_port_in_use_is_a_clear_error_and_releases_the_other_binds(tmp_path: Path) -> None:
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


async def test_broken_tls_clients_end_no_other_connection() -> None:
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
    assert [record for record in server.records if isinstance(record, FaultRecord)] == []


@pytest.mark.parametrize("name", ["missing.pem", "test_sockets.py"])
async def test_an_unusable_certificate_is_a_clear_error(name: str) -> None:
    with pytest.raises(ServingError, match=name):
        await serve(App(), bind="127.0.0.1:0", tls=Tls(CERTIFICATE.with_name(name)))


async def test_a_reset_in_the_middle_of_a_body_ends_no_other_connection() -> None:
    async with running(App()) as server:
        client = await server.connect()
        await client.send(b"POST /mirror HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nhalf")
        reset(client)
        assert (await (await server.connect()).get()).body == b"ok"
        assert {type(await server.next_record()) for _ in range(2)} == {RequestRecord}


async def test_an_early_response_is_not_lost_to_a_reset() -> None:
    async with running(App(), limits=Limits(body_bytes=1000)) as server:
        client = await server.connect()
        await client.send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3000000\r\n\r\n")
        await client.send(b"x" * 3_000_000)
        assert (await client.read_to_end()).startswith(b"HTTP/1.1 413")


async def test_a_hundred_connections_at_once_are_all_served() -> None:
    async def storm() -> None:
        client = await server.connect()
        assert (await client.upgrade()).startswith(b"HTTP/1.1 101")
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")

    async with running(App()) as server, trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(storm)
