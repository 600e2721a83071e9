"""Time the store on disk: appending, becoming visible, reading back, starting.

    python benchmarks/durable.py [--events N] [--runs N] [--directory DIR]

Sixteen runs emit as runs do: each event is checked, numbered, dated, encoded and hashed, and other
tasks get a turn now and then. First they emit as fast as they can; then 60,000 events/s together,
and it is measured how late their readers can see an event. The same lines written by bare SQLite,
as large rows in large transactions, are the floor.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Literal

import trio
from attrs import define, field
from ratios import note

from glowback_trio import BacktestRequest, SqliteStore, open_gateway
from glowback_trio.actors.runs.life import begin_run_log
from glowback_trio.model.events import EventDraft
from glowback_trio.model.instant import utc_now
from glowback_trio.model.lifecycle import State
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import EventLog, MemoryStore, Store
from glowback_trio.store.sqlite.database import connect, transaction

#: SQLite's settings, and the events per second that sixteen runs should reach with each.
SYNCHRONOUS: tuple[Literal["NORMAL"], Literal["FULL"]] = ("NORMAL", "FULL")
TARGETS = {"NORMAL": 60_000, "FULL": 15_000}
PRODUCERS = 16
PER_TURN = 64
REQUEST = BacktestRequest(symbols="AAPL", start_date="2015-01-01", end_date="2016-01-01")
METRIC = EventDraft(
    "metric",
    b'{"timestamp":"2015-03-02T00:00:00+00:00","value":1012345.67,"cash":50000.0,'
    b'"positions":962345.67,"total_pnl":12345.67,"returns":1.234567,"daily_return":0.5,'
    b'"drawdown":0.0}',
    bar=0,
)


@define(eq=False)
class Producer:
    """One run that emits, and a reader that notes how late it can see what was emitted."""

    store: Store
    run_id: str
    late_s: list[float] = field(factory=list)
    _emitted: list[tuple[int, float]] = field(factory=list)
    _log: EventLog = field(init=False)

    async def emit(self, events: int, rate: float = math.inf) -> None:
        """Emit so many events, so many a second."""
        log = self._log = self.store.open_log(self.run_id, REQUEST, self._ring)
        writer = begin_run_log(log, self.run_id, REQUEST, utc_now)
        writer.announce(State.RUNNING)
        due = trio.current_time()
        for number in range(events):
            writer.emit(METRIC)
            if number % PER_TURN == 0:
                self._emitted.append((writer.count, time.perf_counter()))
                self._ring()
                await self.store.wait_room()
                due += PER_TURN / rate
                if due > trio.current_time():
                    await trio.sleep_until(due)
        writer.end(State.FAILED, "done")

    def _ring(self) -> None:
        now = time.perf_counter()
        newest = self._log.watermark
        while self._emitted and self._emitted[0][0] <= newest:
            self.late_s.append(now - self._emitted.pop(0)[1])


async def append(store: Store, events: int, rate: float = math.inf) -> tuple[float, list[float]]:
    """Return the durable events per second, and how late events became visible, in seconds."""
    async with store.opened(make_registry()):
        producers = [Producer(store, f"run-{number}") for number in range(PRODUCERS)]
        began = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for producer in producers:
                nursery.start_soon(producer.emit, events // PRODUCERS, rate / PRODUCERS)
        await store.flush()
        took = time.perf_counter() - began
        return events / took, [late for producer in producers for late in producer.late_s]


def bare(path: Path, synchronous: str, events: int, group: int) -> float:
    """Return the events per second of SQLite alone, in transactions of so many events."""
    line = b'{"event_id":123456,"run_id":"run-1","type":"metric","payload":%b}\n' % METRIC.payload
    with closing(connect(path, synchronous=synchronous)) as connection:
        connection.pragma("journal_mode", "wal")
        connection.execute(
            "CREATE TABLE batches (run, first_id, lines, PRIMARY KEY (run, first_id))"
        )
        began = time.perf_counter()
        for start in range(0, events, group):
            with transaction(connection):
                rows = ((1, first, line * 256) for first in range(start, start + group, 256))
                connection.executemany("INSERT INTO batches VALUES (?, ?, ?)", rows)
        return events / (time.perf_counter() - began)


async def replay(store: SqliteStore, events: int) -> float:
    """Return the events per second that one reader gets from the file."""
    async with store.opened(make_registry()):
        await Producer(store, "long").emit(events)
    async with store.opened(make_registry()):
        log, cursor = (await store.reopen("long", lambda: None)).log, 0
        began = time.perf_counter()
        while read := await log.read(cursor, 256):
            cursor = read[-1].event_id
        return cursor / (time.perf_counter() - began)


async def start(path: Path, runs: int) -> float:
    """Return the seconds in which a gateway starts on so many stored runs."""
    store = SqliteStore(path)
    async with store.opened(make_registry()):
        await Producer(store, "first").emit(1)
    with closing(connect(path)) as connection, transaction(connection):
        columns = "strategy, symbols, state, created_at, started_at, finished_at, progress"
        connection.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "  # noqa: S608 - names of columns
            f"INSERT INTO runs (seq, run_id, event_count, {columns}) "
            f"SELECT i, 'run-' || i, event_count, {columns} FROM runs, n WHERE seq = 1",
            (runs,),
        )
        connection.execute(
            "INSERT INTO requests SELECT seq, document FROM runs, requests "
            "WHERE requests.run = 1 AND seq > 1"
        )
    began = time.perf_counter()
    async with open_gateway(store=store):
        return time.perf_counter() - began


def late(seconds: list[float]) -> str:
    """Return how late events became visible."""
    cuts = statistics.quantiles(seconds, n=100)
    return f"visible after {cuts[49] * 1e3:.1f} ms (median), {cuts[98] * 1e3:.1f} ms (p99)"


def lines(directory: Path, events: int, runs: int) -> Iterator[str]:
    """Measure, and yield a line for each figure."""
    rate, _ = trio.run(append, MemoryStore(), events)
    yield f"memory, 16 runs      {rate:10,.0f} events/s"
    for synchronous in SYNCHRONOUS:
        target = TARGETS[synchronous]
        store = SqliteStore(directory / f"{synchronous}.sqlite", synchronous)
        ours, _ = trio.run(append, store, events)
        yield f"{synchronous:6}, 16 runs      {ours:10,.0f} events/s   (target: {target:,})"
        paced = SqliteStore(directory / f"paced-{synchronous}.sqlite", synchronous)
        rate, seconds = trio.run(append, paced, events, target)
        yield f"{synchronous:6}, paced        {rate:10,.0f} events/s   {late(seconds)}"
        floor = bare(directory / f"bare-{synchronous}.sqlite", synchronous, events, 2048)
        yield f"{synchronous:6}, bare SQLite  {floor:10,.0f} events/s"
        note(f"durable.{synchronous}.bare", ours / floor)
    yield "visible: target 20 ms (p99) with NORMAL"
    rate = trio.run(replay, SqliteStore(directory / "replay.sqlite"), events)
    yield f"read back            {rate:10,.0f} events/s   (target: 300,000)"
    took = trio.run(start, directory / "start.sqlite", runs)
    yield f"start on {runs:,} runs {took:.3f} s   (target: 1 s for 100,000)"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument(
        "--directory", help="where the files are made; default: where temporary ones are"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as made:
        for line in lines(Path(made), options.events, options.runs):
            print(line, flush=True)
