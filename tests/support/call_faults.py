"""A server whose calls of the system fail, one at a time, and the day of a client beside it.

The faults are made by `faulty_python/sitecustomize.py` in the server and in its workers. A day is
all that a client does with a run. With a fault at the k-th call of a day, for each k in turn, every
call is reached; calls that workers make between two days make the count differ a little.
"""

from __future__ import annotations

import json
import mmap
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from support.rough_client import GONE, Reply
from support.server_process import REQUEST, ServerProcess, serving_process

from glowback_trio import demo_path

__all__ = ["KINDS", "FaultyServer", "faulty_server"]

#: Name of the calls -> the answers besides success that a fault of theirs may cause.
KINDS: dict[str, frozenset[int]] = {
    "accept": frozenset(),
    "allocate": frozenset({503}),
    "map": frozenset({503}),
    "open": frozenset({503}),
    "process": frozenset({503}),
    "thread": frozenset({503}),
    "write": frozenset({503}),
}
#: Calls that are made when a worker is started.
_AT_STARTS = frozenset({"open", "process", "thread"})
LONG = {
    **REQUEST,
    "symbols": [f"S{number}" for number in range(20)],
    "data_source": "sample",
    "start_date": "2000-01-01",
    "resolution": "hour",
    "stream": {"trades": False, "metrics_every": 0},
}
_FAULTY_PYTHON = Path(__file__).parent / "faulty_python"
# How often a client repeats what it was told to repeat, or what was cut off.
_PATIENCE = 5


@define(eq=False)
class FaultyServer:
    """A server, the switch of its faults, and what has been seen of it.

    Attributes:
        server: The server.
        replaces_workers: True if a day takes a new worker.
        told: What clients were told because of faults.
    """

    server: ServerProcess
    _switch: memoryview
    _allowed: frozenset[int]
    replaces_workers: bool = False
    told: list[str] = field(factory=list)
    _kept: list[tuple[str, bytes]] = field(factory=list)

    def fail_at(self, number: int) -> None:
        """Let the call fail that has this number from now on; 0: none."""
        self._switch[1] = 0
        self._switch[0] = number

    @property
    def calls(self) -> int:
        """How many calls there were since."""
        return self._switch[1]

    async def day(self) -> None:
        """Do all that a client does with a run, in spite of one fault."""
        reply = await self._asked("POST", "/backtests", REQUEST)
        run_id = json.loads(reply.body)["run_id"]
        status = await self._ended(run_id)
        if status["state"] != "completed":
            assert status["state"] == "failed", status
            assert len(status["error"]) > 10, status
            self.told.append(f"failed: {status['error']}")
        for path in self._paths(run_id, status["state"]):
            await self._asked("GET", path)
        log = await self._log(run_id)
        self._kept.append((run_id, log))
        if self.replaces_workers:
            await self._cancel_one()

    async def _cancel_one(self) -> None:
        """Cancel a run that is being computed, which takes a new worker."""
        reply = await self._asked("POST", "/backtests", LONG)
        run_id = json.loads(reply.body)["run_id"]
        await self._ended(run_id, "running")
        await self._asked("POST", f"/backtests/{run_id}/cancel")
        status = await self._ended(run_id)
        assert status["state"] in ("cancelled", "failed"), status
        self._kept.append((run_id, await self._log(run_id)))

    async def forget_some(self) -> None:
        """See that the last runs are what they were, and delete them."""
        while self._kept:
            run_id, log = self._kept.pop()
            assert await self._log(run_id) == log
            assert (await self.server.ask("DELETE", f"/backtests/{run_id}")).status == 204

    def _paths(self, run_id: str, state: str) -> list[str]:
        paths = ["/datasets", "/strategies", "/readyz", "/metrics", "/", "/docs", "/backtests"]
        if state == "completed":
            run = f"/backtests/{run_id}"
            paths += [f"{run}/results", f"{run}/equity.csv", f"{run}/equity.parquet"]
            paths.append(f"{run}/export")
        return paths

    async def _asked(self, method: str, path: str, document: object = None) -> Reply:
        """Ask until there is an answer that is not "come back later"."""
        for _ in range(_PATIENCE):
            try:
                reply = await self.server.ask(method, path, document, seconds=20)
            except (*GONE, OSError) as error:
                self.told.append(f"{method} {path}: cut off ({type(error).__name__})")
                continue
            if reply.status < 400:
                return reply
            assert reply.status in self._allowed, (method, path, reply)
            assert b"retry-after" in reply.headers or path == "/readyz", (path, reply)
            self.told.append(f"{method} {path}: {reply.status}")
            await trio.sleep(0.2)
        raise AssertionError(f"no answer to {method} {path} after {_PATIENCE} times: {self.told}")

    async def _ended(self, run_id: str, *states: str) -> dict[str, Any]:
        with trio.fail_after(30):
            while True:
                reply = await self._asked("GET", f"/backtests/{run_id}")
                status: dict[str, Any] = json.loads(reply.body)
                if status["state"] in ("completed", "failed", "cancelled", *states):
                    return status
                await trio.sleep(0.02)

    async def _log(self, run_id: str) -> bytes:
        """Follow a log to its end, and check its digest."""
        for _ in range(_PATIENCE):
            try:
                with trio.fail_after(20):
                    events = await self.server.followed(run_id)
            except (AssertionError, *GONE, OSError) as error:
                self.told.append(f"stream: {error}")
                continue
            return b"\n".join(event.data for event in events)
        raise AssertionError(f"the log of {run_id} cannot be followed: {self.told}")


@asynccontextmanager
async def faulty_server(kind: str, folder: Path, *options: str) -> AsyncIterator[FaultyServer]:
    """Start a server whose calls of one kind can be made to fail."""
    place, data = folder / "switch", folder / "prices"
    place.write_bytes(bytes(16))
    if not data.exists():
        shutil.copytree(demo_path(), data)  # where there is a place for a cache
    paths = (_FAULTY_PYTHON, Path(__file__).parents[1], Path(__file__).parents[2])
    variables = {"CALL_FAULT": str(place), "CALL_FAULT_KIND": kind}
    variables["PYTHONPATH"] = os.pathsep.join(map(str, paths))
    with place.open("r+b") as file, mmap.mmap(file.fileno(), 16) as memory:
        switch = memoryview(memory).cast("Q")
        try:
            async with serving_process(
                "--data", str(data), *options, environment=variables
            ) as server:
                replaces_workers = "process" in options and kind in _AT_STARTS
                yield FaultyServer(server, switch, KINDS[kind], replaces_workers)
        finally:
            switch.release()
