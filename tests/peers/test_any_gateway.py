"""Every route and stream of a run works at every gateway, whoever computes it.

Doctrine: two gateways share a database, a model of one or PostgreSQL, and reach each other over
real sockets, through a proxy that can cut. Every answer of the wrong gateway is compared with that
of the right one, and every stream with the log, byte for byte.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import httpx2
import pytest
import trio
import trio.testing
from attrs import evolve, frozen
from support.cutting_proxy import open_cutting_proxy
from support.model_database import ModelDatabase
from support.model_store import ModelStore
from support.postgres_stores import new_store_database
from support.served import TWO_YEARS

from glowback_trio import InlineCompute, open_gateway
from glowback_trio.actors import Gateway, Run
from glowback_trio.client import Client, open_client
from glowback_trio.model.request import Stream
from glowback_trio.peers import HttpPeers, open_peers
from glowback_trio.server import Settings, serve
from glowback_trio.store import Store
from glowback_trio.store.postgres import PostgresStore

SLOW = evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=0.001))
FLOWING = evolve(TWO_YEARS, stream=Stream(pace_bars_per_s=400))


@frozen
class Member:
    """A gateway of the cluster with its server, and a client of it."""

    gateway: Gateway
    url: str
    client: Client


@frozen
class Two:
    """Two gateways: runs are submitted to the first, and asked about at the second."""

    holder: Member
    other: Member
    http: httpx2.AsyncClient

    async def both(self, method: str, path: str, **more: Any) -> list[tuple[Any, ...]]:
        """Send a request to the other gateway, then to the holder."""
        answers = [
            await self.http.request(
                method, member.url + path, headers={"X-Request-ID": "same"}, **more
            )
            for member in (self.other, self.holder)
        ]
        return [(each.status_code, {**each.headers, "date": ""}, each.content) for each in answers]

    async def submit(self, request: Any) -> Run:
        """Submit a request to the holder, until it is the one that begins the run."""
        while True:
            run = self.holder.gateway.submit(request)
            await run.wait_stored()
            while not (run.tenure.here or run.tenure.elsewhere):
                await trio.testing.wait_all_tasks_blocked()
            if run.tenure.here:  # the other one takes from the queue, too
                return run


async def member(
    stack: AsyncExitStack, nursery: trio.Nursery, store: Store, cuts: list[int]
) -> Member:
    peers: HttpPeers = await stack.enter_async_context(open_peers("", jitter=lambda: 0.0))
    gateway = await stack.enter_async_context(
        open_gateway(data="demo", store=store, compute=InlineCompute(), peers=peers)
    )
    settings = Settings(log_level="ERROR", rate_limit=0)
    stop = trio.Event()
    stack.callback(stop.set)
    serving = partial(
        serve, gateway, bind="127.0.0.1:0", settings=settings, forwarder=peers, stop=stop
    )
    [url] = await nursery.start(serving)
    reached, _ = await stack.enter_async_context(open_cutting_proxy(url, cuts))
    cluster = gateway.cluster
    assert cluster is not None
    cluster.advertise(reached)
    await cluster.renew()
    return Member(gateway, url, await stack.enter_async_context(open_client(url)))


@pytest.fixture
def cuts() -> list[int]:
    """After how many bytes the connections between the gateways are cut; a test may name some."""
    return []


@pytest.fixture(params=["model", "PostgreSQL"])
def stores(request: pytest.FixtureRequest) -> tuple[Store, Store]:
    """Two stores on one database."""
    if request.param == "PostgreSQL":
        url = new_store_database()
        return PostgresStore(url), PostgresStore(url)
    database = ModelDatabase()
    return ModelStore(database, "a"), ModelStore(database, "b")


@pytest.fixture
async def two(
    nursery: trio.Nursery, cuts: list[int], stores: tuple[Store, Store]
) -> AsyncIterator[Two]:
    async with AsyncExitStack() as stack:
        holder, other = [await member(stack, nursery, store, cuts) for store in stores]
        yield Two(holder, other, await stack.enter_async_context(httpx2.AsyncClient()))


READS = [
    "",
    "/request",
    "/results",
    "/equity.csv",
    "/trades.ndjson",
    "/export",
    "/report.json",
    "/events",
    "/events?limit=1",
    "/events?after=100000",
    "/stream",
    "/bars?symbol=AAPL",
    "/difference?other=nobody",
]


@pytest.mark.parametrize("path", READS)
async def test_a_read_of_a_live_run_is_answered_alike(two: Two, path: str) -> None:
    run = await two.submit(SLOW)
    run.pause()
    await two.holder.gateway.flush()
    wrong, right = await two.both("GET", f"/v1/backtests/{run.run_id}{path}")
    assert wrong == right


@pytest.mark.parametrize("path", [each for each in READS if each != "/export"])
async def test_a_read_of_a_finished_run_is_answered_alike(two: Two, path: str) -> None:
    run = await two.submit(TWO_YEARS)
    await run.wait_finished()
    wrong, right = await two.both("GET", f"/v1/backtests/{run.run_id}{path}")
    assert wrong == right


async def test_a_run_is_steered_at_the_other_gateway(two: Two) -> None:
    run, client = await two.submit(SLOW), two.other.client
    assert (await client.pause(run.run_id)).paused
    assert run.status.paused
    assert not (await client.resume(run.run_id)).paused
    assert (await client.set_pace(run.run_id, 0.002)).pace_bars_per_s == 0.002
    assert (await client.edit(run.run_id, name="one")).name == "one"
    await client.cancel(run.run_id)
    await run.wait_finished()
    # What was told at one gateway is told at the other, at once.
    for each in (two.other, two.holder):
        assert (await each.client.status(run.run_id)) == run.status
    await client.delete(run.run_id)
    assert (await two.http.get(f"{two.other.url}/backtests/{run.run_id}")).status_code == 404


async def test_a_stream_at_the_other_gateway_is_the_log(two: Two) -> None:
    run = await two.submit(FLOWING)
    async with two.other.client.stream(run.run_id) as events:
        seen = [event.data async for event in events]
    assert seen == [event.data for event in await run.load_events()]


async def test_server_sent_events_at_the_other_gateway_are_the_same_bytes(two: Two) -> None:
    run = await two.submit(FLOWING)
    accept = {"Accept": "text/event-stream"}
    texts = []
    for each in (two.other, two.holder):
        path = f"{each.url}/backtests/{run.run_id}/events"
        texts.append((await two.http.get(path, headers=accept, timeout=30)).text)
    # Quiet seconds are told by comments, at other places for each reader.
    first, second = [text.replace(": still here\n", "") for text in texts]
    assert first == second


@pytest.mark.parametrize("cuts", [[30_000, 20_000, 25_000, 21_000] * 5])
async def test_cuts_between_the_gateways_leave_no_gap_and_no_repeat(
    two: Two, cuts: list[int]
) -> None:
    run = await two.submit(evolve(TWO_YEARS, stream=Stream(metrics_every=1, orders=True)))
    async with two.other.client.stream(run.run_id) as events:
        seen = [event.data async for event in events]
    assert seen == [event.data for event in await run.load_events()]


async def test_many_readers_at_the_other_gateway_cost_the_holder_one_stream(two: Two) -> None:
    run = await two.submit(SLOW)
    async with AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(two.other.client.stream(run.run_id)) for _ in range(20)
        ]
        for each in streams:
            assert (await anext(each)).event_id == 1
        metrics = (await two.http.get(f"{two.holder.url}/metrics")).text
        assert "glowback_open_streams 1.0" in metrics
    run.cancel("seen enough")
    await run.wait_finished()


async def test_a_client_that_has_seen_more_at_the_holder_goes_on_at_the_other(two: Two) -> None:
    run = await two.submit(FLOWING)
    followed = await two.other.gateway.load_run(run.run_id)
    await run.wait_finished()
    last = run.status.event_count - 1
    async with two.other.client.stream(run.run_id, after=last) as events:
        seen = [event.event_id async for event in events]
    assert seen == [last + 1]
    assert followed.status.state == run.status.state


async def test_the_gateways_know_each_other(two: Two) -> None:
    listed = [await each.client.gateways() for each in (two.holder, two.other)]
    for index, gateways in enumerate(listed):
        assert [gateway["self"] for gateway in gateways] == [index == 0, index == 1]
        assert all(gateway["alive"] and gateway["address"] for gateway in gateways)
