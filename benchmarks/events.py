"""Time how a run emits an event: check, number, date, encode, append, hash, ring.

    python benchmarks/events.py [--events N]

It prints the median processor time over several rounds, and that of the parts that none can do
without: hashing the bytes and appending them to a list.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import time
from collections.abc import Callable

import trio
from ratios import note

from glowback_trio import BacktestRequest
from glowback_trio.actors.broadcaster import Bell
from glowback_trio.actors.runs.life import begin_run_log
from glowback_trio.model.events import EventDraft
from glowback_trio.model.lifecycle import State
from glowback_trio.store import MemoryStore
from glowback_trio.testing import virtual_now

ROUNDS = 7
METRIC = EventDraft(
    "metric",
    b'{"timestamp":"2015-03-02T00:00:00+00:00","value":1012345.67,"cash":50000.0,'
    b'"positions":962345.67,"total_pnl":12345.67,"returns":1.234567,"daily_return":0.5,'
    b'"drawdown":0.0}',
    bar=0,
)


def emit(events: int) -> float:
    """Measure the seconds in which a run emits so many events."""
    request = BacktestRequest(symbols="AAPL", start_date="2015-01-01", end_date="2016-01-01")
    run_id = "00000000-0000-4000-8000-000000000000"
    log = MemoryStore().open_log(run_id, request, Bell().ring)
    writer = begin_run_log(log, run_id, request, virtual_now)
    writer.announce(State.RUNNING)
    began = time.process_time()
    for _ in range(events):
        writer.emit(METRIC)
    return time.process_time() - began


def floor(events: int) -> float:
    """Measure the seconds of hashing and appending alone."""
    digest, log = hashlib.sha256(), []
    began = time.process_time()
    for _ in range(events):
        digest.update(METRIC.payload)
        log.append(METRIC.payload)
    return time.process_time() - began


def median_us(measure: Callable[[int], float], events: int) -> float:
    """Return the microseconds per event, as the median of several rounds."""
    return statistics.median(measure(events) for _ in range(ROUNDS)) / events * 1e6


async def main(events: int) -> None:
    """Measure both in one run."""
    emitted, bare = median_us(emit, events), median_us(floor, events)
    print(f"emit an event          {emitted:6.2f} us   (target: at most 10)")
    print(f"hash and append alone  {bare:6.2f} us")
    note("events.emit.bare", bare / emitted)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=20_000)
    trio.run(main, parser.parse_args().events)
