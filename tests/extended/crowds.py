"""Thousands of clients at once, on a server in a process of its own.

Rule: every client receives every event, and no task, file or connection is left; no time is
asserted. Not collected with the other tests, since it takes half a minute and ten thousand open
files: `nox -s crowds`.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from attrs import frozen
from support import rough_client
from support.rough_client import RoughClient

STORM, AT_ONCE = 4000, 500
IDLE = 10_000
EVENTS_BEFORE_A_CUT = 3
NORMAL = (1000).to_bytes(2, "big")
# A client that has not finished in this time has failed.
GIVE_UP_S = 100
REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2024-01-02",
    "end_date": "2024-03-29",
    "stream": {"pace_bars_per_s": 2},
}


@frozen
class Server:
    """A server in a process of its own."""

    port: int
    pid: int

    @asynccontextmanager
    async def client(self) -> AsyncIterator[RoughClient]:
        async with await trio.open_tcp_stream("127.0.0.1", self.port) as stream:
            yield RoughClient(stream)

    @property
    def files(self) -> int:
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir()))

    async def is_back_to(self, files: int) -> None:
        """Wait until no more files are open than these."""
        with trio.fail_after(GIVE_UP_S):
            while self.files > files:  # noqa: ASYNC110 - no bell rings in another process
                await trio.sleep(0.1)


@pytest.fixture
def server() -> Iterator[Server]:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < IDLE + 1000:
        pytest.skip(f"only {hard} files may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    command = [sys.executable, "-m", "glowback_trio", "serve", "--port", "0", "--store", "memory"]
    command += ["--log-level", "ERROR", "--rate-limit", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            yield Server(int(line.rpartition(":")[2]), process.pid)
        finally:
            process.terminate()
            assert process.wait(30) == 0


async def start_run(server: Server) -> bytes:
    body = json.dumps(REQUEST).encode()
    async with server.client() as client:
        await client.send(
            b"POST /backtests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        run_id: str = json.loads((await client.read_reply(b"POST")).body)["run_id"]
    return run_id.encode()


async def follow(server: Server, run_id: bytes, cursor: int, most: int | None) -> list[int]:
    """Follow from a cursor to the end, or for some events, and return their ids."""
    seen: list[int] = []
    async with server.client() as client:
        head = await client.upgrade(b"/backtests/%s/stream?last_event_id=%d" % (run_id, cursor))
        assert head.startswith(b"HTTP/1.1 101"), head
        while most is None or len(seen) < most:
            match await client.read_frame():
                case (rough_client.TEXT, payload):
                    seen.append(json.loads(payload)["event_id"])
                case (rough_client.PING, payload):
                    await client.send(rough_client.frame(rough_client.PONG, payload))
                case (opcode, payload):
                    assert (opcode, payload[:2]) == (rough_client.CLOSE, NORMAL)
                    break
    return seen


async def test_a_storm_of_clients_that_are_cut_and_resume_loses_nothing(server: Server) -> None:
    files = server.files
    run_id = await start_run(server)
    doors = trio.CapacityLimiter(AT_ONCE)
    logs: list[list[int]] = []

    async def come_and_come_back() -> None:
        async with doors:
            seen = await follow(server, run_id, 0, EVENTS_BEFORE_A_CUT)
        logs.append(seen + await follow(server, run_id, seen[-1], None))

    with trio.fail_after(GIVE_UP_S):
        async with trio.open_nursery() as nursery:
            for _ in range(STORM):
                nursery.start_soon(come_and_come_back)
    assert len(logs) == STORM
    assert all(log == list(range(1, len(log) + 1)) for log in logs)
    assert len({len(log) for log in logs}) == 1
    await server.is_back_to(files)


async def test_ten_thousand_idle_connections_disturb_nobody(server: Server) -> None:
    files = server.files
    idle = [await trio.open_tcp_stream("127.0.0.1", server.port) for _ in range(IDLE // 2)]
    with trio.fail_after(GIVE_UP_S):
        for _ in range(IDLE // 2):  # these have been served once and are kept
            idle.append(await trio.open_tcp_stream("127.0.0.1", server.port))
            assert (await RoughClient(idle[-1]).get(b"/healthz")).status == 200
        async with server.client() as client:
            assert (await client.get(b"/healthz")).status == 200
            run_id = await start_run(server)
            assert await follow(server, run_id, 0, 3) == [1, 2, 3]
        for stream in idle:
            await stream.aclose()
    await server.is_back_to(files)
