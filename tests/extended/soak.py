"""Ten minutes of a server's life: runs, cancels, streams, disconnects, deletions, restarts.

    python tests/extended/soak.py [SECONDS]

Clients keep following their runs while the server under them is killed, or stopped, and started
again on its file. Whatever they received is a whole log whose digest is right. Between loads the
server is at rest, and what it holds then must not grow: memory, descriptors, threads, processes,
files, streams. Prints a line for each rest.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx2
import trio
from attrs import asdict, define, field, frozen

import glowback_trio
from glowback_trio.client import Client, open_client
from glowback_trio.errors import GlowbackError
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound
from glowback_trio.store.sqlite.maintenance import check_store

CLIENTS = 6
LOAD_S = 12.0
# What a server at rest may hold more than at its first rest: connections to the store are opened
# when they are needed, threads end when they have been idle for a while.
MORE_DESCRIPTORS = 16
MORE_THREADS = 8
MORE_MEMORY_MB = 40


@frozen
class Rest:
    """What a server holds while it has nothing to do."""

    memory_mb: int
    descriptors: int
    threads: int
    processes: int
    files: int
    streams: int

    @classmethod
    def of(cls, pid: int, directory: Path, metrics: str) -> Rest:
        """Look at a process, at the directory of its store, and at its metrics."""
        place = Path(f"/proc/{pid}")
        pages = int((place / "statm").read_text().split()[1])
        children = " ".join(each.read_text() for each in place.glob("task/*/children"))
        streams = metrics.partition("\nglowback_open_streams ")[2].partition("\n")[0]
        return cls(
            memory_mb=pages * os.sysconf("SC_PAGE_SIZE") >> 20,
            descriptors=len(list((place / "fd").iterdir())),
            threads=len(list((place / "task").iterdir())),
            processes=len(children.split()),
            files=len(list(directory.iterdir())),
            streams=int(float(streams)),
        )

    def check(self, first: Rest) -> None:
        """Check that this is no more than at the first rest."""
        assert self.memory_mb <= first.memory_mb + MORE_MEMORY_MB, (self, first)
        assert self.descriptors <= first.descriptors + MORE_DESCRIPTORS, (self, first)
        assert self.threads <= first.threads + MORE_THREADS, (self, first)
        assert (self.processes, self.files) == (first.processes, first.files), (self, first)
        assert self.streams == 0, self


@define(eq=False)
class Soak:
    """A server on one address and one file, and its clients.

    Args:
        directory: Where its file is.
        rng: Decides what clients do.
    """

    directory: Path
    rng: random.Random
    port: str = "0"
    _process: subprocess.Popen[str] | None = None
    submitted: int = field(default=0, init=False)
    followed: int = field(default=0, init=False)
    restarts: int = field(default=0, init=False)

    @property
    def store(self) -> Path:
        """The server's file."""
        return self.directory / "runs.sqlite"

    @property
    def url(self) -> str:
        """The server's address, the same after every restart."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the server."""
        command = [sys.executable, "-m", "glowback_trio", "serve", "--port", self.port]
        options = ["--store", f"sqlite:{self.store}", "--log-level", "ERROR"]
        environment = {**os.environ, "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}
        self._process = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self._process.stdout is not None
        self.port = self._process.stdout.readline().strip().rpartition(":")[2]

    def end(self, number: signal.Signals) -> None:
        """End the server, and wait until it has gone."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._process.send_signal(number)
        self._process.wait(60)
        self._process.stdout.close()

    async def load(self, seconds: float, restart: signal.Signals | None = None) -> None:
        """Let clients work; end and start the server in the middle, if asked for."""
        until = trio.current_time() + seconds
        async with open_client(self.url) as client, trio.open_nursery() as nursery:
            for _ in range(CLIENTS):
                nursery.start_soon(self._be_client, client, until)
            if restart is not None:
                await trio.sleep(seconds / 2)
                await trio.to_thread.run_sync(self.end, restart)
                await trio.to_thread.run_sync(self.start)
                self.restarts += 1

    async def rest(self) -> Rest:
        """Wait until no stream is open, and look at the server."""
        assert self._process is not None
        await trio.sleep(2)
        async with httpx2.AsyncClient() as client:
            metrics = (await client.get(f"{self.url}/metrics")).text
        return Rest.of(self._process.pid, self.directory, metrics)

    async def _be_client(self, client: Client, until: float) -> None:
        while trio.current_time() < until:
            self.submitted += 1
            run_id = await self._submit(client, f"soak-{self.submitted}")
            log = await self._follow(client, run_id)
            assert_sound(log)
            self.followed += 1
            if self.rng.random() < 0.9:
                await self._insist(client.delete, run_id)

    async def _submit(self, client: Client, key: str) -> str:
        pace = self.rng.choice((None, None, 200.0))
        request = {
            "symbols": self.rng.sample(("AAPL", "MSFT", "SPY"), 2),
            "start_date": "2023-01-02",
            "end_date": self.rng.choice(("2023-06-30", "2024-12-31")),
            "strategy": {"name": self.rng.choice(("buy_and_hold", "ma_crossover", "rsi"))},
            "stream": {"orders": True, "metrics_every": 1, "pace_bars_per_s": pace},
            "on_restart": "rerun",
        }
        status = await self._insist(client.submit, request, idempotency_key=key)
        return str(status.run_id)

    async def _follow(self, client: Client, run_id: str) -> list[Event]:
        """Receive a whole log, over as many streams as it takes."""
        log: list[Event] = []
        while not (log and log[-1].type == "state" and "digest" in log[-1].payload):
            leaves_after = self.rng.choice((10, 100, 10_000))
            async with client.stream(run_id, after=len(log)) as events:
                async for event in events:
                    log.append(event)
                    leaves_after -= 1
                    if leaves_after == 0:
                        break
            if self.rng.random() < 0.1:
                await self._insist(client.cancel, run_id)
        return log

    async def _insist(self, call: Any, *args: Any, **more: Any) -> Any:
        """Do what a client does while its server is away: try again."""
        with trio.fail_after(120):
            while True:
                try:
                    return await call(*args, **more)
                except GlowbackError as error:
                    if "not found" in str(error).lower():
                        return None
                await trio.sleep(0.2)


async def live(directory: Path, seconds: float) -> None:
    """Live for so long, and look at every rest."""
    soak = Soak(directory, random.Random(1))
    soak.start()
    try:
        await soak.load(LOAD_S)
        first = await soak.rest()
        until, restart = trio.current_time() + seconds, signal.SIGKILL
        while trio.current_time() < until:
            rest = await soak.rest()
            told = {"submitted": soak.submitted, "followed": soak.followed}
            print(told | {"restarts": soak.restarts} | asdict(rest), flush=True)
            rest.check(first)
            await soak.load(LOAD_S, restart)
            await soak.load(LOAD_S)
            restart = signal.SIGTERM if restart is signal.SIGKILL else signal.SIGKILL
    finally:
        soak.end(signal.SIGTERM)
    assert list(check_store(soak.store)) == []


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        trio.run(live, Path(place), float(sys.argv[1]) if len(sys.argv) > 1 else 600.0)
