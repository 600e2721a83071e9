"""Measure what worker processes cost and bring.

    python benchmarks/workers.py [--full]

Warm start: a short run in a worker process, and inline, in turn. Events: 100,000 of a job that only
emits, from the worker into a log, and inline. Throughput: runs of 500 x 2,520 days from the cache,
by a process with one worker that share one core, and by one that has all cores and a worker for
each, in turn. Memory: the same source of bars in memory for every run. Health: `GET /healthz` of a
server without runs, of the same with all workers busy, and with two clients that fetch a result of
12 MB again and again besides, in turn. Wall time throughout: use a machine without other work.
"""

from __future__ import annotations

import argparse
import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import trio
from flood import Flood
from loading import make_prices
from servers import OURS, Server, opened

from glowback_trio import (
    BacktestRequest,
    Bars,
    Catalogue,
    Gateway,
    InlineCompute,
    MaCrossover,
    MemoryCatalogue,
    ProcessCompute,
    State,
    open_gateway,
)
from glowback_trio.actors import random_id
from glowback_trio.actors.runs.life import begin_run_log
from glowback_trio.compute import Compute, Progressed, Step
from glowback_trio.compute.process.frames import pack_value
from glowback_trio.compute.process.shared_bars import SharedBars
from glowback_trio.model.instant import utc_now
from glowback_trio.store import MemoryLog

SHORT = BacktestRequest(symbols=["AAPL"], start_date="2023-01-01", end_date="2023-12-31")
EVENTS = 100_000
STARTS, ROUNDS, REQUESTS = 50, 5, 400
ALL_CORES = os.sched_getaffinity(0)


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
    writer = begin_run_log(log, random_id(), SHORT, utc_now)
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


def throughput(count: int, symbols: int) -> None:
    """Print how much faster all cores are than one."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        make_prices(Path(name), symbols)
        times = [
            [_in_a_process(name, count, symbols, number) for number in (1, len(cores))]
            for _ in range(2)
        ]
    one, all_ = (min(column) for column in zip(*times, strict=True))
    print(
        f"{count} runs of {symbols} x 2,520: {count / all_:.1f} a second by {len(cores)} cores, "
        f"{count / one:.1f} by one: {one / all_:.2f} times; target at least 1.8 by two"
    )


def _in_a_process(folder: str, count: int, symbols: int, cores: int) -> float:
    """Return the seconds that runs take in a new process with so many cores."""
    # A new one, because threads that exist already would keep the cores that they have.
    command = [sys.executable, __file__, "--share", folder, *map(str, (count, symbols, cores))]
    return float(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)


async def share(folder: str, count: str, symbols: str, cores: str) -> None:
    """Print the seconds that runs take with so many cores: the other end of `throughput`."""
    names = tuple(f"S{number:03}" for number in range(int(symbols)))
    request = BacktestRequest(
        symbols=names, start_date="2010-01-01", end_date="2030-01-01", strategy=MaCrossover()
    )
    data = Catalogue(Path(folder), cache=Path("cache"))
    compute = ProcessCompute(int(cores))
    async with open_gateway(compute=compute, data=data, max_running=64) as gateway:
        await seconds(gateway, [request] * int(cores))  # every worker has begun, and all is cached
        print(await seconds(gateway, [request] * int(count)))


def in_memory(symbols: int) -> None:
    """Print what it takes to hand bars in memory to a worker: the first time, and again."""
    days = np.busday_offset(np.datetime64("2010-01-04"), np.arange(2_520))
    price = 100 + np.sin(np.arange(len(days)) / 9)
    columns = price, price + 1, price - 1, price, price
    data = MemoryCatalogue(Bars(f"S{number:03}", days, *columns) for number in range(symbols))
    shared, plain, again = SharedBars(), [], []
    first = elapsed_ms(lambda: shared.pack(data))
    for _ in range(ROUNDS):
        plain.append(elapsed_ms(lambda: b"".join(pack_value(data))))
        again.append(elapsed_ms(lambda: shared.pack(data)))
    size, copied = len(b"".join(pack_value(data))) / 1e6, statistics.median(plain)
    print(
        f"bars in memory, {symbols} x 2,520: {statistics.median(again):.1f} ms to pack for a job, "
        f"{first:.1f} the first time; {copied:.1f} where {size:.0f} MB are copied"
    )


def elapsed_ms(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1e3


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


FETCH = """
import http.client, sys

while True:
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))
    connection.request("GET", sys.argv[2])
    answer = connection.getresponse()
    while answer.read(1 << 18):
        pass
"""

BIG = {
    "symbols": ["A", "B", "C", "D"],
    "start_date": "2015-01-01",
    "end_date": "2020-12-31",
    "resolution": "hour",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 2, "long_period": 5}},
}
LONG = {
    "symbols": ["AAPL"],
    "start_date": "2006-01-01",
    "end_date": "2023-12-31",
    "resolution": "minute",
    "stream": {"metrics_every": 0},
}


@contextmanager
def downloads(server: Server, path: str) -> Iterator[None]:
    """Let two clients fetch something again and again for the length of a block."""
    # Nicer than the probe: clients that are elsewhere would take no time of this machine.
    command = ["nice", "-n", "15", sys.executable, "-c", FETCH, str(server.port), path]
    clients = [subprocess.Popen(command) for _ in range(2)]
    try:
        yield
    finally:
        for client in clients:
            client.kill()
            client.wait()


def spread(pid: int) -> None:
    """Let a process and its children use all cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), ALL_CORES)
        for child in (task / "children").read_text().split():
            spread(int(child))


def busy_health() -> None:
    """Print how long health checks take with and without runs at work and results fetched."""
    os.sched_setaffinity(0, ALL_CORES)
    with opened("glowback-trio", (*OURS, "--workers", str(len(ALL_CORES)))) as server:
        spread(server.process.pid)
        big = server.ask("POST", "/backtests", BIG)["run_id"]
        while server.ask("GET", f"/backtests/{big}")["state"] != "completed":
            time.sleep(0.1)
        rows = []
        for _ in range(ROUNDS):
            idle = health(server)
            runs = [server.ask("POST", "/backtests", LONG)["run_id"] for _ in ALL_CORES]
            busy = health(server)
            with downloads(server, f"/backtests/{big}/results"):
                rows.append((idle, busy, health(server)))
            for run in runs:
                server.ask("POST", f"/backtests/{run}/cancel")
    idle, busy, both = (statistics.median(column) for column in zip(*rows, strict=True))
    print(
        f"GET /healthz: p99 {idle:.2f} ms idle, {busy:.2f} ms with busy workers "
        f"({busy / idle:.2f} times), {both:.2f} ms with results fetched besides "
        f"({both / idle:.2f} times); target at most 2"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure worker processes.")
    parser.add_argument("--full", action="store_true", help="200 runs of 500 symbols, not 20 of 50")
    parser.add_argument("--share", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.share:
        os.sched_setaffinity(0, sorted(ALL_CORES)[: int(options.share[-1])])
        trio.run(share, *options.share)
        return
    trio.run(warm_start)
    trio.run(events)
    throughput(*((200, 500) if options.full else (20, 50)))
    in_memory(500 if options.full else 50)
    busy_health()


if __name__ == "__main__":
    main()
