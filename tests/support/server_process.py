"""A server in a process of its own, what it answers, and what the system says of it.

Rule: it measures from outside, by `/proc` and by the server's own metrics, so that a server that is
stuck or has ended is seen as its clients see it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from support import rough_client
from support.rough_client import Reply, RoughClient
from support.watcher import event_of

import glowback_trio
from glowback_trio import Event
from glowback_trio.model.invariants import assert_sound

__all__ = [
    "REQUEST",
    "ServerProcess",
    "metric",
    "port_of",
    "serving_process",
    "start_serving",
]

#: A backtest on the shipped prices that is over within a fraction of a second.
REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2016-01-01",
    "end_date": "2020-12-31",
    "strategy": {"name": "ma_crossover"},
}
_NORMAL = (1000).to_bytes(2, "big")
_ENDED = ("completed", "failed", "cancelled")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TESTS = Path(__file__).parents[1]


@define(eq=False)
class ServerProcess:
    """A server that accepts connections.

    Attributes:
        process: Its process.
        port: Its port on 127.0.0.1.
        log_path: Where its log is written, unless a test gives it another.
    """

    process: subprocess.Popen[bytes]
    port: int
    log_path: Path
    headers: Mapping[str, str] = field(factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @cached_property
    def place(self) -> Path:
        return Path(f"/proc/{self.process.pid}")

    @property
    def memory_mb(self) -> float:
        """Resident memory now."""
        return int((self.place / "statm").read_text().split()[1]) * _PAGE / 1e6

    @property
    def peak_mb(self) -> float:
        """Most resident memory since the start, or since it was forgotten."""
        found = re.search(r"VmHWM:\s+(\d+)", (self.place / "status").read_text())
        assert found is not None
        return int(found[1]) * 1024 / 1e6

    def forget_peak(self) -> None:
        (self.place / "clear_refs").write_text("5")

    @property
    def descriptors(self) -> int:
        return len(list((self.place / "fd").iterdir()))

    @property
    def threads(self) -> int:
        return len(list((self.place / "task").iterdir()))

    @property
    def children(self) -> list[int]:
        listings = []
        for listing in self.place.glob("task/*/children"):
            with suppress(FileNotFoundError):  # a thread that ended just now
                listings.append(listing.read_text())
        return [int(each) for each in " ".join(listings).split()]

    @property
    def log(self) -> str:
        """The server's log so far."""
        return self.log_path.read_text(errors="replace")

    @property
    def stalls(self) -> list[tuple[float, float, str]]:
        """What the log tells of a held event loop: seconds, of the processor, and the place."""
        lines = [json.loads(line) for line in self.log.splitlines() if '"held"' in line]
        found = [line for line in lines if {"held", "cpu", "stack"} <= line.keys()]
        return [(each["held"], each["cpu"], str(each["stack"][-1:])) for each in found]

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @asynccontextmanager
    async def connected(self, buffer: int | None = None) -> AsyncIterator[RoughClient]:
        """Open a connection, whose receive buffer may be given, and close it at the end."""
        socket = trio.socket.socket()
        if buffer is not None:
            socket.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, buffer)
        try:
            await socket.connect(("127.0.0.1", self.port))
            yield RoughClient(trio.SocketStream(socket))
        finally:
            socket.close()

    async def ask(
        self, method: str, path: str, document: object = None, seconds: float = 60, **headers: str
    ) -> Reply:
        """Send one request on a connection of its own and return the whole response."""
        with trio.fail_after(seconds):
            async with self.connected() as client:
                return await self.ask_on(client, method, path, document, **headers)

    async def ask_on(
        self, client: RoughClient, method: str, path: str, document: object = None, **headers: str
    ) -> Reply:
        """Send one request on a connection that is open."""
        await client.send(self.request_bytes(method, path, document, **headers))
        return await client.read_reply(method.encode())

    def request_bytes(
        self, method: str, path: str, document: object = None, **headers: str
    ) -> bytes:
        """Return a request as it goes over the wire."""
        body = b"" if document is None else json.dumps(document).encode()
        lines = {"Host": "localhost", **self.headers}
        if document is not None:
            lines["Content-Type"] = "application/json"
        if method != "GET":
            lines["Content-Length"] = str(len(body))
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body

    async def get(self, path: str, seconds: float = 60) -> Any:
        """Return the document at a path, which must be there."""
        reply = await self.ask("GET", path, seconds=seconds)
        assert reply.status == 200, (reply.status, reply.body[:500])
        return json.loads(reply.body)

    async def submit(self, **changes: Any) -> str:
        """Start a run and return its id."""
        reply = await self.ask("POST", "/backtests", {**REQUEST, **changes})
        assert reply.status == 201, (reply.status, reply.body[:500])
        return str(json.loads(reply.body)["run_id"])

    async def ended(self, run_id: str, seconds: float = 60) -> dict[str, Any]:
        """Wait for the end of a run and return its status."""
        return await self.reached(run_id, *_ENDED, seconds=seconds)

    async def reached(self, run_id: str, *states: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a run is in one of these states and return its status."""
        with trio.fail_after(seconds):
            while True:
                status: dict[str, Any] = await self.get(f"/backtests/{run_id}")
                if status["state"] in states:
                    return status
                await trio.sleep(0.05)

    async def run(self, seconds: float = 60, **changes: Any) -> dict[str, Any]:
        """Start a run and wait for its end."""
        return await self.ended(await self.submit(**changes), seconds)

    async def progressed(self, run_id: str, share: float = 0.0) -> None:
        """Wait until a run has done more than a share of its work."""
        with trio.fail_after(60):
            path = f"/backtests/{run_id}"
            while (await self.get(path))["progress"] <= share:  # noqa: ASYNC110 - no bell rings
                await trio.sleep(0.02)

    async def followed(self, run_id: str) -> list[Event]:
        """Follow a run to its end, and check that the log is whole and its digest right.

        Raises:
            trio.EndOfChannel: The connection was cut.
        """
        events: list[Event] = []
        async with self.connected() as client:
            head = await client.upgrade(f"/backtests/{run_id}/stream".encode())
            assert head.startswith(b"HTTP/1.1 101"), head
            while True:
                match await client.read_frame():
                    case (rough_client.TEXT, payload):
                        events.append(event_of(payload))
                    case (rough_client.PING, payload):
                        await client.send(rough_client.frame(rough_client.PONG, payload))
                    case (_, payload):
                        assert payload[:2] == _NORMAL, payload
                        break
        assert_sound(events)
        return events

    async def metrics(self) -> str:
        reply = await self.ask("GET", "/metrics")
        assert reply.status == 200, reply
        return reply.body.decode()

    async def at_rest(self, *, descriptors: int, seconds: float = 30) -> None:
        """Wait until no more descriptors are open than these."""
        with trio.fail_after(seconds):
            while self.descriptors > descriptors:  # noqa: ASYNC110 - no bell rings in another process
                await trio.sleep(0.1)

    async def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """End the server by a signal and return its exit code."""
        self.process.send_signal(number)
        with trio.fail_after(seconds):
            while self.is_alive:  # noqa: ASYNC110 - the same
                await trio.sleep(0.02)
        return self.process.returncode


def metric(text: str, name: str) -> float:
    """Return the largest value of a metric, whatever its labels; 0 if it is not there."""
    values = re.findall(rf"^{name}(?:\{{[^}}]*\}})? (\S+)", text, re.MULTILINE)
    return max(map(float, values), default=0.0)


def start_serving(
    folder: Path,
    *options: str,
    environment: Mapping[str, str] | None = None,
    errors: int | None = None,
    wrapper: tuple[str, ...] = (),
) -> subprocess.Popen[bytes]:
    """Start `serve` in a folder, where its log and, unless another store is given, its runs go.

    Args:
        folder: Where it works.
        *options: Of the command. The data are the shipped ones, unless they are given.
        environment: Variables in addition to those of the tests.
        errors: File descriptor of its log; None: a file.
        wrapper: A command in front of it, such as `nice`.
    """
    command = [*wrapper, sys.executable, "-m", "glowback_trio", "serve", "--rate-limit", "0"]
    defaults = {"--port": "0", "--store": f"sqlite:{folder / 'runs.sqlite'}", "--data": "demo"}
    for name, value in defaults.items():
        if name not in options:
            command += [name, value]
    paths = (str(Path(glowback_trio.__file__).parents[1]), str(_TESTS))
    variables = {key: value for key, value in os.environ.items() if "GLOWBACK" not in key}
    # Loading the compiled kernel takes a second of each worker, and most servers here live shorter.
    variables["GLOWBACK_WARM"] = "false"
    variables |= {"PYTHONPATH": os.pathsep.join(paths), **(environment or {})}
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [*command, *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log if errors is None else errors,
            env=variables,
            cwd=folder,
        )


@asynccontextmanager
async def serving_process(*options: str, **more: Any) -> AsyncIterator[ServerProcess]:
    """Start `serve` for the length of a block, and kill it if it is left at the end.

    Takes what `start_serving` takes, without the folder.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        start_serving(Path(folder), *options, **more) as process,
    ):
        try:
            log = Path(folder, "log")
            yield ServerProcess(process, await port_of(process, log), log)
        finally:
            with trio.CancelScope(shield=True):
                await _end(process)


async def port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """Wait until a server accepts connections, and return its port."""
    assert process.stdout is not None
    with trio.fail_after(60):
        line = await trio.to_thread.run_sync(process.stdout.readline, abandon_on_cancel=True)
    assert line.startswith(b"listening on "), await trio.Path(log).read_text(errors="replace")
    return int(line.rpartition(b":")[2])


async def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a server to stop, so that its workers end with it, and kill it if it does not."""
    process.terminate()
    with trio.move_on_after(10):
        while process.poll() is None:  # noqa: ASYNC110 - no bell rings in another process
            await trio.sleep(0.02)
    process.kill()
