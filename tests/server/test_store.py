"""A server whose store cannot write: a disk without room behind the store's protocol.

Rule: a client must never see an end that was not stored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial

import orjson
import pytest
import trio
from attrs import define, field
from support.rough_client import GONE, RoughClient
from support.virtual_net import Network
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, MemoryStore, Stream
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve
from glowback_trio.store.memory import MemoryLog
from glowback_trio.testing import open_virtual_gateway

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
        house.disk.full = False
        assert await house.status_of(b"/readyz") == 200


async def test_a_run_that_cannot_be_stored_ends_the_server_without_a_terminal_event(
    autojump_clock: MockClock,
) -> None:
    received: list[bytes] = []
    networks: list[Network] = []

    async def fill_the_disk() -> None:
        async with open_house() as (house, gateway):
            networks.append(house.network)
            run = gateway.submit(REQUEST)
            client = house.connect()
            await client.upgrade(b"/backtests/%s/stream" % run.run_id.encode())
            received.append((await client.read_frame())[1])
            house.disk.full = True
            with trio.CancelScope(shield=True):
                await read_on(client, received)

    with pytest.RaisesGroup(OSError, allow_unwrapped=True, flatten_subgroups=True):
        await fill_the_disk()
    assert orjson.loads(received[-1])["payload"].get("state") not in {"completed", "cancelled"}
    with pytest.raises(ConnectionRefusedError):
        networks[0].connect()


async def read_on(client: RoughClient, received: list[bytes]) -> None:
    """Keep the messages of a stream until it is cut."""
    with suppress(*GONE):
        while True:
            opcode, payload = await client.read_frame()
            assert opcode == 1
            received.append(payload)
