"""A server without descriptors, or with bodies that never end, goes on.

Rule: who asks meanwhile is told 503 with `Retry-After`, or waits; nobody is told that the request
is wrong, no answer is cut off, and afterwards everything is as before.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import trio
from support.rough_client import GONE, RoughClient
from support.server_process import REQUEST, ServerProcess

FILES = 200
BODIES = 600
#: The bound of the server's memory, and what an estimate may be wrong by.
MEMORY_MB, MORE_MB = 256, 60


@asynccontextmanager
async def crowd(server: ServerProcess, clients: int) -> AsyncIterator[None]:
    """Open more connections than the server has descriptors for, and keep them."""
    async with AsyncExitStack() as stack:
        for _ in range(clients):
            await stack.enter_async_context(server.connected())
        yield


async def test_out_of_descriptors_everybody_waits_or_is_told_to_come_back(
    serve: Any, state: Callable[[str], None]
) -> None:
    limit = ("sh", "-c", f'ulimit -n {FILES}; exec "$0" "$@"')
    async with serve(wrapper=limit) as server, AsyncExitStack() as stack:
        run_id = (await server.run())["run_id"]
        descriptors = server.descriptors
        paths = ["/healthz", f"/backtests/{run_id}", f"/backtests/{run_id}/results", "/datasets"]
        paths += ["/strategies", "/readyz", "/docs", "/backtests", "POST"]
        paths += [f"/backtests/{run_id}/equity.parquet", f"/backtests/{run_id}/events"]
        known = [await stack.enter_async_context(server.connected()) for _ in paths]
        for client in known:
            assert (await server.ask_on(client, "GET", "/healthz")).status == 200
        told = {}
        async with crowd(server, FILES + 60):
            await trio.sleep(0.5)
            for client, path in zip(known, paths, strict=True):
                told[path] = await ask_on(server, client, path)
        state(f"{sorted(told.values())}, {server.descriptors} descriptors of {FILES}")
        assert set(told.values()) <= {200, 201, 503}, told
        assert told["/healthz"] == 200
        assert "Traceback" not in server.log
        await stack.aclose()
        await server.at_rest(descriptors=descriptors + 4)
        assert (await server.run())["state"] == "completed"


async def ask_on(server: ServerProcess, client: RoughClient, path: str) -> int:
    """Send a request, check that a refusal says when to come back, and return the status."""
    with trio.fail_after(10):
        if path == "POST":
            request = {**REQUEST, "data_source": "sample"}
            reply = await server.ask_on(client, "POST", "/backtests", request)
        else:
            reply = await server.ask_on(client, "GET", path)
    assert reply.status != 503 or b"retry-after" in reply.headers
    return reply.status


async def test_bodies_that_never_end_are_bounded_and_let_go(
    serve: Any, state: Callable[[str], None]
) -> None:
    async with serve("--max-memory", str(MEMORY_MB << 20)) as server:
        await server.run()
        descriptors = server.descriptors
        server.forget_peak()
        async with AsyncExitStack() as stack:
            for _ in range(BODIES):
                client = await stack.enter_async_context(server.connected())
                head = server.request_bytes("POST", "/backtests", Content_Length=str(1 << 20))
                with trio.move_on_after(5), suppress(*GONE):
                    await client.send(head + b" " * (1 << 19))
            assert (await server.ask("GET", "/healthz")).status == 200
            state(f"{BODIES} unfinished bodies of 512 KiB: at most {server.peak_mb:.0f} MB")
            assert server.peak_mb < MEMORY_MB + MORE_MB
        await server.at_rest(descriptors=descriptors + 4)
        assert (await server.run())["state"] == "completed"
