"""The control: what breaks `hypercorn.trio.serve` as it comes, and not the server of this package.

A test that nobody can fail proves nothing. Each probe here says of a server whether it came through
a client that means harm; the stock server must not, and this one must. Not collected with the other
tests: `nox -s control`.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio
from attrs import field, frozen
from rough_client import GONE, HANDSHAKE, TEXT, RoughClient, frame

PATIENCE_S = 4.0
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"


@frozen
class Server:
    """A server in a process of its own."""

    process: subprocess.Popen[str]
    port: int
    clients: list[RoughClient] = field(factory=list)

    async def connect(self) -> RoughClient:
        self.clients.append(RoughClient(await trio.open_tcp_stream("127.0.0.1", self.port)))
        return self.clients[-1]

    def ends(self) -> bool:
        """Whether the process comes to its end; nothing else goes on meanwhile."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PATIENCE_S)
        return self.process.poll() is not None

    async def answers(self, path: bytes = b"/") -> bytes:
        """What a new client is told; nothing when it is told nothing."""
        with trio.move_on_after(PATIENCE_S):
            try:
                return (await (await self.connect()).get(path)).body
            except (OSError, *GONE):
                return b""
        return b""


@contextmanager
def running(kind: str) -> Iterator[Server]:
    """Serve for the length of a block; whatever is left of it then is killed."""
    command = [sys.executable, str(Path(__file__).with_name("control_server.py")), kind]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            server = Server(process, int(process.stdout.readline()))
            yield server
            for client in server.clients:
                client.stream.socket.close()
        finally:
            process.kill()


async def outlives_a_header_that_is_not_ascii(server: Server) -> bool:
    client = await server.connect()
    await client.send(HANDSHAKE % (b"/watch", b"Sec-WebSocket-Protocol: caf\xe9\r\n"))
    await trio.sleep(0.5)
    return await server.answers() == b"ok"


async def ends_beside_a_client_that_reads_nothing(server: Server) -> bool:
    client = await server.connect()
    await client.send(HANDSHAKE % (b"/tight", b""))
    await trio.sleep(0.5)
    server.process.terminate()
    return server.ends()


async def goes_on_when_the_reader_of_a_busy_stream_leaves(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/tight")
    await client.read_frame()
    client.stream.socket.close()
    await trio.sleep(0.5)
    return await server.answers() == b"ok"


async def closes_after(server: Server, head: bytes) -> bool:
    client = await server.connect()
    await client.send(head)
    with trio.move_on_after(PATIENCE_S):
        return (await client.read_to_end()).endswith(b"ok")
    return False


async def closes_when_it_was_asked_to(server: Server) -> bool:
    return await closes_after(server, b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")


async def closes_after_http_1_0(server: Server) -> bool:
    return await closes_after(server, b"GET / HTTP/1.0\r\n\r\n")


async def misses_a_chatty_client_that_left(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/watch")
    await client.send(frame(TEXT, b"x") * 40)
    await trio.sleep(0.5)
    client.stream.socket.close()
    await trio.sleep(PATIENCE_S / 2)
    return await server.answers(b"/watching") == b"0"


async def refuses_http_2(server: Server) -> bool:
    client = await server.connect()
    await client.send(H2_PREFACE)
    with trio.move_on_after(PATIENCE_S):
        return (await client.read_head()).startswith(b"HTTP/1.1 505")
    return False


async def leaves_compression_out(server: Server) -> bool:
    client = await server.connect()
    head = await client.upgrade(b"/watch", b"Sec-WebSocket-Extensions: permessage-deflate")
    return b"permessage-deflate" not in head


async def bounds_the_head_of_a_request(server: Server) -> bool:
    client = await server.connect()
    return (await client.get(b"/", b"X: " + b"y" * 40_000)).status == 431


Probe = Callable[[Server], Awaitable[bool]]
PROBES: list[Probe] = [
    outlives_a_header_that_is_not_ascii,
    ends_beside_a_client_that_reads_nothing,
    goes_on_when_the_reader_of_a_busy_stream_leaves,
    closes_when_it_was_asked_to,
    closes_after_http_1_0,
    misses_a_chatty_client_that_left,
    refuses_http_2,
    leaves_compression_out,
    bounds_the_head_of_a_request,
]


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("kind", ["stock", "ours"])
async def test_only_this_server_comes_through(kind: str, probe: Probe) -> None:
    with running(kind) as server, trio.fail_after(5 * PATIENCE_S):
        assert await server.answers() == b"ok"
        assert await probe(server) is (kind == "ours")
