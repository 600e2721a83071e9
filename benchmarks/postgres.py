"""Time the store in PostgreSQL: appending, becoming visible, reading a log back.

    PYTHONPATH=tests python benchmarks/postgres.py [--events N]

Sixteen runs emit as in `durable.py`. The same lines written by COPY and by multi-row inserts, as
large rows in large transactions, are what the database can do. The server is one of its own in a
temporary folder, whose commits wait for the disk.
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Iterator

import psycopg
import trio
from durable import METRIC, PRODUCERS, Producer, append, late
from ratios import note
from support.postgres import postgres_server

from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store.postgres import PostgresStore

TARGET = 10_000
PER_ROW, ROWS = 256, 64
_TABLE = b"CREATE TABLE bare (run int, first_id int, count int, checksum bigint, lines bytea)"

Rows = list[tuple[int, int, int, int, bytes]]


def copied(connection: psycopg.Connection, rows: Rows) -> None:
    """Write rows by COPY."""
    with connection.cursor().copy("COPY bare FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "int4", "int4", "int8", "bytea"])
        for row in rows:
            copy.write_row(row)


def inserted(connection: psycopg.Connection, rows: Rows) -> None:
    """Write rows by one insert of many."""
    values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(rows))
    connection.execute(
        f"INSERT INTO bare VALUES {values}".encode(),  # noqa: S608 - placeholders only
        [value for row in rows for value in row],
    )


def bare(url: str, write: Callable[[psycopg.Connection, Rows], None], events: int) -> float:
    """Return the events per second of the database alone."""
    line = b'{"event_id":123456,"run_id":"run-1","type":"metric","payload":%b}\n' % METRIC.payload
    lines = line * PER_ROW
    with psycopg.connect(url) as connection:
        connection.execute(b"DROP TABLE IF EXISTS bare")
        connection.execute(_TABLE)
        connection.commit()
        began = time.perf_counter()
        for start in range(0, events, PER_ROW * ROWS):
            firsts = range(start, start + PER_ROW * ROWS, PER_ROW)
            write(connection, [(1, first, PER_ROW, zlib.crc32(lines), lines) for first in firsts])
            connection.commit()
        return events / (time.perf_counter() - began)


async def replay(url: str, events: int) -> float:
    """Return the events per second that one reader gets from the database."""
    async with (store := PostgresStore(url)).opened(make_registry()):
        await Producer(store, "long").emit(events)
    async with (store := PostgresStore(url)).opened(make_registry()):
        log, cursor = (await store.reopen("long", lambda: None)).log, 0
        began = time.perf_counter()
        while read := await log.read(cursor, 256):
            cursor = read[-1].event_id
        return cursor / (time.perf_counter() - began)


def lines(make: Callable[[], str], events: int) -> Iterator[str]:
    """Measure, each in a database of its own, and yield a line for each figure."""
    ours, _ = trio.run(append, PostgresStore(make()), events)
    yield f"{PRODUCERS} runs              {ours:10,.0f} events/s   (target: {TARGET:,})"
    rate, seconds = trio.run(append, PostgresStore(make()), events // 4, TARGET)
    yield f"paced                {rate:10,.0f} events/s   {late(seconds)}"
    for name, write in (("COPY", copied), ("multi-row INSERT", inserted)):
        floor = bare(make(), write, events)
        yield f"bare {name:16}{floor:10,.0f} events/s"
        note(f"postgres.{name.split()[0].lower()}", ours / floor)
    rate = trio.run(replay, make(), events)
    yield f"read back            {rate:10,.0f} events/s"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=200_000)
    options = parser.parse_args()
    with postgres_server(durable=True) as server:
        for line in lines(server.new_database, options.events):
            print(line, flush=True)
