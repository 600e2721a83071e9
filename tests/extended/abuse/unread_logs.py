"""A log that nobody reads, or that cannot be written, stops nothing.

Rule: requests and runs go on, lines that are lost are counted, and the server can be
stopped.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio
from support.server_process import ServerProcess, serving_process

REQUESTS = 15_000


async def test_a_log_that_nobody_reads_stops_nothing(
    serve: Any, state: Callable[[str], None]
) -> None:
    reader, writer = os.pipe()
    try:
        async with serve(errors=writer) as server:
            async with server.connected() as client:
                for _ in range(REQUESTS):
                    reply = await server.ask_on(client, "GET", "/healthz")
                    assert reply.status == 200
            assert (await server.run())["state"] == "completed"
            text = await lost_lines(server, reader)
            state(f"{REQUESTS} requests and a run beside a log that nobody reads: {text}")
    finally:
        os.close(reader)
        os.close(writer)


async def lost_lines(server: ServerProcess, reader: int) -> str:
    """Read the log on, and return what it says of lines that it has lost."""
    os.set_blocking(reader, False)
    with trio.fail_after(10):
        while True:
            await server.ask("GET", "/healthz")
            with suppress(BlockingIOError):
                found = re.search(rb"[\d,]+ lines of the log were lost", os.read(reader, 1 << 20))
                if found:
                    return found[0].decode()


async def test_a_server_whose_log_nobody_reads_can_be_stopped(
    state: Callable[[str], None],
) -> None:
    reader, writer = os.pipe()
    try:
        async with serving_process(errors=writer) as server:
            for _ in range(300):
                await server.ask("GET", "/healthz")
            began = trio.current_time()
            assert await server.end(seconds=10) == 0
            state(f"ended {trio.current_time() - began:.1f} s after SIGTERM")
    finally:
        os.close(reader)
        os.close(writer)


async def test_a_log_whose_reader_ends_stops_nothing(serve: Any) -> None:
    reader, writer = os.pipe()
    async with serve(errors=writer) as server:
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        for _ in range(300):
            assert (await server.ask("GET", "/healthz")).status == 200
        assert (await server.run())["state"] == "completed"


async def test_a_log_on_a_full_disk_stops_nothing(serve: Any) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        async with serve(errors=full) as server:
            for _ in range(300):
                assert (await server.ask("GET", "/healthz")).status == 200
            assert (await server.run())["state"] == "completed"
    finally:
        os.close(full)
