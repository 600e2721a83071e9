"""The control: hostile clients that `hypercorn.trio.serve` does not survive and this server does.

Rule: a test that no server fails proves nothing, so each probe must fail on Hypercorn's server and
pass on this one. Not collected with the other tests: `nox -s control`.
"""

from __future__ import annotations

import re
import struct
import subprocess
import sys
import zlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio
from attrs import field, frozen
from support.rough_client import (
    BINARY,
    CONTINUATION,
    GONE,
    HANDSHAKE,
    TEXT,
    RoughClient,
    frame,
)

GIVE_UP_S = 4.0
MIB = 1 << 20
# What a client may make a server hold, with room for what a request costs anyway.
HELD_BYTES = 24 * MIB
DEFLATE = b"Sec-WebSocket-Extensions: permessage-deflate"
RSV1 = 4
H2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
H2_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
H2_SHUT_WINDOW = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00"
# Whole requests on stream 1, as HPACK has them.
H2_GET_LARGE = b"\x00\x00\x10\x01\x05\x00\x00\x00\x01\x82\x86\x44\x06/large\x41\x04test"
H2_CONNECT = b"\x00\x00\x0f\x01\x05\x00\x00\x00\x01\x42\x07CONNECT\x41\x04test"


@frozen
class Server:
    """A server in its own process."""

    process: subprocess.Popen[str]
    port: int
    clients: list[RoughClient] = field(factory=list)

    async def connect(self) -> RoughClient:
        self.clients.append(RoughClient(await trio.open_tcp_stream("127.0.0.1", self.port)))
        return self.clients[-1]

    def ends(self) -> bool:
        """Wait for the process to end; return False if it does not."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(GIVE_UP_S)
        return self.process.poll() is not None

    @property
    def peak(self) -> int:
        """Peak memory of the process so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (kib,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(kib) * 1024

    async def answers(self, path: bytes = b"/") -> bytes:
        """Return the response to a new client; empty when there is none in time."""
        with trio.move_on_after(GIVE_UP_S):
            try:
                return (await (await self.connect()).get(path)).body
            except (OSError, *GONE):
                return b""
        return b""


@contextmanager
def running(kind: str) -> Iterator[Server]:
    """Serve for the length of a block; the server is killed if it is left at the end."""
    command = [sys.executable, str(Path(__file__).with_name("control_server.py")), kind]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            server = Server(process, int(process.stdout.readline()))
            try:
                yield server
            finally:
                for client in server.clients:
                    client.stream.socket.close()
        finally:
            process.kill()


async def outlives_a_header_that_is_not_ascii(server: Server) -> bool:
    client = await server.connect()
    await client.send(HANDSHAKE % (b"/watch", b"Sec-WebSocket-Protocol: caf\xe9\r\n"))
    await trio.sleep(0.5)
    return await server.answers() == b"ok"


async def outlives_a_connect_over_http_2(server: Server) -> bool:
    client = await server.connect()
    await client.send(H2_PREFACE + H2_SETTINGS + H2_CONNECT)
    await trio.sleep(0.5)
    return await server.answers() == b"ok"


async def ends_beside_a_client_that_reads_nothing(server: Server) -> bool:
    client = await server.connect()
    await client.send(HANDSHAKE % (b"/tight", b""))
    await trio.sleep(0.5)
    server.process.terminate()
    return server.ends()


async def ends_beside_a_download_that_nobody_reads(server: Server) -> bool:
    client = await server.connect()
    await client.send(b"GET /large HTTP/1.1\r\nHost: test\r\n\r\n")
    await trio.sleep(0.5)
    server.process.terminate()
    return server.ends()


async def goes_on_when_the_readers_of_busy_streams_leave(server: Server) -> bool:
    # One is not always enough: it may be missed in the one moment in which that does no harm.
    for _ in range(5):
        client = await server.connect()
        await client.upgrade(b"/tight")
        await client.read_frame()
    for client in server.clients:
        client.stream.socket.close()
    await trio.sleep(0.5)
    return await server.answers() == b"ok"


async def closes_after(server: Server, head: bytes) -> bool:
    client = await server.connect()
    await client.send(head)
    with trio.move_on_after(GIVE_UP_S):
        return (await client.read_to_end()).endswith(b"ok")
    return False


async def closes_after_connection_close(server: Server) -> bool:
    return await closes_after(server, b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")


async def closes_after_http_1_0(server: Server) -> bool:
    return await closes_after(server, b"GET / HTTP/1.0\r\n\r\n")


async def misses_a_chatty_client_that_left(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/watch")
    await client.send(frame(TEXT, b"x") * 40)
    await trio.sleep(0.5)
    client.stream.socket.close()
    await trio.sleep(GIVE_UP_S / 2)
    return await server.answers(b"/watching") == b"0"


async def refuses_http_2(server: Server) -> bool:
    client = await server.connect()
    await client.send(H2_PREFACE + H2_SETTINGS)
    with trio.move_on_after(GIVE_UP_S):
        return (await client.read_head()).startswith(b"HTTP/1.1 505")
    return False


async def leaves_compression_out(server: Server) -> bool:
    client = await server.connect()
    head = await client.upgrade(b"/watch", DEFLATE)
    return b"permessage-deflate" not in head


async def bounds_the_head_of_a_request(server: Server) -> bool:
    client = await server.connect()
    return (await client.get(b"/", b"X: " + b"y" * 40_000)).status == 431


async def tells_a_stream_that_it_ends(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/watch")
    server.process.terminate()
    with suppress(*GONE):
        return await client.read_close() == 1012
    return False


async def misses_a_client_that_fell_silent(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/watch")
    with trio.move_on_after(GIVE_UP_S), suppress(*GONE):
        while True:  # it sees the pings and answers none
            await client.read_frame()
    return await server.answers(b"/watching") == b"0"


async def holds_little_of(server: Server, client: RoughClient, flood: bytes) -> bool:
    """Send this without reading; return True if the memory of the server does not grow."""
    before = server.peak
    with trio.move_on_after(GIVE_UP_S), suppress(*GONE):
        await client.send(flood)
        await trio.sleep(GIVE_UP_S / 2)
    return server.peak - before < HELD_BYTES and await server.answers() == b"ok"


async def holds_little_for_a_window_that_never_opens(server: Server) -> bool:
    request = H2_PREFACE + H2_SHUT_WINDOW + H2_GET_LARGE
    return await holds_little_of(server, await server.connect(), request)


async def holds_little_of_a_message_without_end(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/watch")
    fragment = unmasked_for_speed(CONTINUATION, 64 * 1024)
    endless = frame(BINARY, fin=False) + fragment * 1000
    return await holds_little_of(server, client, endless)


async def holds_little_of_a_frame_without_end(server: Server) -> bool:
    client = await server.connect()
    await client.upgrade(b"/watch")
    return await holds_little_of(server, client, unmasked_for_speed(BINARY, 64 * MIB))


def unmasked_for_speed(opcode: int, size: int) -> bytes:
    """Return a long frame of zeros with a zero mask, as a continuation that is not the last."""
    first = opcode if opcode == CONTINUATION else 0x80 | opcode
    return struct.pack("!BBQ", first, 0xFF, size) + bytes(4 + size)


async def inflates_no_bomb(server: Server) -> bool:
    deflater = zlib.compressobj(wbits=-15)
    bomb = deflater.compress(bytes(100 * MIB)) + deflater.flush(zlib.Z_SYNC_FLUSH)
    client = await server.connect()
    await client.upgrade(b"/watch", DEFLATE)
    return await holds_little_of(server, client, frame(BINARY, bomb[:-4], rsv=RSV1))


Probe = Callable[[Server], Awaitable[bool]]
PROBES: list[Probe] = [
    outlives_a_header_that_is_not_ascii,
    outlives_a_connect_over_http_2,
    ends_beside_a_client_that_reads_nothing,
    ends_beside_a_download_that_nobody_reads,
    goes_on_when_the_readers_of_busy_streams_leave,
    closes_after_connection_close,
    closes_after_http_1_0,
    misses_a_chatty_client_that_left,
    refuses_http_2,
    leaves_compression_out,
    bounds_the_head_of_a_request,
    tells_a_stream_that_it_ends,
    misses_a_client_that_fell_silent,
    holds_little_for_a_window_that_never_opens,
    holds_little_of_a_message_without_end,
    holds_little_of_a_frame_without_end,
]


@pytest.mark.parametrize("probe", PROBES)
@pytest.mark.parametrize("kind", ["stock", "ours"])
async def test_only_this_server_comes_through(kind: str, probe: Probe) -> None:
    with running(kind) as server, trio.fail_after(5 * GIVE_UP_S):
        assert await server.answers() == b"ok"
        assert await probe(server) is (kind == "ours")


@pytest.mark.parametrize("kind", ["stock", "compressing"])
async def test_only_this_server_bears_a_bomb(kind: str) -> None:
    with running(kind) as server, trio.fail_after(5 * GIVE_UP_S):
        assert await server.answers() == b"ok"
        assert await inflates_no_bomb(server) is (kind == "compressing")
