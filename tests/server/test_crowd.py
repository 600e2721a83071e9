"""Hundreds of clients at once over real sockets; `extended/crowds.py` has thousands.

Rule: every client receives the log, and cuts lose nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import orjson
import trio
from support.raw_http import connect
from support.rough_client import CLOSE, TEXT, RoughClient, close_frame
from support.served import Serve

from glowback_trio import Run

# Both ends of each are open files of this process, which may have 1024.
CLIENTS = 400
EVENTS_BEFORE_A_CUT = 3
GIVE_UP_S = 60


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RoughClient]:
    async with await connect(url) as stream:
        yield RoughClient(stream)


async def follow(url: str, run: Run, cursor: int, most: int | None) -> list[int]:
    """Follow from a cursor on, to the end or until a cut, and return the ids that were received."""
    path = f"/backtests/{run.run_id}/stream?last_event_id={cursor}"
    received: list[int] = []
    async with opened(url) as client:
        head = await client.upgrade(path.encode())
        assert head.startswith(b"HTTP/1.1 101"), head
        while most is None or len(received) < most:
            opcode, payload = await client.read_frame()
            if opcode == CLOSE:
                assert payload == (1000).to_bytes(2, "big")
                await client.send(close_frame())
                break
            assert opcode == TEXT
            received.append(orjson.loads(payload)["event_id"])
    return received


async def test_a_storm_of_clients_that_are_cut_and_resume_loses_nothing(
    serve_with: Serve, submit: Callable[..., Run]
) -> None:
    url = await serve_with(log_level="ERROR")
    tasks = trio.lowlevel.current_statistics().tasks_living
    run = submit(stream={"pace_bars_per_s": 20, "metrics_every": 10, "progress_steps": 10})
    logs: list[list[int]] = []

    async def come_and_come_back() -> None:
        received = await follow(url, run, 0, EVENTS_BEFORE_A_CUT)
        logs.append(received + await follow(url, run, received[-1], None))

    with trio.fail_after(GIVE_UP_S):
        async with trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(come_and_come_back)
        while trio.lowlevel.current_statistics().tasks_living > tasks:
            await trio.lowlevel.checkpoint()
    assert logs == [list(range(1, run.status.event_count + 1))] * CLIENTS
    assert run.subscribers == 0


async def test_hundreds_of_idle_connections_disturb_no_client(
    serve_with: Serve, endless: Run
) -> None:
    url = await serve_with(log_level="ERROR")
    tasks = trio.lowlevel.current_statistics().tasks_living
    idle = [await connect(url) for _ in range(CLIENTS)]
    with trio.fail_after(GIVE_UP_S):
        for stream in idle[::2]:  # these have been served once and are kept
            assert (await RoughClient(stream).get(b"/healthz")).status == 200
        assert await follow(url, endless, 0, 3) == [1, 2, 3]
        for stream in idle:
            await stream.aclose()
        while trio.lowlevel.current_statistics().tasks_living > tasks:
            await trio.lowlevel.checkpoint()
