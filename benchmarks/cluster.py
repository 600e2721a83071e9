"""Time a cluster of two gateways over one PostgreSQL: being told, taking over, crowds, many runs.

    PYTHONPATH=tests python benchmarks/cluster.py [told|takeover|crowd|same ...] [--full] [--ray]

`told`: how late a subscriber at the other gateway receives what a run emits, beside one at its own.
`takeover`: how long a subscriber at the other gateway waits for the next event after its run's
gateway was killed. `crowd`: 10,000 subscribers of one run at both gateways, each of whom must
receive every event; `--full`, else 2,000. `same`: 1,000 runs submitted to both gateways in turn,
whose logs must be those of the same runs at a gateway alone, but for times and ids; `--full`, else
200. With `--ray` the gateways compute on a Ray cluster of two nodes, which needs the extra `ray`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import signal
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Any

import trio
from attrs import define
from support.cluster.gateways import Cluster, open_cluster
from support.postgres import postgres_server
from support.ray_cluster import ray_cluster
from support.server_process import serving_process
from watchers import connect, connect_many, delays, watch

from glowback_trio import Event
from glowback_trio.client import Client, open_client
from glowback_trio.model.invariants import assert_sound, essence

TOLD_MS, TAKEOVER_S = 50.0, 20.0
#: Subscribers in each process that pretends to be many.
PER_PROCESS = 2_500
OPTIONS = ("--log-level", "ERROR", "--max-queued", "2000", "--max-live-runs", "2000")
DAILY = {"symbols": ["AAPL"], "start_date": "2016-01-04", "strategy": {"name": "ma_crossover"}}


@define(eq=False)
class Pair:
    """Two gateways and a client of each."""

    cluster: Cluster
    clients: Sequence[Client]
    full: bool

    @property
    def ports(self) -> Sequence[int]:
        """The ports of both."""
        return [each.port for each in self.cluster.gateways]

    async def start_run(self, at: int, **stream: Any) -> str:
        """Start a run at one of the gateways and return its id."""
        more = {"end_date": "2017-12-29", "on_restart": "rerun"}
        status = await self.clients[at].submit({**DAILY, **more, "stream": stream})
        return status.run_id


async def told(pair: Pair) -> None:
    """Follow a run of 20 events a second with 100 subscribers at each gateway."""
    run_id = await pair.start_run(0, pace_bars_per_s=20, metrics_every=1)
    late: list[list[float]] = [[], []]

    def listen(at: int) -> None:
        began = time.time()
        watchers = connect_many(pair.ports[at], f"/backtests/{run_id}/stream", 100)
        watch(watchers, glance_s=0.05)
        late[at] = [each * 1e3 for each in delays(watchers[0], began + 1)]

    async with trio.open_nursery() as nursery:
        for at in (0, 1):
            nursery.start_soon(trio.to_thread.run_sync, listen, at)
    for place, each in zip(("its own", "the other"), late, strict=True):
        p50, p99 = statistics.median(each), statistics.quantiles(each, n=100)[98]
        print(f"    told to a subscriber at {place} gateway: p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(f"    target: p99 at the other ≤ {TOLD_MS:g} ms, of {len(late[1])} events")


async def takeover(pair: Pair) -> None:
    """Kill the gateway of a run five times, and see when a subscriber at the other one goes on."""
    waited = []
    for number in range(5 if pair.full else 2):
        victim, other = number % 2, 1 - number % 2
        run_id = await pair.start_run(victim, pace_bars_per_s=25, metrics_every=1)
        async with pair.clients[other].stream(run_id) as events:
            log = [await anext(events) for _ in range(40)]
            await pair.cluster.gateways[victim].end(signal.SIGKILL)
            killed = trio.current_time()
            told_late = 0.0
            async for event in events:
                log.append(event)
                now = trio.current_time()
                told_late, killed = max(told_late, now - killed), now
        assert_sound(log)
        waited.append(told_late)
        await pair.cluster.gateways[victim].start()
    print(f"    the next event after a kill -9: {', '.join(f'{each:.1f}' for each in waited)} s")
    print(f"    target: ≤ {TAKEOVER_S:g} s")


async def crowd(pair: Pair) -> None:
    """Let many subscribers at both gateways follow one run from its first event to its end."""
    each = 5_000 if pair.full else 1_000
    run_id = await pair.start_run(0, pace_bars_per_s=10, metrics_every=1)
    path = f"/backtests/{run_id}/stream"
    context, size = multiprocessing.get_context("spawn"), min(each, PER_PROCESS)
    parts = [port for port in pair.ports for _ in range(each // size)]
    with ProcessPoolExecutor(len(parts), context) as processes:

        def part(port: int) -> tuple[int, int, int]:
            return processes.submit(_be_many, port, path, size).result()

        results: list[tuple[int, int, int]] = []

        async def listen(port: int) -> None:
            results.append(await trio.to_thread.run_sync(part, port))

        async with trio.open_nursery() as nursery:
            for port in parts:
                nursery.start_soon(listen, port)
    log = pair.cluster.log_of(run_id)
    whole = sum(map(len, log)) + sum(2 if len(data) < 126 else 4 for data in log)
    had_all = sum(count for count, *_ in results)
    sizes = {size for _, *both in results for size in both}
    print(f"    {had_all} of {2 * each} subscribers of two gateways had every event")
    assert (had_all, sizes) == (2 * each, {whole + 4}), (had_all, sizes, whole)


def _be_many(port: int, path: str, count: int) -> tuple[int, int, int]:
    """Follow a run with many sockets; return how many saw its end, least and most bytes."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    watchers = [connect(port, path) for _ in range(count)]
    watch(watchers, patience_s=240.0)
    sizes = [each.size - each.pinged for each in watchers]
    return sum(each.closed for each in watchers), min(sizes), max(sizes)


async def same(pair: Pair) -> None:
    """Compare the logs of many runs at two gateways with those of the same runs at one alone."""
    count = 1_000 if pair.full else 200
    began = time.perf_counter()
    both = await _logs_of(pair.clients, count)
    print(f"    {count} runs at two gateways: {time.perf_counter() - began:.1f} s")
    async with serving_process(*OPTIONS) as server, open_client(server.url) as client:
        alone = await _logs_of([client], count)
    differ = sum(here != there for here, there in zip(both, alone, strict=True))
    print(f"    {count - differ} of {count} logs are those of a gateway alone")
    assert differ == 0


async def _logs_of(clients: Sequence[Client], count: int) -> Sequence[Sequence[Any]]:
    """Carry out runs that differ, each at the next of the gateways, and follow it at another."""
    logs: list[Sequence[Any]] = [()] * count
    doors = trio.CapacityLimiter(64)

    async def carry_out(number: int) -> None:
        client, reader = clients[number % len(clients)], clients[(number + 1) % len(clients)]
        async with doors:
            run_id = (await client.submit(_request(number))).run_id
            async with reader.stream(run_id) as events:
                log: list[Event] = [event async for event in events]
        assert_sound(log)
        logs[number] = essence(log)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(carry_out, number)
    return logs


def _request(number: int) -> Mapping[str, Any]:
    short, month = 5 + number % 20, 1 + number // 20 % 12
    strategy = {"name": "ma_crossover", "params": {"short_period": short, "long_period": 40}}
    symbols = [("AAPL", "IBM", "SPY")[number % 3]]
    period = {"start_date": f"2016-{month:02}-01", "end_date": "2017-12-29"}
    return {"symbols": symbols, **period, "strategy": strategy, "stream": {"orders": True}}


PARTS: Mapping[str, Callable[[Pair], Awaitable[None]]] = {
    "told": told,
    "takeover": takeover,
    "crowd": crowd,
    "same": same,
}


async def main(names: Sequence[str], *, full: bool, ray: bool) -> None:
    """Measure those parts, each with gateways of its own."""
    with postgres_server(durable=True) as server, ExitStack() as nodes:
        compute: tuple[str, ...] = ()
        if ray:
            on_ray = nodes.enter_context(ray_cluster())
            on_ray.start_node()
            compute = ("--compute", "ray", "--ray-address", on_ray.address)
        for name in names:
            print(name, flush=True)
            with tempfile.TemporaryDirectory() as folder:
                async with (
                    open_cluster(Path(folder), server, *OPTIONS, *compute) as cluster,
                    AsyncExitStack() as stack,
                ):
                    urls = [each.url for each in cluster.gateways]
                    clients = [await stack.enter_async_context(open_client(url)) for url in urls]
                    await PARTS[name](Pair(cluster, clients, full))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--full", action="store_true", help="as many as the targets say")
    parser.add_argument("--ray", action="store_true", help="compute on a Ray cluster of two nodes")
    given = parser.parse_args()
    trio.run(lambda: main(given.parts or [*PARTS], full=given.full, ray=given.ray))
