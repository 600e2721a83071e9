"""The whole product on a network in memory, with a fault injected at every step.

A run is started, followed over WebSocket and server-sent events while it runs, and its result is
fetched. At each step in turn a client is lost, or the server is stopped or cancelled. After each
fault no task, connection or subscriber is left, and the server still answers.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from attrs import define, field
from support.at_step import AtStep, at_every_step
from support.rough_client import GONE, TEXT, RoughClient, close_frame
from support.virtual_net import End, Network

from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve
from glowback_trio.testing import cancel_at_every_step, open_virtual_gateway

SETTINGS = Settings(log_level="ERROR", grace=2)
REQUEST = {
    "symbols": ["AAPL"],
    "start_date": "2024-01-02",
    "end_date": "2024-01-04",
    "stream": {"pace_bars_per_s": 1},
}
# Of virtual time: longer than every limit of the server, of which keep_alive is the longest.
GIVE_UP_S = 90.0
# A server reads the time and makes ids; both are the same in every round.
OUTSIDE = ("clock", "entropy")


class CountedNetwork(Network):
    """A network that knows which of the server's connections are open."""

    def __init__(self) -> None:
        super().__init__()
        self.accepted: list[End] = []

    async def accept(self) -> End:
        self.accepted.append(await super().accept())
        return self.accepted[-1]

    @property
    def open_ends(self) -> int:
        return sum(not end.closed for end in self.accepted)


@define(eq=False)
class House:
    """A gateway that is served, and the connections to it."""

    gateway: Gateway
    stop: trio.Event = field(factory=trio.Event)
    network: CountedNetwork = field(factory=CountedNetwork)
    clients: list[RoughClient] = field(factory=list)

    async def serve(self, *, task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(
            self.gateway,
            listeners=[self.network],
            settings=SETTINGS,
            stop=self.stop,
            task_status=task_status,
        )

    def connect(self) -> RoughClient:
        self.clients.append(RoughClient(self.network.connect(capacity=3000)))
        return self.clients[-1]

    def lose_clients(self, how: str) -> None:
        for client in self.clients:
            getattr(client.stream, how)()

    @property
    def subscribers(self) -> int:
        return sum(run.subscribers for run in self.gateway.runs())


@asynccontextmanager
async def open_house() -> AsyncIterator[House]:
    """Serve for the length of a block, then stop, with proof that it stops and leaves nothing."""
    async with open_virtual_gateway() as gateway:
        house = House(gateway)
        async with trio.open_nursery() as nursery:
            await nursery.start(house.serve)
            yield house
            house.stop.set()
            began = trio.current_time()
        assert trio.current_time() - began <= SETTINGS.grace + 1
        assert (house.network.open_ends, house.subscribers) == (0, 0)


async def session(house: House) -> None:
    """Everything a client does with a run."""
    client = house.connect()
    body = json.dumps(REQUEST).encode()
    await client.send(
        b"POST /backtests HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    reply = await client.read_reply(b"POST")
    run_id = json.loads(reply.body)["run_id"].encode()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_websocket, house.connect(), run_id)
        nursery.start_soon(follow_sent_events, house.connect(), run_id)
    reply = await client.get(b"/backtests/%s/results" % run_id)
    assert json.loads(reply.body)["run_id"] == run_id.decode()


async def follow_websocket(client: RoughClient, run_id: bytes) -> None:
    head = await client.upgrade(b"/backtests/%s/stream" % run_id)
    assert head.startswith(b"HTTP/1.1 101"), head
    last = 0
    while (frame := await client.read_frame())[0] == TEXT:
        last += 1
        assert json.loads(frame[1])["event_id"] == last
    assert frame[1][:2] == (1000).to_bytes(2, "big")
    await client.send(close_frame())
    await client.read_to_end()


async def follow_sent_events(client: RoughClient, run_id: bytes) -> None:
    reply = await client.get(b"/backtests/%s/events" % run_id, b"Accept: text/event-stream")
    assert b"completed" in reply.body


async def attempt(house: House, instrument: AtStep, fault: Callable[[], object]) -> None:
    """A session in the middle of which something happens."""
    instrument.begin(fault)
    try:
        with trio.fail_after(GIVE_UP_S):
            await session(house)
    except* (*GONE, ConnectionRefusedError, AssertionError, KeyError, ValueError):
        assert instrument.taken >= instrument.step > 0
    instrument.end()
    house.lose_clients("close")
    await trio.sleep(GIVE_UP_S)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_clients_lost_at_any_step_leave_nothing_behind(how: str) -> None:
    async def main(instrument: AtStep) -> None:
        async with open_house() as house:
            tasks = trio.lowlevel.current_statistics().tasks_living
            await attempt(house, instrument, partial(house.lose_clients, how))
            assert trio.lowlevel.current_statistics().tasks_living == tasks
            assert (house.network.open_ends, house.subscribers) == (0, 0)
            assert all(run.status.state == "completed" for run in house.gateway.runs())
            assert (await house.connect().get(b"/healthz")).status == 200

    assert at_every_step(main, allow=OUTSIDE) > 100


def test_a_stop_at_any_step_is_bounded_and_leaves_nothing_behind() -> None:
    async def main(instrument: AtStep) -> None:
        async with open_house() as house:
            await attempt(house, instrument, house.stop.set)
        assert all(run.finished for run in house.gateway.runs())

    assert at_every_step(main, allow=OUTSIDE) > 100


def test_a_cancel_of_everything_at_any_step_leaves_nothing_behind() -> None:
    houses: list[House] = []

    async def scenario() -> None:
        async with open_house() as house:
            houses[:] = [house]
            try:
                await session(house)
            except* (*GONE, ConnectionRefusedError):
                assert trio.current_effective_deadline() == -math.inf

    def check() -> None:
        for house in houses:
            assert (house.network.open_ends, house.subscribers) == (0, 0)
            assert all(run.finished for run in house.gateway.runs())

    assert cancel_at_every_step(scenario, check=check) > 100
