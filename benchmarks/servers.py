"""Start servers to measure: each a process of its own, on a core that the client does not use."""

from __future__ import annotations

import http.client
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

HERE = Path(__file__).parent
OURS = (sys.executable, "-m", "glowback_trio", "serve", "--port", "0", "--store", "memory")
PEER = (sys.executable, str(HERE / "peer.py"))
PLAIN_PEER = (*PEER, "--plain")
PEERS_RUN = "00000000-0000-4000-8000-000000000000"

# Both servers write no line per request; what is compared is the work of answering.
QUIET = {"GLOWBACK_LOG_LEVEL": "WARNING", "GLOWBACK_RATE_LIMIT": "0"}

EXIT_S = 30.0
REQUEST = {"symbols": ["AAPL"], "start_date": "2024-01-01", "end_date": "2024-12-31"}


@frozen
class Server:
    """One server that accepts connections.

    Attributes:
        name: What it is called in the figures.
        process: Its process.
        port: Its port on 127.0.0.1.
    """

    name: str
    process: subprocess.Popen[str]
    port: int

    @property
    def memory_kib(self) -> int:
        """Resident memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1])

    @property
    def cpu_s(self) -> float:
        """Processor time used so far, which other load on the machine does not change."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def ask(self, method: str, path: str, document: object = None) -> Any:
        """Send one request, with a document or without, and return the response's document."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=EXIT_S)
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 400:
            raise RuntimeError(f"{self.name} answered {answer.status} to {method} {path}: {text!r}")
        return json.loads(text)

    def start_run(self, *, priority: int = 0, **stream: object) -> str:
        """Start a run on a server of ours and return its id."""
        request = {**REQUEST, "priority": priority, "stream": stream}
        run_id: str = self.ask("POST", "/backtests", request)["run_id"]
        return run_id

    def wait_ended(self, run_id: str) -> None:
        """Wait until a run of ours has ended: its stream ends then."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=EXIT_S)
        try:
            accept = {"Accept": "text/event-stream"}
            connection.request("GET", f"/backtests/{run_id}/events", headers=accept)
            connection.getresponse().read()
        finally:
            connection.close()


@contextmanager
def opened(name: str, command: Sequence[str]) -> Iterator[Server]:
    """Start a server for the length of a block; it is killed if it is left at the end."""
    os.sched_setaffinity(0, {_cores()[0]})
    try:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **QUIET, "PYTHONPATH": _path()},
        )
    finally:
        os.sched_setaffinity(0, {_cores()[-1]})
    with process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("listening on "):
                raise RuntimeError(f"{name} did not start: it said {line!r}")
            yield Server(name, process, int(line.rpartition(":")[2]))
        finally:
            process.kill()


def _path() -> str:
    """Return where servers find modules: strategies of the benchmarks among them."""
    return os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(HERE))))


_ALLOWED = sorted(os.sched_getaffinity(0))


def _cores() -> Sequence[int]:
    """Return the core of the servers and that of the client: the first and the last."""
    return _ALLOWED


def prepare() -> None:
    """Let this process and its servers open all allowed files; give it the client's core."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if len(_ALLOWED) < 2:
        print("only one core here: client and server take turns, so ratios are blurred")
    os.sched_setaffinity(0, {_cores()[-1]})
