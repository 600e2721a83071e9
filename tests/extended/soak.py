"""Ten minutes of a server's life, with everything that clients do to it, and restarts.

    python tests/extended/soak.py [SECONDS]

Clients run strategies that fail in every way, on files that are good, bad and replaced; they
follow, pause, cancel and delete runs, leave downloads half read, and send nonsense. For the first
half of the time the server lives on; then it is killed, or stopped, and started again on its file,
while clients go on. Whatever they received is a whole log whose digest is right. Between loads
every run is deleted and the server is at rest; what it holds then must not grow: memory,
descriptors, threads, processes, files, streams. `GET /healthz` stays fast throughout. Prints a line
for each rest.
"""

from __future__ import annotations

import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import trio
from attrs import asdict, define, field, frozen
from support.health_probe import percentile, probed
from support.server_process import ServerProcess, metric, port_of, start_serving
from support.soak_clients import SoakClients

from glowback_trio import demo_path
from glowback_trio.client import open_client
from glowback_trio.store.sqlite.maintenance import check_store

LOAD_S = 12.0
# Threads end when they have been idle for ten seconds, spare workers after a minute.
REST_S = 70.0
# What a server at rest may hold more than at its first rest: connections to the store are opened
# when they are needed, some threads never end.
MORE_DESCRIPTORS = 16
MORE_THREADS = 8
MORE_MEMORY_MB = 50
HEALTH_MS = 20.0


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
    async def of(cls, server: ServerProcess) -> Rest:
        """Look at a process, at the directory of its store, and at its metrics."""
        return cls(
            memory_mb=round(server.memory_mb),
            descriptors=server.descriptors,
            threads=server.threads,
            processes=len(server.children),
            files=len(list(server.log_path.parent.iterdir())),
            streams=round(metric(await server.metrics(), "glowback_open_streams")),
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
        folder: Where it works.
    """

    folder: Path
    rng: random.Random
    server: ServerProcess | None = field(default=None, init=False)
    restarts: int = field(default=0, init=False)
    health: list[float] = field(factory=list, init=False)

    @property
    def store(self) -> Path:
        """The server's file."""
        return self.folder / "runs.sqlite"

    @property
    def data(self) -> Path:
        """Its price files."""
        return self.folder / "prices"

    async def start(self) -> None:
        """Start the server, at the address that it has had before."""
        options = ["--data", str(self.data), "--log-level", "ERROR"]
        options += ["--strategies", "support.misbehaving:Misbehaving"]
        options += ["--port", str(self.server.port if self.server else 0)]
        process = start_serving(self.folder, *options)
        log = self.folder / "log"
        self.server = ServerProcess(process, await port_of(process, log), log)

    async def end(self, number: signal.Signals) -> None:
        """End the server, and wait until it has gone."""
        assert self.server is not None
        await self.server.end(number, 60)
        assert self.server.process.stdout is not None
        self.server.process.stdout.close()

    async def load(self, clients: SoakClients, restart: signal.Signals | None = None) -> None:
        """Let clients work; end and start the server in the middle, if asked for."""
        assert self.server is not None
        with probed(self.server.port) as times:
            async with open_client(self.server.url) as client, trio.open_nursery() as nursery:
                clients.start(nursery, client, self.server.port, trio.current_time() + LOAD_S)
                if restart is not None:
                    await trio.sleep(LOAD_S / 2)
                    await self.end(restart)
                    await self.start()
                    self.restarts += 1
            await self._delete_all()
        self.health += times

    async def rest(self) -> Rest:
        """Wait until what is idle has ended, and look at the server."""
        assert self.server is not None
        await trio.sleep(REST_S)
        return await Rest.of(self.server)

    async def _delete_all(self) -> None:
        assert self.server is not None
        with trio.fail_after(60):
            while runs := await self.server.get("/backtests?limit=200"):
                for run in runs:
                    reply = await self.server.ask("DELETE", f"/backtests/{run['run_id']}")
                    assert reply.status in (204, 404), reply


async def live(folder: Path, seconds: float) -> None:
    """Live for so long, and look at every rest."""
    soak = Soak(folder, random.Random(1))
    shutil.copytree(demo_path(), soak.data)
    clients = SoakClients(soak.data, soak.rng)
    await soak.start()
    try:
        await soak.load(clients)
        first = await soak.rest()
        began, restart = trio.current_time(), signal.SIGKILL
        while (lived := trio.current_time() - began) < seconds:
            if lived > seconds / 2:
                await soak.load(clients, restart)
                restart = signal.SIGTERM if restart is signal.SIGKILL else signal.SIGKILL
            await soak.load(clients)
            rest = await soak.rest()
            print(_line(soak, clients, rest), flush=True)
            rest.check(first)
    finally:
        await soak.end(signal.SIGTERM)
    assert list(check_store(soak.store)) == []
    assert percentile(soak.health) <= HEALTH_MS, percentile(soak.health)


def _line(soak: Soak, clients: SoakClients, rest: Rest) -> dict[str, Any]:
    figures = {"restarts": soak.restarts, "health_p99_ms": round(percentile(soak.health), 1)}
    return {**clients.counted, **figures, **asdict(rest)}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        trio.run(live, Path(place), float(sys.argv[1]) if len(sys.argv) > 1 else 600.0)
