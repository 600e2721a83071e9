"""Time how many clients receive the same events, from us and from a queue per client on FastAPI.

    python benchmarks/fanout.py [--full]

One server process has one core, all clients have the other. A real run of ours is streamed first;
then the peer sends the same events from a queue per subscriber; then a bare loop sends them with
one system call each, which is the limit for a server that does not gather writes. Delivered events
per second are subscribers times events over the time until the last subscriber has the last byte.
Delays are measured once more while two workers compute without a pause on the clients' core; the
clients go first there, for workers are `nice`. `--full` adds 20,000 subscribers of one run, or as
many as the process may open files.
"""

from __future__ import annotations

import argparse
import datetime as dt
import http.client
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ratios import note
from servers import HERE, OURS, PEER, PEERS_RUN, Server, opened, prepare
from watchers import Watcher, connect, connect_many, delays, frames, watch

ROUNDS = 3
BARE = (sys.executable, str(HERE / "bare.py"))
OUR_COMMAND = (
    *(*OURS, "--max-running", "1", "--max-bars", "10000000"),
    *("--strategies", "spinning:Spinning"),
)
CROWD_COMMAND = (*OUR_COMMAND, "--max-connections", "20100", "--max-streams", "20100")
#: What a server needs beside its connections.
SPARE_FILES = 500
EVERYTHING = {"metrics_every": 1}
PAGE = 10_000
COMPUTING = {
    "symbols": ["A"],
    "data_source": "sample",
    "start_date": "2006-01-01",
    "end_date": "2023-12-31",
    "resolution": "minute",
    "stream": {"metrics_every": 0},
}
BLOCKER = {**COMPUTING, "strategy": {"name": "spinning"}}


class Waiting:
    """A run of ours that is paused before it begins, so that clients can come before it does.

    Until it is paused another run, of a higher priority, has the only slot. That one is cancelled
    then, which ends its worker. The next worker has carried out a run before the clients come: they
    would wait for it to start otherwise.
    """

    def __init__(self, server: Server, **stream: object) -> None:
        self._server = server
        blocker = server.ask("POST", "/backtests", BLOCKER)["run_id"]
        self.run_id = server.start_run(priority=-1, **stream)
        server.ask("POST", f"/backtests/{self.run_id}/pause")
        server.ask("POST", f"/backtests/{blocker}/cancel")
        server.wait_ended(server.start_run())
        if self._events > 1:
            raise RuntimeError("The run did not wait until its clients were there")

    @property
    def _events(self) -> int:
        count: int = self._server.ask("GET", f"/backtests/{self.run_id}")["event_count"]
        return count

    def begin(self) -> None:
        """Let it go on."""
        self._server.ask("POST", f"/backtests/{self.run_id}/resume")


def tell_ours(server: Server, subscribers: int, query: str = "") -> tuple[float, float, bytes]:
    """Stream a run to so many; return seconds, processor seconds and what the first received."""
    run = Waiting(server, **EVERYTHING)
    path = f"/backtests/{run.run_id}/stream{query}"
    watchers = [connect(server.port, path, keeps=n == 0) for n in range(subscribers)]
    cpu, began = server.cpu_s, time.perf_counter()
    run.begin()
    ended = watch(watchers)
    _same(watchers)
    return ended - began, server.cpu_s - cpu, b"".join(watchers[0].kept)


def _same(watchers: list[Watcher]) -> None:
    sizes = {watcher.size - watcher.pinged for watcher in watchers}
    if len(sizes) != 1 or not watchers[0].closed:
        raise RuntimeError(f"subscribers received different amounts: {sorted(sizes)}")


def tell_beside(server: Server, subscribers: int, events: list[bytes]) -> tuple[float, float]:
    """Send these events from another server; return seconds and processor seconds."""
    path = f"/backtests/{PEERS_RUN}/stream"
    watchers = [connect(server.port, path) for _ in range(subscribers)]
    greeting = watchers[0].size
    size = sum(len(event) + (2 if len(event) < 126 else 4) for event in events) + greeting
    server.ask("POST", "/events", [event.decode() for event in events])
    cpu, began = server.cpu_s, time.perf_counter()
    server.ask("POST", "/publish")
    ended = watch(watchers, size)
    return ended - began, server.cpu_s - cpu


def compare(ours: Server, peer: Server, bare: Server, subscribers: int) -> None:
    """Print one block: single events, arrays of up to 100, the peer, and a bare loop of sends."""
    rows: dict[str, list[float]] = {"ours": [], "batch=100": [], "peer": [], "bare": []}
    cpus: dict[str, list[float]] = {name: [] for name in rows}
    for _ in range(ROUNDS):
        seconds, cpu, stream = tell_ours(ours, subscribers)
        events = [payload for _, payload in frames(stream)]
        rows["ours"].append(seconds)
        cpus["ours"].append(cpu)
        seconds, cpu, _ = tell_ours(ours, subscribers, "?batch=100")
        rows["batch=100"].append(seconds)
        cpus["batch=100"].append(cpu)
        for name, server in (("peer", peer), ("bare", bare)):
            seconds, cpu = tell_beside(server, subscribers, events)
            rows[name].append(seconds)
            cpus[name].append(cpu)
    delivered = subscribers * len(events)
    base = statistics.median(rows["peer"])
    for name, times in rows.items():
        seconds = statistics.median(times)
        spent = statistics.median(cpus[name]) / delivered * 1e6
        print(
            f"{subscribers:6} subscribers  {name:10} {delivered / seconds:12,.0f} events/s  "
            f"{spent:7.2f} us CPU each  {base / seconds:6.2f} x peer"
        )
        if name in ("ours", "batch=100"):
            note(f"fanout.{name}_{subscribers}.uvicorn_standard", base / seconds)


def replay(ours: Server) -> None:
    """Print how fast one client replays a finished run of 100,000 events, in every form."""
    request = {
        "symbols": ["AAPL"],
        "start_date": "2020-01-01",
        "end_date": "2020-12-31",
        "resolution": "minute",
        "stream": EVERYTHING,
    }
    run_id = ours.ask("POST", "/backtests", request)["run_id"]
    while (status := ours.ask("GET", f"/backtests/{run_id}"))["finished_at"] is None:
        time.sleep(0.2)
    count = status["event_count"]
    for name, query in (("WebSocket", ""), ("WebSocket batch=100", "?batch=100")):
        began = time.perf_counter()
        seconds = watch([connect(ours.port, f"/backtests/{run_id}/stream{query}")]) - began
        print(f"replay of {count:,} events, {name:20} {count / seconds:12,.0f} events/s")
    for name, accept in (("SSE", "text/event-stream"), ("NDJSON", "application/x-ndjson")):
        began = time.perf_counter()
        pages = _pages(ours, f"/backtests/{run_id}/events?limit={PAGE}", accept)
        seconds = time.perf_counter() - began
        print(
            f"replay of {count:,} events, {name:20} {count / seconds:12,.0f} events/s"
            f"   ({pages} answers)"
        )


def _pages(server: Server, path: str, accept: str) -> int:
    """Read a response and all that its links lead to; return how many there were."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    pages = 0
    while path:
        connection.request("GET", path, headers={"Accept": accept})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered {answer.status}: {answer.read()!r}")
        answer.read()
        path = (answer.getheader("Link") or "").partition("<")[2].partition(">")[0]
        pages += 1
    connection.close()
    return pages


@contextmanager
def computing(ours: Server) -> Iterator[None]:
    """Let two workers compute without a pause, on the clients' core."""
    began = time.perf_counter()
    runs = [ours.ask("POST", "/backtests", COMPUTING)["run_id"] for _ in range(2)]
    while any(ours.ask("GET", f"/backtests/{run}")["state"] != "running" for run in runs):
        time.sleep(0.1)
    for worker in _children(ours):
        os.sched_setaffinity(worker, os.sched_getaffinity(0))
    cpu_s = _cpu_s(_children(ours))
    try:
        yield
    finally:
        share = (_cpu_s(_children(ours)) - cpu_s) / (time.perf_counter() - began)
        for run in runs:
            ours.ask("POST", f"/backtests/{run}/cancel")
        print(f"       (workers had {share:.0%} of the clients' core)")


def _children(server: Server) -> list[int]:
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    return [int(pid) for task in tasks for pid in (task / "children").read_text().split()]


def _cpu_s(processes: list[int]) -> float:
    stats = [Path(f"/proc/{pid}/stat").read_text().split() for pid in processes]
    ticks = sum(int(stat[13]) + int(stat[14]) for stat in stats)
    return ticks / os.sysconf("SC_CLK_TCK")


def latency(
    ours: Server, subscribers: int, events_per_s: int = 20, seconds: int = 5, most_ms: int = 60
) -> float:
    """Print how long events take from their timestamps to every tenth subscriber.

    Returns:
        The 99th percentile in milliseconds.
    """
    stream = {"metrics_every": 1, "trades": False, "progress_steps": 1}
    run_id = ours.start_run(pace_bars_per_s=events_per_s, **stream)
    path = f"/backtests/{run_id}/stream"
    watchers = [connect(ours.port, path, keeps=n % 10 == 0) for n in range(subscribers)]
    began, cpu, waited = time.time(), ours.cpu_s, _waited_s(ours)
    try:
        watch(watchers, patience_s=seconds, glance_s=0.5)
    except RuntimeError:
        ours.ask("POST", f"/backtests/{run_id}/cancel")
    spent, waited = (ours.cpu_s - cpu) / seconds / events_per_s, _waited_s(ours) - waited
    late = sorted(
        delay for watcher in watchers if watcher.keeps for delay in delays(watcher, began)
    )
    p50, p99 = (late[int(len(late) * share)] * 1e3 for share in (0.5, 0.99))
    print(
        f"{subscribers:6} subscribers, {events_per_s} events/s: emitted to received "
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms   (target: p99 at most {most_ms}), "
        f"{spent * 1e3:.1f} ms CPU an event, {waited:.2f} of {seconds} s waiting for the core"
    )
    return p99


def _waited_s(server: Server) -> float:
    """Read how long the server was ready to run while others had its core."""
    fields = Path(f"/proc/{server.process.pid}/schedstat").read_text(encoding="ascii").split()
    return int(fields[1]) / 1e9


def many(ours: Server, subscribers: int) -> None:
    """Print the cost of so many subscribers of one run, and check that each receives all."""
    before = ours.memory_kib
    run = Waiting(ours, metrics_every=10)
    began = time.perf_counter()
    watchers = connect_many(ours.port, f"/backtests/{run.run_id}/stream", subscribers)
    connected = time.perf_counter() - began
    each = (ours.memory_kib - before) / subscribers
    run.begin()
    cpu, began = ours.cpu_s, time.perf_counter()
    ended = watch(watchers, patience_s=300)
    told, spent = ended - began, ours.cpu_s - cpu
    ended_at = time.time() - (time.perf_counter() - ended)
    _same(watchers)
    late = ended_at - _finished_at(ours, run.run_id)
    events = sum(1 for _ in frames(b"".join(watchers[0].kept)))
    print(
        f"{subscribers:6} subscribers: connected at {subscribers / connected:.0f}/s, "
        f"{each:.1f} KiB each (target: at most 22), all {events} events reached all of them in "
        f"{told:.2f} s, {spent:.2f} s CPU, the last {late:.2f} s after the run's end "
        "(target: at most 2)"
    )


def _finished_at(server: Server, run_id: str) -> float:
    at: str = server.ask("GET", f"/backtests/{run_id}")["finished_at"]
    return dt.datetime.fromisoformat(at).timestamp()


def main(*, full: bool) -> None:
    """Measure everything in one run."""
    prepare()
    with (
        opened("ours", OUR_COMMAND) as ours,
        opened("FastAPI + uvicorn", PEER) as peer,
        opened("bare sends", BARE) as bare,
    ):
        compare(ours, peer, bare, 100)
        compare(ours, peer, bare, 1000)
        alone_ms = latency(ours, 1000)
    with opened("ours", (*OURS, "--workers", "3")) as ours, computing(ours):
        note("fanout.latency_beside_workers", alone_ms / latency(ours, 1000, most_ms=30))
    with opened("ours", (*OURS, "--max-bars", "1000000")) as ours:
        replay(ours)
    if full:
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with opened("ours", CROWD_COMMAND) as ours:
            many(ours, min(20_000, files - SPARE_FILES))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true")
    main(full=parser.parse_args().full)
