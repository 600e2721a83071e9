"""Misbehaving clients over TLS, in virtual time.

Rule: TLS changes nothing about deadlines, records and the shutdown.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
from support.rough_client import GONE, TEXT, RoughClient, frame
from support.virtual_net import End
from support.virtual_server import VirtualServer, serving
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio.serving import Limits, Tls

CERTIFICATE = Path(__file__).with_name("localhost.pem")
TRUST = ssl.create_default_context(cafile=str(CERTIFICATE))
SECURE: dict[str, Any] = {"tls": Tls(CERTIFICATE)}
GET = b"GET /%s HTTP/1.1\r\nHost: test\r\n\r\n"


async def encrypted(server: VirtualServer, capacity: int = 1 << 16) -> tuple[RoughClient, End]:
    """A client whose handshake is done, and what carries it."""
    end = server.network.connect(capacity)
    stream = trio.SSLStream(end, TRUST, server_hostname="localhost", https_compatible=True)
    await stream.do_handshake()
    return RoughClient(stream), end


async def still_answers(server: VirtualServer) -> bool:
    client, end = await encrypted(server)
    reply = await client.get()
    end.close()
    await wait_all_tasks_blocked()
    return reply.body == b"ok" and server.app.running == 0


def client_hello() -> bytes:
    """Return the first bytes of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with suppress(ssl.SSLWantReadError):
        TRUST.wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("sent", [b"", client_hello()], ids=["silence", "a hello in drops"])
async def test_a_handshake_that_is_not_done_in_time_is_given_up(
    sent: bytes, autojump_clock: MockClock
) -> None:
    async with serving(**SECURE) as server:
        client = server.network.connect()

        async def drip() -> None:
            with suppress(trio.BrokenResourceError):
                for byte in sent:
                    await client.send_all(bytes([byte]))
                    await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(drip)
            with suppress(trio.BrokenResourceError):
                while await client.receive_some():
                    pass
            assert trio.current_time() == Limits().tls_handshake_timeout
            nursery.cancel_scope.cancel()
        assert await still_answers(server)
    assert server.faults == []


@pytest.mark.parametrize("sent", [b"", GET[:9], GET % b"sleep", GET % b"endless"])
@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_client_that_leaves_without_close_notify_ends_no_other_connection(
    how: str, sent: bytes, autojump_clock: MockClock
) -> None:
    async with serving(**SECURE) as server:
        client, end = await encrypted(server, capacity=3000)
        if sent:
            await client.send(sent)
        await trio.sleep(1)
        getattr(end, how)()
        await trio.sleep(Limits().send_timeout)
        assert await still_answers(server)
    assert server.faults == []


async def test_garbage_after_the_handshake_ends_its_own_connection(
    autojump_clock: MockClock,
) -> None:
    async with serving(**SECURE) as server:
        client, end = await encrypted(server)
        await client.send(GET[:9])
        await end.send_all(b"\x17\x03\x03\x00\x20" + bytes(32))
        with pytest.raises(GONE):
            await client.read_reply()
        assert await still_answers(server)
    assert server.faults == []


async def test_a_client_that_reads_nothing_over_tls_is_cut_as_well(
    autojump_clock: MockClock,
) -> None:
    async with serving(**SECURE) as server:
        client, _end = await encrypted(server, capacity=3000)
        await client.upgrade(b"/flood")
        await trio.sleep(Limits().send_timeout + Limits().exit_timeout + 1)
        assert server.app.running == 0
        assert await still_answers(server)


async def test_a_client_that_reads_nothing_over_tls_does_not_delay_the_shutdown(
    autojump_clock: MockClock,
) -> None:
    async with serving(**SECURE) as server:
        client, _end = await encrypted(server, capacity=3000)
        await client.upgrade(b"/flood")
        await trio.sleep(1)
        began = trio.current_time()
        server.stop.set()
        await server.ended.wait()
        assert trio.current_time() - began <= Limits().grace + 1


async def test_a_websocket_over_tls_is_closed_1012_in_the_shutdown(
    autojump_clock: MockClock,
) -> None:
    async with serving(**SECURE) as server:
        client, _end = await encrypted(server)
        await client.upgrade()
        await client.send(frame(TEXT, b"hi"))
        assert await client.read_frame() == (TEXT, b"hi")
        server.stop.set()
        assert await client.read_close() == 1012
