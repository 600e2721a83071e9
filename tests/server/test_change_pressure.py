"""The stream of changes under pressure: clients that do not read, and hundreds of runs.

Rule: who does not read costs nobody anything; when it reads again it gets, after what was on its
way, the newest state of each run and nothing else. On a virtual network a client is held up
exactly; a real socket shows that the buffers of the kernel change nothing of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import orjson
import trio
from attrs import define, field
from support import rough_client
from support.rough_client import RoughClient
from support.virtual_net import KIB, Network
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Run, Stream
from glowback_trio.actors import Gateway
from glowback_trio.server import Settings, serve
from glowback_trio.testing import open_virtual_gateway

RUNS = 200
# Changes that one read of the server takes: what may be on its way when a client stops reading.
ON_ITS_WAY = 256
REQUEST = BacktestRequest(
    symbols=["A"],
    start_date="2024-01-01",
    end_date="2024-02-15",
    stream=Stream(metrics_every=1, progress_steps=20, pace_bars_per_s=3.0),
)


@define(eq=False)
class Follower:
    """A client of the stream of changes, and what it knows."""

    rough: RoughClient
    count: int = 0
    runs: dict[str, dict[str, Any]] = field(factory=dict)
    #: When it last learned something.
    heard_at: float = 0.0

    async def follow(self, enough: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Read until it knows enough."""
        while not enough(self.runs):
            opcode, payload = await self.rough.read_frame()
            if opcode == rough_client.PING:
                await self.rough.send(rough_client.frame(rough_client.PONG, payload))
                continue
            assert opcode == rough_client.TEXT
            change = orjson.loads(payload)
            self.count, self.heard_at = self.count + 1, trio.current_time()
            if change["type"] == "run":
                self.runs[change["payload"]["run_id"]] = change["payload"]


async def connect(network: Network, capacity: int = 64 * KIB) -> Follower:
    rough = RoughClient(network.connect(capacity))
    await rough.upgrade(b"/changes/stream")
    return Follower(rough)


def all_completed(runs: dict[str, dict[str, Any]]) -> bool:
    states = [status["state"] for status in runs.values()]
    return states == ["completed"] * RUNS


@asynccontextmanager
async def served() -> AsyncIterator[tuple[Network, Gateway]]:
    """Serve a gateway in virtual time; of streams that have ended nothing may be left."""
    network = Network()
    settings = Settings(log_level="ERROR", rate_limit=0)
    async with (
        open_virtual_gateway(max_parked_runs=RUNS) as gateway,
        trio.open_nursery() as nursery,
    ):
        await nursery.start(partial(serve, gateway, listeners=[network], settings=settings))
        await RoughClient(network.connect()).get(b"/healthz", b"Connection: close")
        await wait_all_tasks_blocked()
        tasks = trio.lowlevel.current_statistics().tasks_living
        yield network, gateway
        await gateway.wait_idle()
        await trio.sleep(60)
        await wait_all_tasks_blocked()
        assert not gateway.change_log.bell._watchers
        assert gateway.memory.account("feeds").held == 0
        assert trio.lowlevel.current_statistics().tasks_living <= tasks
        nursery.cancel_scope.cancel()


async def test_who_does_not_read_costs_nobody_anything_and_gets_the_newest_states(
    autojump_clock: MockClock,
) -> None:
    async with served() as (network, gateway):
        held_up = [await connect(network, KIB) for _ in range(5)]
        reading = [await connect(network) for _ in range(3)]
        runs = [gateway.submit(REQUEST) for _ in range(RUNS)]
        async with trio.open_nursery() as nursery:
            for each in reading:
                nursery.start_soon(each.follow, all_completed)
        finished = max(run.status.finished_at for run in runs if run.status.finished_at)
        begun = min(run.status.created_at for run in runs)
        lasted = (finished - begun).total_seconds()
        for each in reading:
            # A quarter of a second after it has happened, however many do not read.
            assert each.heard_at <= lasted + 0.5
            assert each.count > 10 * RUNS
        for each in held_up:
            await each.follow(all_completed)
            assert each.count <= 1 + ON_ITS_WAY + RUNS
            assert each.runs == reading[0].runs
        for each in held_up + reading:
            each.rough.stream.close()


async def test_on_a_real_socket_the_newest_states_come_when_it_is_read_again(
    url: str, gateway: Gateway, submit: Callable[..., Run]
) -> None:
    runs = [submit() for _ in range(RUNS)]
    await gateway.wait_idle()
    sock = trio.socket.socket()
    sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
    parts = urlsplit(url)
    await sock.connect((str(parts.hostname), int(parts.port or 0)))
    async with trio.SocketStream(sock) as stream:
        slow = Follower(RoughClient(stream))
        await slow.rough.upgrade(b"/changes/stream")
        opcode, _reset = await slow.rough.read_frame()
        assert opcode == rough_client.TEXT
        log = gateway.change_log
        begun = log.revision
        for step in range(8):
            for run in runs:
                await run.label(name=f"name {step}", note="n" * 1000)
            noted = begun + RUNS * (step + 1)
            with trio.fail_after(10):
                while log.revision < noted:
                    await log.bell.wait()
        last = {run.run_id: "name 7" for run in runs}
        with trio.fail_after(20):
            await slow.follow(lambda known: {i: s["name"] for i, s in known.items()} == last)
        assert RUNS <= slow.count < log.revision - begun
    with trio.fail_after(5):
        while gateway.memory.account("feeds").held or log.bell._watchers:
            await wait_all_tasks_blocked(0.01)
