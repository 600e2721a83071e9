"""Measure what clients and runs cost others: 500 healthy streams, and health checks.

    python benchmarks/isolation.py [--health] [--rounds N]

Rounds with and without a stalled and ten slow clients alternate on one server. The healthy clients
follow a run at a steady pace; how late an event comes is measured at every tenth of them. The
others replay a finished run that is too long for the kernel's buffers, so the server stays busy
with them. At the end of its round the stalled client leaves, resumes, and must have received what
the others receive. Then `GET /healthz` is timed beside each of several neighbours (see
`neighbours.py`); `--health` measures only that.
"""

from __future__ import annotations

import argparse
import threading
import time
from contextlib import suppress
from statistics import median
from typing import Self

from attrs import evolve, frozen
from fanout import OUR_COMMAND, Waiting
from neighbours import measure_neighbours
from ratios import note
from servers import Server, opened, prepare
from watchers import Watcher, connect, delays, frames, watch

HEALTHY, DRIBBLING, ROUNDS = 500, 10, 5
PACE = {"pace_bars_per_s": 50, "metrics_every": 1, "progress_steps": 1, "trades": False}
LONG = {
    "symbols": ["AAPL"],
    "start_date": "2020-01-01",
    "end_date": "2020-03-31",
    "resolution": "minute",
    "stream": {"metrics_every": 1},
}
GULP, GULPS_PER_S = 512, 20
# Some copies of a write of 64 KiB for each of the eleven, coarse because allocators keep what they
# once had. A queue for each would take as much as the whole log, which is ten times that.
BUDGET_KIB = 11 * 1024


def texts(watcher: Watcher) -> list[bytes]:
    """Count the events that a client has received completely."""
    return [payload for _, payload in frames(b"".join(watcher.kept))]


class Trouble:
    """Clients that do not read, or hardly, for the length of a block."""

    def __init__(self, port: int, path: str) -> None:
        self._port, self._path = port, path
        self._stalled = connect(port, path, keeps=True)
        self._dribbling = [connect(port, path) for _ in range(DRIBBLING)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._dribble)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        for watcher in (self._stalled, *self._dribbling):
            watcher.socket.close()

    def _dribble(self) -> None:
        while not self._over.wait(1 / GULPS_PER_S):
            for watcher in self._dribbling:
                with suppress(BlockingIOError):
                    watcher.take(watcher.socket.recv(GULP))

    def resumed(self) -> tuple[int, list[bytes]]:
        """Return what the stalled client was sent, and all it has after it resumed."""
        with suppress(BlockingIOError):
            while data := self._stalled.socket.recv(1 << 18):
                self._stalled.take(data)
        events = texts(self._stalled)
        again = connect(self._port, f"{self._path}?last_event_id={len(events)}", keeps=True)
        watch([again])
        return len(events), events + texts(again)


@frozen
class Round:
    """The cost of one run.

    Attributes:
        late_ms: How late 99 of 100 events came at most.
        grown_kib: How much memory the server has more than before.
        cpu_s: Processor time of the server.
    """

    late_ms: float
    grown_kib: int
    cpu_s: float


def tell(server: Server) -> Round:
    """Stream one run to the healthy clients."""
    memory, run = server.memory_kib, Waiting(server, **PACE)
    path = f"/backtests/{run.run_id}/stream"
    watchers = [connect(server.port, path, keeps=n % 10 == 0) for n in range(HEALTHY)]
    cpu = server.cpu_s
    run.begin()
    watch(watchers, glance_s=0.5)
    late = sorted(delay for watcher in watchers if watcher.keeps for delay in delays(watcher))
    p99 = late[int(len(late) * 0.99)] * 1e3
    return Round(p99, server.memory_kib - memory, server.cpu_s - cpu)


def tell_beside_trouble(server: Server, path: str, log: list[bytes]) -> Round:
    """Do the same while other clients stall on another run."""
    memory = server.memory_kib
    with Trouble(server.port, path) as trouble:
        time.sleep(1)
        told = tell(server)
        grown = server.memory_kib - memory
        sent, events = trouble.resumed()
    if not 0 < sent < len(log) or events != log:
        raise RuntimeError(f"after {sent} of {len(log)} events it came to {len(events)}")
    return evolve(told, grown_kib=grown)


def long_run(server: Server) -> tuple[str, list[bytes]]:
    """Return the path of a finished run's stream, and the number of its events."""
    path = f"/backtests/{server.ask('POST', '/backtests', LONG)['run_id']}/stream"
    watcher = connect(server.port, path, keeps=True)
    watch([watcher])
    return path, texts(watcher)


def measure_stalled(count: int) -> None:
    """Measure in one run, after a round that is not counted."""
    prepare()
    with opened("ours", OUR_COMMAND) as ours:
        path, log = long_run(ours)
        tell(ours)
        rounds = [(tell(ours), tell_beside_trouble(ours, path, log)) for _ in range(count)]
    alone, beside = zip(*rounds, strict=True)
    calm_ms, late_ms = (median(each.late_ms for each in told) for told in (alone, beside))
    calm_s, busy_s = (median(each.cpu_s for each in told) for told in (alone, beside))
    grown = max(troubled.grown_kib - calm.grown_kib for calm, troubled in rounds)
    print(
        f"{HEALTHY} healthy clients: p99 {calm_ms:.1f} ms alone, {late_ms:.1f} ms beside one "
        f"stalled and {DRIBBLING} dribbling   {late_ms / calm_ms:.2f} x (target: at most 1.2)"
    )
    note("isolation.p99.alone", calm_ms / late_ms)
    print(f"the server's CPU: {calm_s:.2f} s alone, {busy_s:.2f} s   {busy_s / calm_s:.2f} x")
    print(f"these cost {grown} KiB (target: at most {BUDGET_KIB}); the stalled one missed nothing")


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description="Measure what clients and runs cost others.")
    parser.add_argument("--health", action="store_true", help="only health checks beside others")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of each measurement")
    options = parser.parse_args()
    if not options.health:
        measure_stalled(options.rounds)
    measure_neighbours(options.rounds)


if __name__ == "__main__":
    main()
