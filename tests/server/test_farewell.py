"""The shutdown of a whole server in virtual time: the order of its steps, and who gets 1012.

Rule: virtual time, so that every deadline is met exactly.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pytest
import trio
from attrs import define, field
from support.rough_client import CLOSE, TEXT, RoughClient
from support.virtual_net import KIB, Network
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, Run, Stream, assert_sound
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve
from glowback_trio.testing import open_virtual_gateway

# A hundred seconds, and fifty events in each.
ENDLESS = BacktestRequest(
    symbols=["AAPL"],
    start_date="2004-01-01",
    end_date="2024-12-31",
    stream=Stream(metrics_every=1, pace_bars_per_s=50),
)
NORMAL, RESTART = 1000, 1012
DELAY, DRAIN, GRACE = 3.0, 10.0, 2.0


@define(eq=False)
class House:
    """A served gateway, and the times of the steps of its shutdown."""

    gateway: Gateway
    network: Network = field(factory=Network)
    stop: trio.Event = field(factory=trio.Event)
    ended: trio.Event = field(factory=trio.Event)
    stopped_at: float = 0.0

    async def serve(self, settings: Settings, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(
            self.gateway,
            listeners=[self.network],
            settings=settings,
            stop=self.stop,
            task_status=task_status,
        )
        self.ended.set()

    def connect(self, capacity: int = 64 * KIB) -> RoughClient:
        return RoughClient(self.network.connect(capacity))

    async def watch(self, run: Run, capacity: int = 64 * KIB) -> RoughClient:
        client = self.connect(capacity)
        head = await client.upgrade(b"/backtests/%s/stream" % run.run_id.encode())
        assert head.startswith(b"HTTP/1.1 101")
        return client

    def begin_to_end(self) -> None:
        self.stopped_at = trio.current_time()
        self.stop.set()

    async def at(self, seconds: float) -> None:
        """Wait until so many seconds after the shutdown began."""
        await trio.sleep_until(self.stopped_at + seconds)

    @property
    def now(self) -> float:
        return trio.current_time() - self.stopped_at


@asynccontextmanager
async def open_house(**settings: Any) -> AsyncIterator[House]:
    async with open_virtual_gateway(max_running=1) as gateway, trio.open_nursery() as nursery:
        house = House(gateway)
        chosen = Settings(log_level="ERROR", **{"grace": GRACE, **settings})
        await nursery.start(partial(house.serve, chosen))
        yield house
        nursery.cancel_scope.cancel()


async def read_to_close(client: RoughClient) -> tuple[list[Event], int]:
    """Return the events of a stream up to its close, and the close code."""
    events: list[Event] = []
    while True:
        opcode, payload = await client.read_frame()
        if opcode == CLOSE:
            return events, int.from_bytes(payload[:2], "big")
        if opcode == TEXT:
            fields = orjson.loads(payload)
            events.append(Event(fields["event_id"], fields["type"], payload))


async def test_the_end_keeps_its_order(autojump_clock: MockClock) -> None:
    async with open_house(shutdown_delay=DELAY, drain=DRAIN) as house:
        running, waiting = house.gateway.submit(ENDLESS), house.gateway.submit(ENDLESS)
        waiting.pause()  # so it does not begin
        stream, kept, silent = await house.watch(running), house.connect(), house.connect()
        assert (await kept.get(b"/readyz")).status == 200
        await silent.send(b"GET / HTT")
        house.begin_to_end()

        await house.at(DELAY - 0.5)
        assert (await house.connect().get(b"/readyz")).status == 503
        assert (await house.connect().get(b"/healthz")).status == 200
        assert waiting.status.state == "queued"

        await house.at(DELAY + 0.5)
        with pytest.raises(ConnectionRefusedError):
            house.connect()
        assert waiting.status.error == "the server was shut down"
        assert (await kept.get(b"/healthz")).status == 200
        assert running.status.state == "running"

        events, code = await read_to_close(stream)
        assert house.now == DELAY + DRAIN
        assert code == NORMAL
        assert_sound(events)
        assert events[-1].payload["error"] == "the server was shut down"

        assert await kept.read_to_end() == b""
        assert not house.ended.is_set()
        await house.ended.wait()
        assert house.now <= DELAY + DRAIN + GRACE + 1


@pytest.mark.parametrize("drain", [0, 5])
async def test_a_client_too_slow_for_the_end_of_its_run_is_closed_1012(
    drain: float, autojump_clock: MockClock
) -> None:
    async with open_house(drain=drain) as house:
        run = house.gateway.submit(ENDLESS)
        stalled, healthy = await house.watch(run, capacity=1000), await house.watch(run)
        await trio.sleep(10)  # time for more events than the stalled one's buffers hold
        house.begin_to_end()
        whole, code = await read_to_close(healthy)
        assert code == NORMAL
        assert_sound(whole)
        healthy.stream.close()

        await house.at(drain + GRACE + 0.1)
        received, code = await read_to_close(stalled)
        assert code == RESTART
        assert received == whole[: len(received)]
        assert 0 < len(received) < len(whole)
        assert await stalled.read_to_end() == b"", "nothing comes after a close frame"
        await house.ended.wait()
        assert house.now <= drain + GRACE + 1
