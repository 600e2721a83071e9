"""Bugs of tasks and the nurseries they run in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import trio
from testing.planted.case import Bug, program

__all__ = ["BUGS"]


@dataclass
class Site:
    """What went wrong with downloads, and what was reported of it."""

    failed: list[str] = field(default_factory=list)
    reported: list[str] = field(default_factory=list)


Supervise = Callable[[Callable[[], Awaitable[None]], Site], Awaitable[None]]


async def report_first(run: Callable[[], Awaitable[None]], site: Site) -> None:
    try:
        await run()
    except* OSError as group:
        site.reported.append(str(group.exceptions[0]))  # bug: there may be several


async def report_all(run: Callable[[], Awaitable[None]], site: Site) -> None:
    try:
        await run()
    except* OSError as group:
        site.reported += map(str, group.exceptions)


async def download(supervise: Supervise, site: Site) -> None:
    async def fetch(name: str, connection: trio.MemoryReceiveChannel[str]) -> None:
        try:
            await connection.receive()
        except trio.EndOfChannel:
            site.failed.append(name)
            raise OSError(f"{name}: connection lost") from None

    async def fetch_all() -> None:
        servers = {}
        async with trio.open_nursery() as nursery:
            for name in ("first", "second"):
                servers[name], connection = trio.open_memory_channel[str](0)
                nursery.start_soon(fetch, name, connection)
            await trio.sleep(1)
            for server in servers.values():
                await server.aclose()
                await trio.lowlevel.checkpoint()

    await supervise(fetch_all, site)


def check_site(site: Site) -> None:
    assert len(site.failed) == len(site.reported), f"{site.failed} failed, told is {site.reported}"


@dataclass
class Service:
    """A service that takes calls once it listens."""

    listens: bool = False
    answered: int = 0

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        await trio.lowlevel.checkpoint()
        self.listens = True
        task_status.started()
        await trio.sleep_forever()

    async def call(self) -> None:
        await trio.lowlevel.checkpoint()
        if not self.listens:
            raise ConnectionRefusedError("nobody listens")
        self.answered += 1


async def start_soon(nursery: trio.Nursery, service: Service) -> None:
    nursery.start_soon(service.serve)
    for _ in range(3):
        await trio.lowlevel.checkpoint()  # bug: that is often enough, and not always


async def start(nursery: trio.Nursery, service: Service) -> None:
    await nursery.start(service.serve)


async def call_service(
    begin: Callable[[trio.Nursery, Service], Awaitable[None]], service: Service
) -> None:
    async with trio.open_nursery() as nursery:
        await begin(nursery, service)
        await service.call()
        nursery.cancel_scope.cancel()


BUGS = (
    Bug(
        "error lost in a nursery",
        program(Site, partial(download, report_first), check_site),
        program(Site, partial(download, report_all), check_site),
    ),
    Bug(
        "service called before it listens",
        program(Service, partial(call_service, start_soon)),
        program(Service, partial(call_service, start)),
    ),
)
