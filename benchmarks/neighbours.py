"""What one client's work costs everybody else: `GET /healthz` beside each kind of neighbour.

`isolation.py` runs it. There is one server on disk with four workers. Each neighbour is a process
of its own (`neighbour.py`), nicer than the probe, because clients elsewhere would take no time of
this machine. Rounds with and without it alternate.
"""

from __future__ import annotations

import http.client
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen
from ratios import note
from servers import HERE, Server, opened

__all__ = ["measure_neighbours"]

WORKERS, DOWNLOADS, STREAMS = 4, 10, 200
FILES, EVENTS = 3000, 300_000
ROUNDS, PROBES = 5, 400
#: The 99th percentile may be so many times that of the idle server.
TARGET = 2.0
ALL_CORES = os.sched_getaffinity(0)
SAMPLE: dict[str, Any] = {"symbols": ["A"], "data_source": "sample"}
CROSSOVER = {"name": "ma_crossover", "params": {"short_period": 1, "long_period": 2}}
COMPUTING = {
    **SAMPLE,
    "start_date": "2006-01-01",
    "end_date": "2023-12-31",
    "resolution": "minute",
    "stream": {"metrics_every": 0},
}
#: A result of a million bars.
MILLION = {
    **SAMPLE,
    "start_date": "2020-01-02",
    "end_date": "2020-03-10",
    "resolution": "second",
    "strategy": CROSSOVER,
    "stream": {"trades": False, "metrics_every": 0},
}
#: A log of 300,000 events.
EVENTFUL = {
    **SAMPLE,
    "start_date": "1950-01-03",
    "end_date": "2016-12-30",
    "resolution": "hour",
    "strategy": CROSSOVER,
    "stream": {"metrics_every": 1, "orders": True},
}
SPINNING = {**COMPUTING, "strategy": {"name": "spinning"}}
STREAMED = {
    **SAMPLE,
    "start_date": "2000-01-01",
    "end_date": "2023-12-31",
    "stream": {"metrics_every": 1, "pace_bars_per_s": 20},
}


#: Ten thousand trials over four windows, more than are made while health is measured.
SEARCH: dict[str, Any] = {
    "name": "beside",
    "strategy": "random",
    "max_trials": 10_000,
    "search_space": {
        "parameters": [
            {"name": "short_period", "kind": "int_range", "low": 2, "high": 120},
            {"name": "long_period", "kind": "int_range", "low": 121, "high": 300},
        ]
    },
    "base_backtest": {
        **SAMPLE,
        "start_date": "2015-01-01",
        "end_date": "2020-12-31",
        "strategy": {"name": "ma_crossover"},
    },
    "walk_forward_windows": 4,
}


@frozen
class Served:
    """The server, and what its neighbours ask for.

    Attributes:
        million: Id of a finished run of a million bars.
        eventful: Id of a finished run with a long log.
    """

    server: Server
    million: str
    eventful: str

    @contextmanager
    def runs(self, count: int, request: object) -> Iterator[list[str]]:
        """Let runs go on for the length of a block."""
        ids = [self.server.ask("POST", "/backtests", request)["run_id"] for _ in range(count)]
        try:
            yield ids
        finally:
            for run_id in ids:
                self.server.ask("POST", f"/backtests/{run_id}/cancel")

    @contextmanager
    def search(self) -> Iterator[None]:
        """Let a search go on for the length of a block."""
        found = self.server.ask("POST", "/optimizations", SEARCH)["optimization_id"]
        try:
            yield
        finally:
            self.server.ask("POST", f"/optimizations/{found}/cancel")

    @contextmanager
    def neighbour(self, kind: str, target: str, count: int = 1) -> Iterator[None]:
        """Let a client do something again and again for the length of a block."""
        program = [sys.executable, str(HERE / "neighbour.py"), kind, str(self.server.port)]
        command = ["nice", "-n", "15", *program, target, str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
            assert client.stdout is not None
            client.stdout.readline()  # it has begun
            try:
                yield
            finally:
                client.kill()


Neighbour = Callable[[Served, ExitStack], None]


def computing(served: Served, stack: ExitStack) -> None:
    stack.enter_context(served.runs(WORKERS, COMPUTING))


def searching(served: Served, stack: ExitStack) -> None:
    stack.enter_context(served.search())


def downloading(served: Served, stack: ExitStack) -> None:
    path = f"/backtests/{served.million}/results"
    stack.enter_context(served.neighbour("fetch", path, DOWNLOADS))


def naming_unknown(served: Served, stack: ExitStack) -> None:
    stack.enter_context(served.neighbour("unknown", "/backtests"))


def filtering(served: Served, stack: ExitStack) -> None:
    path = f"/backtests/{served.eventful}/events?after=2&types=state&limit=1"
    stack.enter_context(served.neighbour("fetch", path))


def spinning(served: Served, stack: ExitStack) -> None:
    stack.enter_context(served.runs(1, SPINNING))
    (run_id,) = stack.enter_context(served.runs(1, STREAMED))
    path = f"/backtests/{run_id}/stream"
    stack.enter_context(served.neighbour("watch", path, STREAMS))


NEIGHBOURS: dict[str, Neighbour] = {
    f"{WORKERS} workers compute": computing,
    f"{WORKERS} workers search 10,000 trials": searching,
    f"{DOWNLOADS} results of a million bars are downloaded": downloading,
    "a client names unknown symbols in a loop": naming_unknown,
    f"a filter scans {EVENTS:,} events": filtering,
    f"a strategy of one's own spins beside {STREAMS} streams": spinning,
}


def measure_neighbours(rounds: int = ROUNDS) -> None:
    """Print how long health checks take beside each neighbour, and the ratio to none."""
    os.sched_setaffinity(0, ALL_CORES)
    with serving() as served:
        for name, begin in NEIGHBOURS.items():
            idle, beside = [], []
            for _ in range(rounds):
                idle.append(health(served.server))
                with ExitStack() as stack:
                    begin(served, stack)
                    time.sleep(0.5)
                    beside.append(health(served.server))
            alone, busy = statistics.median(idle), statistics.median(beside)
            print(
                f"GET /healthz while {name}: {busy / alone:.2f} x (target: at most {TARGET:g})   "
                f"p99 {busy:.2f} ms, {alone:.2f} ms idle"
            )
            note(f"isolation.{begin.__name__}", alone / busy)


@contextmanager
def serving() -> Iterator[Served]:
    """Start the server, and make the long results."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "prices")
        data.mkdir()
        for number in range(FILES):
            text = "timestamp,open,high,low,close,volume\n2016-01-04,1,1,1,1,1\n"
            (data / f"SYMBOL-WITH-A-LONG-NAME-{number:06}_1d.csv").write_text(text)
        command = [sys.executable, "-m", "glowback_trio", "serve", "--port", "0"]
        command += ["--store", f"sqlite:{folder}/runs.sqlite", "--data", str(data)]
        command += ["--workers", str(WORKERS), "--strategies", "spinning:Spinning"]
        paths = (str(HERE), os.environ.get("PYTHONPATH", ""))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        with opened("glowback-trio", command) as server:
            spread(server.process.pid)
            yield Served(server, finished(server, MILLION), finished(server, EVENTFUL))


def finished(server: Server, request: object) -> str:
    """Run to the end and return the id."""
    run_id: str = server.ask("POST", "/backtests", request)["run_id"]
    while (status := server.ask("GET", f"/backtests/{run_id}"))["state"] != "completed":
        if status["error"]:
            raise RuntimeError(f"a run of the benchmark failed: {status['error']}")
        time.sleep(0.1)
    return run_id


def spread(pid: int) -> None:
    """Let a process and its children use all cores."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), ALL_CORES)
        for child in (task / "children").read_text().split():
            spread(int(child))


def health(server: Server) -> float:
    """Return the 99th percentile of the milliseconds that `GET /healthz` takes."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    times = []
    for _ in range(PROBES):
        start = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append((time.perf_counter() - start) * 1e3)
        time.sleep(0.001)  # a probe, not a load
    connection.close()
    return statistics.quantiles(times, n=100)[-1]
