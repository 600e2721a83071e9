"""Measure what worker processes cost and bring.

    python benchmarks/workers.py [--full]

Warm start: a short run in a worker process, and inline, in turn. Events: 100,000 of a job that only
emits, from the worker into a log, and inline. Throughput: runs of 500 x 2,520 days from the cache,
in one worker and in one for each core, in turn. Health: `GET /healthz` of a server without runs and
of the same with all workers busy, in turn. Wall time throughout: use a machine without other work.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio
from attrs import evolve
from flood import Flood
from loading import make_prices
from servers import OURS, Server, opened

from glowback_trio import (
    BacktestRequest,
    Catalogue,
    Gateway,
    InlineCompute,
    MaCrossover,
    ProcessCompute,
    State,
    open_gateway,
)
from glowback_trio.actors.gateway import random_id
from glowback_trio.actors.log_writer import LogWriter
from glowback_trio.compute import Compute, Progressed, Step
from glowback_trio.model.instant import utc_now
from glowback_trio.store import MemoryLog

SHORT = BacktestRequest(symbols=["AAPL"], start_date="2023-01-01", end_date="2023-12-31")
EVENTS = 100_000
STARTS, ROUNDS, REQUESTS = 50, 5, 400


async def seconds(gateway: Gateway, requests: Sequence[BacktestRequest]) -> float:
    """Run these requests and return how long it took until the last one ended."""
    start = time.perf_counter()
    runs = [gateway.submit(request) for request in requests]
    for run in runs:
        status = await run.wait_finished()
        if status.state is not State.COMPLETED:
            raise SystemExit(f"a run has {status.state}: {status.error}")
    return time.perf_counter() - start


async def in_turn(
    computes: Sequence[Compute],
    requests: Sequence[BacktestRequest],
    rounds: int,
    data: Catalogue | None = None,
) -> list[float]:
    """Return the median seconds of each backend, after one round to warm up."""
    async with (
        open_gateway(compute=computes[0], data=data, max_running=64) as first,
        open_gateway(compute=computes[1], data=data, max_running=64) as second,
    ):
        times = [
            [await seconds(each, requests) for each in (first, second)] for _ in range(rounds + 1)
        ][1:]
    return [statistics.median(column) for column in zip(*times, strict=True)]


async def warm_start() -> None:
    """Print what a worker process adds to a short run."""
    inline, process = await in_turn([InlineCompute(), ProcessCompute(1)], [SHORT], STARTS)
    print(
        f"warm start: {(process - inline) * 1e3:.1f} ms over {inline * 1e3:.1f} ms inline; "
        "target at most 5 ms"
    )


async def seconds_to_log(compute: Compute, count: int) -> float:
    """Return how long these events take from the job into a log."""
    log = MemoryLog(lambda: None)
    writer = LogWriter.begin(log, random_id(), SHORT, utc_now)
    writer.announce(State.RUNNING)
    send, steps = trio.open_memory_channel[Step](4)
    start = time.perf_counter()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(compute.run_job, Flood(count), send)
        async for step in steps:
            if isinstance(step, Progressed):
                for draft in step.drafts:
                    writer.emit(draft)
    return time.perf_counter() - start


async def events() -> None:
    """Print how many events a second reach a log."""
    inline, process = InlineCompute(), ProcessCompute(1)
    async with process.opened():
        times = [
            [await seconds_to_log(each, EVENTS) for each in (inline, process)]
            for _ in range(ROUNDS + 1)
        ][1:]
    ours, floor = (EVENTS / statistics.median(each) for each in zip(*times, strict=True))
    print(
        f"events into a log: {floor:,.0f} a second from a worker, {ours:,.0f} inline; "
        "target at least 200,000"
    )


async def throughput(count: int, symbols: int) -> None:
    """Print how much faster all cores are than one."""
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        request = evolve(make_prices(Path(name), symbols), strategy=MaCrossover())
        data = Catalogue(Path(name), cache=Path("cache"))
        data.load(request)
        computes = [ProcessCompute(1), ProcessCompute(cores)]
        one, all_ = await in_turn(computes, [request] * count, 1, data)
    print(
        f"{count} runs of {symbols} x 2,520: {count / all_:.1f} a second by {cores} workers, "
        f"{count / one:.1f} by one: {one / all_:.2f} times; target at least 1.8 by two"
    )


def health(server: Server) -> float:
    """Return the 99th percentile of the milliseconds that `GET /healthz` takes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times = []
    for _ in range(REQUESTS):
        start = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.001)  # a probe, not a load
    connection.close()
    return statistics.quantiles(times, n=100)[-1]


def busy_health() -> None:
    """Print how long health checks take with and without runs at work."""
    command = (*OURS, "--workers", "1")
    with opened("glowback-trio", command) as server:
        long = {
            "symbols": ["AAPL"],
            "start_date": "2006-01-01",
            "end_date": "2023-12-31",
            "resolution": "minute",
            "stream": {"metrics_every": 0},
        }
        pairs = []
        for _ in range(ROUNDS):
            idle = health(server)
            run_id = server.ask("POST", "/backtests", long)["run_id"]
            pairs.append((idle, health(server)))
            server.ask("POST", f"/backtests/{run_id}/cancel")
    idle, busy = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"GET /healthz: p99 {idle:.2f} ms idle, {busy:.2f} ms with a busy worker: "
        f"{busy / idle:.2f} times; target at most 2"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure worker processes.")
    parser.add_argument("--full", action="store_true", help="200 runs of 500 symbols, not 20 of 50")
    full = parser.parse_args().full
    trio.run(warm_start)
    trio.run(events)
    trio.run(throughput, *((200, 500) if full else (20, 50)))
    busy_health()


if __name__ == "__main__":
    main()
