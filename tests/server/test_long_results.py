"""Long results: encoded as fast as they are read, and no longer than they are read.

Rule: chunks are counted where they are encoded, so that reading ahead would be noticed.
"""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import AsyncIterator

import h11
import pytest
import trio
from support.rough_client import Reply, RoughClient
from support.virtual_net import KIB, Network
from support.virtual_run import open_virtual_run
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Run
from glowback_trio.actors import Gateway
from glowback_trio.engine.reporting.result_document import equity_table, result_chunks
from glowback_trio.server import Settings
from glowback_trio.server.app import make_app_state
from glowback_trio.server.pipeline.streamed_body import stream_body
from glowback_trio.server.state.app_state import AppState
from glowback_trio.wire.tables import Chunks, ndjson_chunks

# Some 20,000 bars: some megabytes.
LONG = BacktestRequest(symbols=["AAPL"], start_date="1940-01-01", end_date="2019-12-31")


class Counted:
    """Chunks that are counted, and whether they were closed."""

    def __init__(self, count: int) -> None:
        self.made = 0
        self.closed = False
        self._count = count

    def chunks(self) -> Chunks:
        try:
            for number in range(self._count):
                self.made += 1
                yield b"%d " % number
        finally:
            self.closed = True


@pytest.fixture
def app_state(gateway: Gateway) -> AppState:
    return make_app_state(gateway, Settings())


async def body_of(app_state: AppState, counted: Counted) -> AsyncIterator[bytes]:
    response = await stream_body(app_state.threads, counted.chunks(), "text/plain")
    async with response.response as body:
        async for chunk in body:
            yield chunk


async def test_a_chunk_is_encoded_when_the_one_before_was_sent(app_state: AppState) -> None:
    counted, taken = Counted(20), 0
    async for chunk in body_of(app_state, counted):
        assert chunk == b"%d " % taken
        taken += 1
        assert counted.made <= max(2, taken)
    assert taken == counted.made == 20
    assert counted.closed


@pytest.mark.parametrize("taken", [1, 2, 3, 7])
async def test_encoding_ends_with_the_client_that_reads(app_state: AppState, taken: int) -> None:
    counted = Counted(1000)
    response = await stream_body(app_state.threads, counted.chunks(), "text/plain")
    with trio.CancelScope() as scope:
        async with response.response as body:
            async for _ in body:
                taken -= 1
                if taken == 0:
                    scope.cancel()
                    await trio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert counted.closed
    assert counted.made < 10
    assert app_state.threads.borrowed_tokens == 0


async def test_a_client_that_leaves_while_a_chunk_is_encoded_ends_the_rest(
    app_state: AppState,
) -> None:
    counted = Counted(1000)
    response = await stream_body(app_state.threads, counted.chunks(), "text/plain")
    with trio.CancelScope() as scope:
        async with response.response as body:
            async for _ in body:
                if counted.made == 5:
                    scope.cancel()  # seen by the thread that is waited for next
    assert scope.cancelled_caught
    assert counted.closed
    assert app_state.threads.borrowed_tokens == 0


async def request(network: Network, run: Run, tail: str, capacity: int = 64 * KIB) -> RoughClient:
    client = RoughClient(network.connect(capacity))
    path = f"/backtests/{run.run_id}/{tail}".encode()
    await client.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path)
    return client


async def read(client: RoughClient) -> Reply:
    """Read a whole response and parse it."""
    client.buffer += await client.read_to_end()
    return await client.read_reply()


async def test_a_long_result_arrives_whole(autojump_clock: MockClock) -> None:
    async with open_virtual_run(LONG) as (network, run):
        await run.wait_finished()
        reply = await read(await request(network, run, "results"))
        assert reply.headers[b"transfer-encoding"] == b"chunked"
        assert reply.body == b"".join(result_chunks(run.result(), run.run_id))


async def sip(client: RoughClient) -> None:
    """Read some kilobytes a second."""
    while data := await client.stream.receive_some(16 * KIB):
        client.buffer += data
        await trio.sleep(1)


async def test_a_client_that_reads_slowly_gets_everything_and_delays_no_other(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_run(LONG) as (network, run):
        await run.wait_finished()
        began = trio.current_time()
        slow = [await request(network, run, "equity.ndjson", capacity=16 * KIB) for _ in range(3)]
        async with trio.open_nursery() as nursery:
            for client in slow:
                nursery.start_soon(sip, client)
            quick = await read(await request(network, run, "results"))
        assert quick.body == b"".join(result_chunks(run.result(), run.run_id))
        assert trio.current_time() - began > 100
        for client in slow:
            reply = await client.read_reply()
            assert reply.body == b"".join(ndjson_chunks(equity_table(run.result())))


async def test_a_client_that_does_not_read_costs_a_chunk_or_two_and_is_cut(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_run(LONG) as (network, run):
        await run.wait_finished()
        await read(await request(network, run, "results"))
        gc.collect()
        tracemalloc.start()
        try:
            stalled = [await request(network, run, "results", capacity=KIB) for _ in range(5)]
            for client in stalled:
                client.buffer += await client.stream.receive_some(1)
            await trio.sleep(10)
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert held / len(stalled) < 2 * KIB * KIB
        await trio.sleep(60)
        for client in stalled:
            with pytest.raises(h11.RemoteProtocolError, match="without sending complete"):
                await read(client)


@pytest.mark.parametrize("size", [1, 10_000, 1_000_000])
async def test_who_vanishes_leaves_nothing_behind(autojump_clock: MockClock, size: int) -> None:
    async with open_virtual_run(LONG) as (network, run):
        await run.wait_finished()
        client, received = await request(network, run, "results"), 0
        while received < size:
            received += len(await client.stream.receive_some(size))
        client.stream.reset()


async def test_a_run_that_is_deleted_is_still_read_to_its_end(autojump_clock: MockClock) -> None:
    async with open_virtual_run(LONG) as (network, run):
        await run.wait_finished()
        whole = b"".join(result_chunks(run.result(), run.run_id))
        client = await request(network, run, "results", capacity=KIB)
        first = await client.stream.receive_some(1)
        other = RoughClient(network.connect())
        await other.send(
            b"DELETE /backtests/%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
            % run.run_id.encode()
        )
        assert (await other.read_reply(b"DELETE")).status == 204
        rest = await client.read_to_end()
        client.buffer += first + rest
        assert (await client.read_reply()).body == whole
