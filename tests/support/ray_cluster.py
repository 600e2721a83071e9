"""A real Ray cluster on this machine, whose nodes and processes tests kill."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from attrs import define, field

__all__ = ["RayCluster", "ray_cluster"]

_RAY = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--num-cpus=1"]
_STORE = "--object-store-memory=200000000"
_TESTS = str(Path(__file__).parents[1])


@define(eq=False)
class RayCluster:
    """A head and further nodes, each with one CPU. Made by `ray_cluster`.

    Attributes:
        address: Of its head.
        token: Of the cluster; by it all of its processes are found.
    """

    address: str
    token: str
    _folder: Path
    _nodes: list[subprocess.Popen[bytes]] = field(factory=list, init=False)

    def start_head(self) -> None:
        """Start the head."""
        port = self.address.rpartition(":")[2]
        # Ray keeps sockets there, whose paths may have some hundred characters.
        folder = f"--temp-dir={self._folder}"
        self._start("--head", f"--port={port}", folder, "--include-dashboard=false", _STORE)

    def start_node(self) -> int:
        """Start a further node; return the process id of its raylet."""
        return self._start(f"--address={self.address}", _STORE)

    def processes(self, title: str = "", *, of: int | None = None) -> set[int]:
        """Return the ids of the cluster's processes whose command line begins so.

        Args:
            title: What it begins with.
            of: Only those that this raylet has started.
        """
        mark, found = f"RAY_AUTH_TOKEN={self.token}".encode(), set[int]()
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended just now
                if mark not in (folder / "environ").read_bytes().split(b"\0"):
                    continue
                if (folder / "cmdline").read_bytes().startswith(title.encode()):
                    found.add(int(folder.name))
        return (found if of is None else found & {*_children(of)}) - {os.getpid()}

    def stop(self) -> None:
        """End all nodes, and see that no process is left."""
        for node in reversed(self._nodes):
            node.terminate()
        for node in self._nodes:
            with suppress(subprocess.TimeoutExpired):
                node.wait(20)
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for node in self._nodes:
            node.wait()

    def _start(self, *options: str) -> int:
        log = self._folder / f"node{len(self._nodes)}.log"
        with log.open("wb") as file:
            node = subprocess.Popen([*_RAY, *options], stdout=file, stderr=file)
        self._nodes.append(node)
        while b"Ray runtime started" not in log.read_bytes():
            if node.poll() is not None:
                raise AssertionError(log.read_text())
        return next(pid for pid in _children(node.pid) if "raylet/raylet" in _command(pid))


def _children(pid: int) -> list[int]:
    listing = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listing.split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


@contextmanager
def ray_cluster() -> Iterator[RayCluster]:
    """Start a cluster of a head for the length of a block; this process may connect to it."""
    folder, token = Path(tempfile.mkdtemp(prefix="gray", dir="/tmp")), secrets.token_hex(32)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    chosen = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": _TESTS,
    }
    before = {name: os.environ.get(name) for name in chosen}
    os.environ.update(chosen)
    cluster = RayCluster(address, token, folder)
    try:
        cluster.start_head()
        yield cluster
    finally:
        cluster.stop()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name)
            else:
                os.environ[name] = value
        shutil.rmtree(folder)
