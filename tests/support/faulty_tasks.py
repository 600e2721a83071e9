"""A server whose tasks get faults, and the day of its clients."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from attrs import define, evolve, field
from support.rough_client import GONE, Reply
from support.served import TWO_YEARS, serving_on
from support.server_process import REQUEST, ServerProcess
from support.task_faults import TaskFaults, task_faults

from glowback_trio import SqliteStore, ThreadCompute
from glowback_trio.actors import Gateway, open_gateway
from glowback_trio.compute import Compute
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.request import Stream

__all__ = ["FaultyTasks", "faulty_tasks"]

# The program's own tasks, and one of trio's: what they raise is the end of the server.
_PROGRAM = ("glowback_trio.server.serve.serve", "<TrioToken.run_sync_soon task>")
#: A run that is under way all day.
_BESIDE = evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=60.0, metrics_every=50))
_ERRORS = RuntimeError, SystemExit, MemoryError
_MAY_TAKE_S = 400.0
_ATTEMPTS = 5
_ENDED = ("completed", "failed", "cancelled")


@define(eq=False)
class FaultyTasks:
    """A server in this event loop, with a clock that may be fast.

    Attributes:
        gateway: What it serves.
        client: Where it is.
        faults: The faults of its tasks.
        told: What clients were told because of faults.
    """

    gateway: Gateway
    client: ServerProcess
    faults: TaskFaults
    told: list[str] = field(factory=list)
    _spared: set[str] = field(factory=set)

    async def day(self) -> None:
        """Do all that clients do, beside a run that no fault may reach."""
        beside = self.gateway.submit(_BESIDE)
        self._spared.add(beside.run_id)
        with trio.fail_after(_MAY_TAKE_S):
            ids = [await self._computed(), await self._cancelled()]
            await self._deleted(ids)
            await beside.wait_finished()
        with beside.subscribe() as events:
            assert_sound([event async for event in events])
        assert beside.status.state == "completed", beside.status

    async def days(self, most: int) -> int:
        """Live so many days as there are awaits in the last one, each with a fault in its own.

        Args:
            most: How many awaits of a task raise at most, spread over all of them.

        Returns:
            How many faults were raised.
        """
        before = len(self.faults.raised)
        for name, count in dict(self.faults.counts).items():
            for number in range(1, count + 1, -(-count // most)):
                self.faults.fail_at(name, number, _ERRORS[number % len(_ERRORS)])
                await self.day()
        return len(self.faults.raised) - before

    @property
    def failed_tasks(self) -> set[str]:
        """The names of the tasks that a fault was raised in."""
        return {place.partition(":")[0] for place in self.faults.raised}

    async def quiet_day(self) -> None:
        """Do the same, and be told nothing but what was asked for."""
        self.faults.fail_no_more()
        told = list(self.told)
        await self.day()
        assert self.told == told

    def name_of(self, task: trio.lowlevel.Task) -> str | None:
        """Return by what name a task counts; None for those that are left alone."""
        names = _names(task)
        if self._spared.intersection(names) or names[0] in _PROGRAM:
            return None
        if any(name.startswith("glowback_trio.") for name in names):
            return names[0]
        return "run" if "-" in names[0] else None

    async def _computed(self) -> str:
        """See a run to its end; it completes, or has failed with a reason."""
        run_id = await self._submitted(REQUEST)
        await self._followed(run_id)
        status = json.loads((await self._asked("GET", f"/backtests/{run_id}")).body)
        assert status["state"] in ("completed", "failed"), status
        if status["state"] == "failed":
            assert len(status["error"]) > 10, status
            self.told.append(f"failed: {status['error']}")
        else:
            await self._asked("GET", f"/backtests/{run_id}/results")
            await self._asked("GET", f"/backtests/{run_id}/export")
        for path in ("/datasets", "/metrics", "/readyz", "/backtests"):
            await self._asked("GET", path)
        return run_id

    async def _cancelled(self) -> str:
        """Pause, resume and cancel a run."""
        run_id = await self._submitted({**REQUEST, "stream": {"pace_bars_per_s": 0.01}})
        for order in ("pause", "resume", "cancel"):
            await self._asked("POST", f"/backtests/{run_id}/{order}", may_be=(409,))
        while (status := await self._status(run_id))["state"] not in _ENDED:  # noqa: ASYNC110 - as a client sees it
            await trio.sleep(0.5)
        assert status["state"] in ("cancelled", "failed"), status
        if status["state"] == "failed":
            self.told.append(f"failed: {status['error']}")
        return run_id

    async def _deleted(self, run_ids: list[str]) -> None:
        for run_id in run_ids:
            await self._followed(run_id)
            await self._asked("DELETE", f"/backtests/{run_id}", may_be=(404,))

    async def _submitted(self, document: object) -> str:
        return str(json.loads((await self._asked("POST", "/backtests", document)).body)["run_id"])

    async def _status(self, run_id: str) -> dict[str, str]:
        status: dict[str, str] = json.loads((await self._asked("GET", f"/backtests/{run_id}")).body)
        return status

    async def _asked(
        self, method: str, path: str, document: object = None, may_be: tuple[int, ...] = ()
    ) -> Reply:
        """Ask again where a fault has reached the request."""
        for _ in range(_ATTEMPTS):
            try:
                reply = await self.client.ask(method, path, document)
            except (*GONE, OSError, trio.TooSlowError) as error:
                self.told.append(f"{method} {path}: cut off ({type(error).__name__})")
                continue
            if reply.status < 400 or reply.status in may_be:
                return reply
            assert reply.status in (500, 503), (method, path, reply)
            self.told.append(f"{method} {path}: {reply.status}")
            await trio.sleep(1)
        raise AssertionError(f"no answer to {method} {path}: {self.told[-_ATTEMPTS:]}")

    async def _followed(self, run_id: str) -> None:
        """Follow a run to its end, in spite of a cut."""
        for _ in range(_ATTEMPTS):
            try:
                await self.client.followed(run_id)
            except (AssertionError, *GONE, OSError) as error:
                self.told.append(f"stream: {str(error)[:100]}")
                await trio.sleep(1)
            else:
                return
        raise AssertionError(f"{run_id} cannot be followed: {self.told[-_ATTEMPTS:]}")


@asynccontextmanager
async def faulty_tasks(
    folder: Path, compute: Callable[[], Compute] = ThreadCompute
) -> AsyncIterator[FaultyTasks]:
    """Serve a gateway on a file, and end the server in order when the block ends."""
    faulty: FaultyTasks | None = None

    def name_of(task: trio.lowlevel.Task) -> str | None:
        return None if faulty is None else faulty.name_of(task)

    store = SqliteStore(folder / "runs.sqlite")
    with task_faults(name_of) as faults:
        async with (
            open_gateway(store=store, compute=compute()) as gateway,
            trio.open_nursery() as nursery,
        ):
            stop = trio.Event()
            url = await serving_on(gateway, nursery, rate_limit=0, log_level="error")(stop)
            faulty = FaultyTasks(gateway, _client(url), faults)
            yield faulty
            faults.fail_no_more()
            stop.set()


def _client(url: str) -> ServerProcess:
    """Return a client of a server in this process: of the server's process it knows nothing."""
    return ServerProcess(None, int(url.rpartition(":")[2]), Path())  # type: ignore[arg-type]  # the same


def _names(task: trio.lowlevel.Task | None) -> list[str]:
    """Return the names of a task and of those that own it, one after the other."""
    names = []
    while task is not None:
        names.append(task.name)
        nursery = task.parent_nursery
        task = None if nursery is None else nursery.parent_task
    return names
