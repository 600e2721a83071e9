"""Real gateways over one real database, each behind the link by which its peers reach it."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import psycopg
import trio
from attrs import define, field
from support.cluster.link import Link, open_link
from support.postgres import PostgresServer
from support.server_process import port_of, start_serving

__all__ = ["Cluster", "Gateway", "open_cluster"]


@define(eq=False)
class Gateway:
    """A gateway at a port that it keeps, whichever process serves there.

    Attributes:
        name: For people.
        folder: Where it works.
        port: Where clients reach it.
        link: Where its peers do.
        options: Of its command.
        paused: True while its process is stopped.
    """

    name: str
    folder: Path
    port: int
    link: Link
    options: tuple[str, ...]
    paused: bool = False
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has logged, whichever process it was."""
        return (self.folder / "log").read_text(errors="replace")

    async def start(self) -> None:
        """Start it, and wait until it takes connections."""
        options = ("--port", str(self.port), "--advertise", self.link.url, *self.options)
        self._process = start_serving(self.folder, *options)
        await port_of(self._process, self.folder / "log")

    async def end(self, number: signal.Signals) -> None:
        """End it by a signal, and wait until it is gone."""
        process = self._process
        assert process is not None
        process.send_signal(number)
        with trio.fail_after(60):
            while process.poll() is None:  # noqa: ASYNC110 - no bell rings in another process
                await trio.sleep(0.02)
        assert process.stdout is not None
        process.stdout.close()
        self._process = None

    def pause(self) -> None:
        """Stop its process as it is, workers apart."""
        self.paused = True
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.paused = False
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """End it however it is."""
        if self._process is not None and self._process.poll() is None:
            if self.paused:
                self.resume()
            self._process.terminate()
            with trio.move_on_after(10):
                while self._process.poll() is None:  # noqa: ASYNC110 - the same
                    await trio.sleep(0.02)
            self._process.kill()
            self._process.wait()
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()


@define(eq=False)
class Cluster:
    """Gateways and their database.

    Attributes:
        gateways: The gateways.
        server: The server of the database.
        database: The URL of the database.
    """

    gateways: list[Gateway] = field(factory=list)
    server: PostgresServer = field(kw_only=True)
    database: str = field(kw_only=True)

    @property
    def database_name(self) -> str:
        return self.database.rpartition("/")[2]

    def ask(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Return the rows that a statement gives."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            return connection.execute(statement.encode(), values or None).fetchall()

    def do(self, statement: str) -> None:
        """Carry out a statement that gives no rows."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(statement.encode())

    def log_of(self, run_id: str) -> list[bytes]:
        """Return the events of a run as the database has them, one JSON document each.

        A batch that does not follow the one before it is an error.
        """
        rows = self.ask(
            "SELECT first_id, count, events FROM event_batches JOIN runs ON seq = run "
            "WHERE run_id = %s ORDER BY first_id",
            run_id,
        )
        log: list[bytes] = []
        for first_id, count, events in rows:
            assert isinstance(events, bytes)
            lines = events.splitlines()
            assert (first_id, count) == (len(log) + 1, len(lines)), (run_id, first_id, count)
            log += lines
        return log

    async def started(self) -> None:
        """Start all gateways, one after the other: the first one makes the tables."""
        for gateway in self.gateways:
            await gateway.start()


@asynccontextmanager
async def open_cluster(
    folder: Path, server: PostgresServer, *options: str, gateways: int = 2
) -> AsyncIterator[Cluster]:
    """Run gateways over a new database for the length of a block.

    Args:
        folder: Where they work.
        server: The server of their database.
        *options: Of each gateway's command.
        gateways: How many.
    """
    cluster = Cluster(server=server, database=server.new_database())
    store = ("--store", cluster.database)
    async with AsyncExitStack() as stack:
        for number in range(1, gateways + 1):
            place = folder / f"gateway-{number}"
            place.mkdir()
            port = _free_port()
            link = await stack.enter_async_context(open_link(port))
            each = Gateway(f"gateway {number}", place, port, link, (*store, *options))
            cluster.gateways.append(each)
        try:
            await cluster.started()
            yield cluster
        finally:
            with trio.CancelScope(shield=True):
                for each in cluster.gateways:
                    await each.stop()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
