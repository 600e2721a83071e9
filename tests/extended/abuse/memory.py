"""What leaves the books leaves the process, and what is not read is not held.

Rule: after runs are deleted the server's memory is what it was, without the collector; results that
nobody reads take little, and small answers never wait for them.
"""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from glowback_trio import BacktestRequest, InlineCompute, MemoryStore, open_gateway

#: A run of a million bars.
MILLION: dict[str, Any] = {
    "symbols": ["A"],
    "data_source": "sample",
    "resolution": "second",
    "start_date": "2020-01-02",
    "end_date": "2020-03-10",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 1, "long_period": 2}},
    "stream": {"trades": False, "metrics_every": 0},
}
#: The first runs find what an allocator keeps for the next ones.
WARM, RUNS = 3, 10
MOST_MB = 50
CLIENTS = 100
UNREAD_KIB = 256


@pytest.mark.parametrize("store", ["memory", None])
@pytest.mark.timeout(600)
async def test_deleted_runs_leave_no_memory(
    serve: Any, state: Callable[[str], None], store: str | None
) -> None:
    keep = ("--keep-runs", "1", "--keep-bytes", "1000000")
    async with serve(*keep, *(("--store", store) if store else ())) as server:
        held = []
        for _ in range(WARM + RUNS):
            status = await server.run(120, **MILLION)
            assert status["state"] == "completed", status
            assert (await server.ask("DELETE", f"/backtests/{status['run_id']}")).status == 204
            held.append(server.memory_mb)
        state(f"RSS after each of {len(held)} deleted runs: {[round(each) for each in held]} MB")
        await trio.sleep(2)
        assert server.memory_mb < held[WARM - 1] + MOST_MB


async def test_results_that_nobody_reads_take_little_and_hold_up_nobody(
    serve: Any, state: Callable[[str], None]
) -> None:
    async with serve() as server, AsyncExitStack() as stack:
        small = (await server.run())["run_id"]
        large = (await server.run(120, **MILLION))["run_id"]
        async with server.connected() as client:
            path = f"/backtests/{large}/equity.parquet"
            await client.send(server.request_bytes("GET", path, Connection="close"))
            await client.read_to_end()
        before = server.memory_mb
        server.forget_peak()
        for number in range(CLIENTS):
            client = await stack.enter_async_context(server.connected(4096))
            what = ("equity.parquet", "results", "equity.csv", "trades.ndjson")[number % 4]
            await client.send(server.request_bytes("GET", f"/backtests/{large}/{what}"))
        await trio.sleep(1)
        began = trio.current_time()
        result = await server.get(f"/backtests/{small}/results", 30)
        took, grown = trio.current_time() - began, server.peak_mb - before
        state(f"{CLIENTS} unread results take {grown:.0f} MB; a small one {took:.2f} s")
        assert result["equity_curve"]
        assert took < 2
        assert grown < CLIENTS * UNREAD_KIB / 1024 + 100


async def test_a_small_request_cannot_have_a_result_of_gigabytes(
    serve: Any, state: Callable[[str], None]
) -> None:
    symbols = [f"S{number}" for number in range(500)]
    crossover = {"name": "ma_crossover", "params": {"short_period": 1, "long_period": 2}}
    eager = {"symbols": symbols, "data_source": "sample", "strategy": crossover}
    eager |= {"resolution": "hour", "start_date": "2015-01-01", "end_date": "2019-06-30"}
    eager |= {"stream": {"trades": False, "metrics_every": 0}}
    async with serve("--max-bars", "20000000") as server:
        before = server.memory_mb
        server.forget_peak()
        reply = await server.ask("POST", "/backtests", eager)
        ending: str | None = reply.body.decode()[:100]
        if reply.status == 201:
            status = await server.ended(json.loads(reply.body)["run_id"], 110)
            ending = status["error"] or status["state"]
        grown = server.peak_mb - before
        state(f"{len(json.dumps(eager))} bytes take {grown:.0f} MB: {ending}")
        assert grown < 1500


@pytest.mark.parametrize("how", ["deleted", "evicted"])
async def test_a_run_that_leaves_the_books_is_freed_without_the_collector(how: str) -> None:
    request = BacktestRequest(
        symbols=["A"], data_source="sample", start_date="2020-01-02", end_date="2020-03-10"
    )
    store = MemoryStore(keep_runs=1)
    async with open_gateway(compute=InlineCompute(), store=store) as gateway:
        gc.collect()
        gc.disable()
        try:
            run = gateway.submit(request)
            await run.wait_finished()
            parts = (run, run.broadcaster, run.broadcaster.log)
            held = list(map(weakref.ref, parts))
            run_id = run.run_id
            del run, parts
            await wait_all_tasks_blocked()
            if how == "deleted":
                gateway.delete(run_id)
            else:
                for _ in range(2):
                    await gateway.submit(request).wait_finished()
            await wait_all_tasks_blocked()
            assert [each() for each in held] == [None] * len(held)
        finally:
            gc.enable()
