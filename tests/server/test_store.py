"""A server whose store cannot write: a disk without room behind the store's protocol.

Rule: a client must never see an end that was not stored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import trio
from attrs import define, field
from support.rough_client import RoughClient
from support.virtual_net import Network
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, MemoryStore, Stream
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve
from glowback_trio.store.memory_log import MemoryLog
from glowback_trio.testing import open_virtual_gateway

TEXT, CLOSE, PING = 1, 8, 9

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-02",
    end_date="2024-03-29",
    stream=Stream(pace_bars_per_s=1),
)


@define(eq=False)
class Disk(MemoryStore):
    """A memory store that can run out of room."""

    full: bool = False

    @property
    def writable(self) -> bool:
        return not self.full

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> MemoryLog:
        return DiskLog(on_durable, disk=self)


@define(eq=False)
class DiskLog(MemoryLog):
    disk: Disk = field(kw_only=True)

    def append(self, event: Event) -> None:
        if self.disk.full:
            raise OSError(28, "No space left on device")
        super().append(event)


@define
class House:
    disk: Disk = field(factory=Disk)
    network: Network = field(factory=Network)

    def connect(self) -> RoughClient:
        return RoughClient(self.network.connect())

    async def status_of(self, path: bytes) -> int:
        return (await self.connect().get(path, b"Connection: close")).status


@asynccontextmanager
async def open_house() -> AsyncIterator[tuple[House, Gateway]]:
    house = House()
    async with open_virtual_gateway(store=house.disk) as gateway, trio.open_nursery() as nursery:
        settings = Settings(log_level="ERROR")
        await nursery.start(partial(serve, gateway, listeners=[house.network], settings=settings))
        yield house, gateway
        nursery.cancel_scope.cancel()


async def test_a_store_in_memory_can_always_write() -> None:
    assert MemoryStore(keep_runs=1, keep_bytes=1).writable


async def test_a_server_is_not_ready_while_its_store_cannot_write(
    autojump_clock: MockClock,
) -> None:
    async with open_house() as (house, _):
        assert await house.status_of(b"/readyz") == 200
        house.disk.full = True
        assert await house.status_of(b"/readyz") == 503
        assert await house.status_of(b"/healthz") == 200
        reply = await house.connect().get(b"/v1/readyz")
        error = orjson.loads(reply.body)["error"]
        assert (error["code"], error["message"]) == ("unavailable", "The store cannot write")
        assert reply.headers[b"retry-after"] == b"5"
        house.disk.full = False
        assert await house.status_of(b"/readyz") == 200


async def test_a_run_that_cannot_be_stored_ends_when_there_is_room_again(
    autojump_clock: MockClock,
) -> None:
    async with open_house() as (house, gateway):
        run = gateway.submit(REQUEST)
        client = house.connect()
        await client.upgrade(b"/backtests/%s/stream" % run.run_id.encode())
        await client.read_frame()
        house.disk.full = True
        before_the_ping = await texts_until(client, PING)
        assert not any("digest" in message["payload"] for message in before_the_ping)
        assert await house.status_of(b"/healthz") == 200
        house.disk.full = False
        last = (await texts_until(client, CLOSE))[-1]["payload"]
        assert last["state"] == "failed"
        assert "out of disk space" in last["error"]


async def texts_until(client: RoughClient, end: int) -> list[dict[str, Any]]:
    """Return the messages before the next frame of a kind."""
    messages: list[dict[str, Any]] = []
    while True:
        opcode, payload = await client.read_frame()
        if opcode == end:
            return messages
        if opcode == TEXT:
            messages.append(orjson.loads(payload))
