"""Time the simulator of trio programs, `glowback_trio.testing.sim`.

    python benchmarks/simulation.py

It prints processor time.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Literal

import trio
from ratios import note
from timing import in_turn
from trio.testing import MockClock

from glowback_trio.actors.broadcaster import Bell, Broadcaster, Subscription
from glowback_trio.model.events import Event
from glowback_trio.model.request import BacktestRequest, Stream
from glowback_trio.store import MemoryStore
from glowback_trio.testing import (
    MemoryServer,
    explore,
    open_probe,
    open_virtual_gateway,
    serve_in_memory,
)

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")
EVENTS = 30
SUBSCRIBERS = 4
# A run of 2,193 events, and who follows it.
STREAMED = BacktestRequest(
    symbols=["AAPL"],
    start_date="2017-01-01",
    end_date="2024-12-31",
    stream=Stream(metrics_every=1),
)
CLIENTS = 20


async def turns() -> None:
    """Let two tasks take turns, 200 task steps in all."""

    async def turn() -> None:
        for _ in range(98):
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(turn)
        nursery.start_soon(turn)


async def subscribers() -> None:
    """Append to a log beside subscribers that come one after the other."""
    bell = Bell()
    log = MemoryStore().open_log("r", REQUEST, bell.ring)
    broadcaster = Broadcaster(log, bell)

    async def write() -> None:
        for number in range(1, EVENTS):
            log.append(Event(number, "progress", b"{}"))
            await trio.lowlevel.checkpoint()
        log.append(Event(EVENTS, "state", b"{}"))
        broadcaster.announce_end(EVENTS)

    async def follow() -> None:
        with Subscription(broadcaster, None, 0) as events:
            assert [event.event_id async for event in events] == list(range(1, EVENTS + 1))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(write)
        for _ in range(SUBSCRIBERS):
            nursery.start_soon(follow)
            await trio.lowlevel.checkpoint()


async def served_session() -> None:
    """Follow a run over the virtual network, half by WebSocket, half by server-sent events."""
    logs = []

    async def follow(server: MemoryServer, run_id: str, number: int) -> None:
        transports: tuple[Literal["websocket"], Literal["sse"]] = ("websocket", "sse")
        async with open_probe(server, run_id, transport=transports[number % 2]) as probe:
            logs.append(await probe.read(100_000))

    async with open_virtual_gateway() as gateway, serve_in_memory(gateway) as server:
        run = gateway.submit(STREAMED)
        async with trio.open_nursery() as nursery:
            for number in range(CLIENTS):
                nursery.start_soon(follow, server, run.run_id, number)
        assert [len(log) for log in logs] == [run.status.event_count] * CLIENTS


def session_seconds() -> float:
    """Return the least of what a round of `served_session` takes, with all detectors."""
    seconds = []
    for _ in range(5):
        began = time.process_time()
        search = explore(served_session, rounds=1, allow=("clock", "entropy"))
        assert search.finding is None, str(search)
        seconds.append(time.process_time() - began)
    return min(seconds)


def step_costs() -> tuple[float, float]:
    """Return the milliseconds of a round of `turns`, simulated and bare."""

    def simulated() -> None:
        assert explore(turns, rounds=100, strategy="exhaustive").finding is None

    def bare() -> None:
        for _ in range(100):
            trio.run(turns, clock=MockClock(autojump_threshold=0))

    ours, theirs = in_turn([simulated, bare], 5)
    return min(ours) / 100, min(theirs) / 100


def import_seconds() -> float:
    """Return the least of what the import takes above trio's."""
    code = (
        "import time, trio; began = time.process_time(); import glowback_trio.testing.sim; "
        "print(time.process_time() - began)"
    )
    return min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(5)
    )


def main() -> None:
    """Print the figures beside their targets."""
    ours, bare = step_costs()
    print(f"cost of a step: {ours / bare:.2f} x trio.run with a MockClock (at most 2)")
    print(f"  ({ours * 5:.1f} and {bare * 5:.1f} µs)")
    note("simulation.step.trio", bare / ours)
    began = time.process_time()
    assert explore(subscribers, rounds=1000).finding is None
    print(f"1,000 rounds of subscribers: {time.process_time() - began:.1f} s (at most 30)")
    began = time.process_time()
    search = explore(turns, rounds=1_000_000, strategy="exhaustive", max_deviations=2)
    assert search.covered
    seconds = time.process_time() - began
    print(f"all {search.rounds:,} rounds with at most two deviations: {seconds:.1f} s (at most 60)")
    print(
        f"20 clients of 2,193 events on the virtual network: {session_seconds():.2f} s (at most 1)"
    )
    print(f"import above trio: {import_seconds():.3f} s (at most 0.1)")


if __name__ == "__main__":
    main()
