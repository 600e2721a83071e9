"""Clients that stall, dribble or vanish: they cost the others nothing and the server little.

Rule: a virtual network, so that a stalled client is stalled exactly.
"""

from __future__ import annotations

import gc
import tracemalloc
from datetime import datetime

import trio
from attrs import define, field
from support import rough_client
from support.rough_client import RoughClient
from support.virtual_net import KIB, Network
from support.virtual_run import open_virtual_run
from support.watcher import event_of
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Event, Run, Stream, assert_sound
from glowback_trio.testing import EPOCH

NORMAL = (1000).to_bytes(2, "big")
HEALTHY, DRIBBLING = 40, 10
STALLED = 20
# What the server may hold for a client however far behind it is: one write, and the connection.
HELD_BYTES = 128 * KIB


@define(eq=False)
class Client:
    """One stream over WebSocket, and the arrival time of each event."""

    rough: RoughClient
    events: list[Event] = field(factory=list)
    times: list[float] = field(factory=list)

    async def read(self) -> None:
        """Read to the end of the stream; raises if the server closes before."""
        while True:
            match await self.rough.read_frame():
                case (rough_client.TEXT, payload):
                    self.events.append(event_of(payload))
                    self.times.append(trio.current_time())
                case (rough_client.PING, payload):
                    await self.rough.send(rough_client.frame(rough_client.PONG, payload))
                case (opcode, payload):
                    assert (opcode, payload[:2]) == (rough_client.CLOSE, NORMAL)
                    self.rough.stream.close()
                    return

    async def dribble(self, run: Run) -> None:
        """Read a few bytes a second while the run lasts, and then the rest."""
        while not run.finished:
            self.rough.buffer += await self.rough.stream.receive_some(50)
            await trio.sleep(1)
        await self.read()


async def connect(network: Network, run: Run, after: int = 0, capacity: int = 64 * KIB) -> Client:
    rough = RoughClient(network.connect(capacity))
    await rough.upgrade(b"/backtests/%s/stream?last_event_id=%d" % (run.run_id.encode(), after))
    return Client(rough)


def request_paced(**stream: object) -> BacktestRequest:
    return BacktestRequest(
        symbols=["AAPL"],
        start_date="2022-01-01",
        end_date="2022-12-31",
        stream=Stream(metrics_every=1, **stream),  # type: ignore[arg-type]  # checked by Stream
    )


async def test_no_client_waits_for_one_that_stalls_or_dribbles(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_run(request_paced(pace_bars_per_s=5.0)) as (network, run):
        stalled = await connect(network, run, capacity=KIB)
        dribbling = [await connect(network, run, capacity=KIB) for _ in range(DRIBBLING)]
        healthy = [await connect(network, run) for _ in range(HEALTHY)]
        async with trio.open_nursery() as nursery:
            for client in healthy:
                nursery.start_soon(client.read)
            for client in dribbling:
                nursery.start_soon(client.dribble, run)
        log = run.events(limit=10_000)
        assert_sound(log)
        emitted = [datetime.fromisoformat(event.decode()["timestamp"]) for event in log]
        for client in healthy:
            assert client.events == log
            assert client.times[5:] == [(at - EPOCH).total_seconds() for at in emitted[5:]]
        assert all(client.events == log for client in dribbling)
        await see_resumed(network, run, stalled)


async def see_resumed(network: Network, run: Run, stalled: Client) -> None:
    """Check that a client that was cut for stalling has a prefix of the log, and gets the rest."""
    try:
        await stalled.read()
    except trio.EndOfChannel:
        pass
    else:
        raise AssertionError("a client that held still for a minute was not cut")
    again = await connect(network, run, len(stalled.events))
    await again.read()
    assert stalled.events + again.events == run.events(limit=10_000)


async def test_a_client_that_stalls_costs_the_same_however_far_behind_it_is(
    autojump_clock: MockClock,
) -> None:
    minutes = BacktestRequest(
        symbols=["AAPL"],
        start_date="2024-01-02",
        end_date="2024-01-19",
        resolution="minute",
        stream=Stream(metrics_every=1),
    )
    async with open_virtual_run(minutes) as (network, run):
        run.pause()
        stalled = [await connect(network, run, capacity=KIB) for _ in range(STALLED)]
        gc.collect()
        tracemalloc.start()
        run.resume()
        await run.wait_finished()
        await wait_all_tasks_blocked()
        gc.collect()
        held, _peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        log = run.events(limit=100_000)
        size = sum(len(event.data) for event in log)
        assert size > 10 * HELD_BYTES
        assert held < 2 * size + STALLED * HELD_BYTES, "the log once, and a write for each client"
        for client in stalled:
            await client.read()
            assert client.events == log
