"""A server in memory, probes of it, and engines whose progress belongs to the test.

Doctrine: each hand of a probe is used once and must leave a log without a gap; times are virtual
and exact.
"""

from __future__ import annotations

import math
import time
from typing import Literal

import pytest
import trio
from support.asgi_apps import App
from trio.testing import MockClock, wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Run, Stream, assert_sound
from glowback_trio.client import open_client
from glowback_trio.serving import RequestRecord
from glowback_trio.testing import (
    BarRelease,
    Scripted,
    ScriptedEngine,
    VirtualNet,
    collect,
    explore,
    open_probe,
    open_virtual_gateway,
    serve_in_memory,
)

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2022-01-01",
    end_date="2022-12-31",
    stream=Stream(metrics_every=1),
)
Transport = Literal["websocket", "sse"]
TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "sse"])


@TRANSPORTS
async def test_a_probe_reads_a_log_to_its_end(
    transport: Transport, autojump_clock: MockClock
) -> None:
    async with open_virtual_gateway() as gateway, serve_in_memory(gateway) as server:
        run = gateway.submit(REQUEST)
        async with open_probe(server, run.run_id, transport=transport) as probe:
            first = await probe.read(3)
            rest = await probe.read_out()
        assert [event.event_id for event in first] == [1, 2, 3]
        assert first + rest == probe.events == await collect(run)
        assert probe.ended == {"websocket": "1000", "sse": "end"}[transport]
        assert_sound(probe.events)


@TRANSPORTS
async def test_a_probe_that_vanishes_resumes_without_a_gap(
    transport: Transport, autojump_clock: MockClock
) -> None:
    async with open_virtual_gateway() as gateway, serve_in_memory(gateway) as server:
        run = gateway.submit(REQUEST)
        async with open_probe(server, run.run_id, transport=transport) as probe:
            for count in (1, 7, 30):
                await probe.read(count)
                probe.drop()
                assert probe.ended == "reset"
                await probe.resume()
            await probe.read_out()
        assert probe.events == await collect(run)


async def test_a_stalled_probe_gets_everything_when_it_goes_on(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway, serve_in_memory(gateway) as server:
        run = gateway.submit(REQUEST)
        async with open_probe(server, run.run_id) as probe:
            await probe.read(1)
            probe.stall()
            with trio.move_on_after(5) as scope:
                await probe.read_out()
            assert scope.cancelled_caught
            probe.go_on()
            await probe.read_out()
        assert probe.events == await collect(run)


async def test_garbage_ends_the_websocket_of_its_sender(autojump_clock: MockClock) -> None:
    engine = BarRelease()
    async with (
        open_virtual_gateway(compute=engine) as gateway,
        serve_in_memory(gateway) as server,
    ):
        run = gateway.submit(REQUEST)
        async with open_probe(server, run.run_id) as probe, open_probe(server, run.run_id) as other:
            await probe.read(1)
            await probe.send(b"\xff\xff no frame of RFC 6455")
            await probe.read_out()
            assert probe.ended == "1002"
            engine.release(math.inf)
            assert_sound(await other.read_out())


async def test_a_refusal_is_told(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway, serve_in_memory(gateway) as server:
        async with open_probe(server, "nobody", transport="sse") as probe:
            assert await probe.read_out() == []
        assert probe.ended == "404"


async def test_bars_are_released_one_by_one(autojump_clock: MockClock) -> None:
    engine = BarRelease()
    async with open_virtual_gateway(compute=engine) as gateway:
        run = gateway.submit(REQUEST)
        seen = []
        for _ in range(5):
            engine.release()
            await wait_all_tasks_blocked()
            seen.append(len(run.events()))
        assert seen == sorted(set(seen))
        engine.release(math.inf)
        assert_sound(await collect(run))


async def test_a_scripted_engine_emits_at_its_times(autojump_clock: MockClock) -> None:
    script = [Scripted(at, "log", {"message": f"at {at}"}) for at in (1.0, 2.5, 60.0)]
    engine = ScriptedEngine(script, end_s=3600)
    async with open_virtual_gateway(compute=engine) as gateway:
        run = gateway.submit(REQUEST)
        times = await _times_of(run)
    assert [at for kind, at in times if kind == "log"] == [1.0, 2.5, 60.0]
    assert times[-1] == ("state", 3600.0)
    assert_sound(await collect(run))


async def _times_of(run: Run) -> list[tuple[str, float]]:
    with run.subscribe() as events:
        return [(event.type, trio.current_time()) async for event in events]


async def test_a_scripted_engine_fails_as_it_is_told(autojump_clock: MockClock) -> None:
    engine = ScriptedEngine((), end_s=2, error="The strategy gave up")
    async with open_virtual_gateway(compute=engine) as gateway:
        events = await collect(gateway.submit(REQUEST))
    assert events[-1].payload["error"] == "The strategy gave up"
    assert_sound(events)


async def test_collect_takes_as_many_as_it_is_told(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(REQUEST)
        assert [event.event_id for event in await collect(run, most=2)] == [1, 2]
        assert await collect(run, most=0) == []


async def test_any_application_is_served(autojump_clock: MockClock) -> None:
    async with serve_in_memory(App()) as server:
        stream = await server.connect()
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n")
        answer = b"".join([data async for data in stream])
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"ok")
    assert [type(record) for record in server.records] == [RequestRecord]


async def test_a_server_joins_a_network_that_is_there(autojump_clock: MockClock) -> None:
    with VirtualNet(latency_s=1).installed() as net:
        async with (
            open_virtual_gateway() as gateway,
            serve_in_memory(gateway, net=net, host="far", port=81) as server,
        ):
            assert server.url == "http://far:81"
            stream = await server.connect()
            assert trio.current_time() == 2
            await stream.aclose()


async def _stream_an_hour() -> None:
    script = [Scripted(second, "log", {"message": "tick"}) for second in range(0, 3600, 2)]
    engine = ScriptedEngine(script, end_s=3600)
    async with (
        open_virtual_gateway(compute=engine) as gateway,
        serve_in_memory(gateway) as server,
        open_client(server.url) as client,
    ):
        status = await client.submit(REQUEST)
        async with client.stream(status.run_id) as events:
            assert_sound(await collect(events))
    assert trio.current_time() >= 3600


def test_an_hour_of_streaming_takes_no_time() -> None:
    began = time.perf_counter()
    assert explore(_stream_an_hour, rounds=1, allow=("clock", "entropy")).finding is None
    assert time.perf_counter() - began < 60  # it does not take an hour
