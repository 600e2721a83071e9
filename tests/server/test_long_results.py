"""Long results: written once, read by any number, and no place is held while somebody reads.

Rule: drafts and chunks are counted where they are made, so that writing twice would be noticed.
"""

from __future__ import annotations

import gc
import threading
import tracemalloc
from contextlib import aclosing

import h11
import pytest
import trio
import trio.testing
from support.results import without_overfit
from support.rough_client import Reply, RoughClient
from support.virtual_net import KIB, Network
from support.virtual_run import open_virtual_run
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Run
from glowback_trio.engine.reporting.result_document import equity_table, result_chunks
from glowback_trio.errors import ResourceError
from glowback_trio.memory import Memory
from glowback_trio.server.state.renderings import Draft, Rendering, Renderings
from glowback_trio.wire.tables import Chunks, ndjson_chunks

# Some 20,000 bars: some megabytes.
LONG = BacktestRequest(symbols=["AAPL"], start_date="1940-01-01", end_date="2019-12-31")


class Counted:
    """Chunks that are counted, and whether they were closed."""

    def __init__(self, count: int, size: int = 0, wait: threading.Event | None = None) -> None:
        self.made = self.drafts = 0
        self.closed = False
        self.size = size
        self._count = count
        self._wait = wait
        self._width = 1 if count < 10 else 500

    def chunks(self) -> Chunks:
        try:
            if self._wait is not None:
                self._wait.wait(10)
            for number in range(self._count):
                self.made += 1
                yield b"%d " % number * self._width
        finally:
            self.closed = True

    async def draft(self) -> Draft:
        self.drafts += 1
        return Draft(self.chunks(), self.size)


def renderings(limit: int | None = None) -> Renderings:
    return Renderings(Memory(limit).account("downloads"))


async def read_all(kept: Renderings, rendering: Rendering) -> bytes:
    return b"".join([piece async for piece in kept.body(rendering)])


async def long_one(kept: Renderings, key: object, counted: Counted) -> Rendering:
    rendering = await kept.of(key, counted.draft)
    assert isinstance(rendering, Rendering)
    return rendering


async def test_a_short_body_needs_no_file() -> None:
    counted = Counted(3)
    assert await renderings().of("k", counted.draft) == b"0 1 2 "
    assert counted.closed


async def test_who_wants_the_same_at_the_same_time_shares_what_is_written_once() -> None:
    kept, counted, got = renderings(), Counted(200), []

    async def want() -> None:
        got.append(await long_one(kept, "k", counted))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(want)
    assert (len(got), len(set(map(id, got))), counted.drafts) == (20, 1, 1)
    whole = b"".join(b"%d " % number * 500 for number in range(200))
    assert await read_all(kept, got[0]) == await read_all(kept, got[1]) == whole


async def test_a_rendering_is_gone_with_its_last_reader() -> None:
    kept, counted = renderings(), Counted(200)
    first = await long_one(kept, "k", counted)
    again = await long_one(kept, "k", counted)
    assert counted.drafts == 1
    del first, again
    await long_one(kept, "k", counted)
    assert counted.drafts == 2


async def test_a_short_body_does_not_wait_for_long_ones() -> None:
    kept, held = renderings(), threading.Event()
    slow = [Counted(200, size=1 << 30, wait=held) for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for number, counted in enumerate(slow):
            nursery.start_soon(long_one, kept, number, counted)
        await trio.testing.wait_all_tasks_blocked(0.01)
        with trio.fail_after(10):
            assert await kept.of("short", Counted(3).draft) == b"0 1 2 "
        held.set()
    # Those that wait for a place have let go of what they would write.
    assert all(counted.closed for counted in slow)


async def test_who_leaves_lets_the_next_one_write() -> None:
    kept, held = renderings(), threading.Event()
    first, second = Counted(200, wait=held), Counted(200)
    async with trio.open_nursery() as nursery:
        leaving = trio.CancelScope()

        async def want_and_leave() -> None:
            with leaving:
                await kept.of("k", first.draft)

        nursery.start_soon(want_and_leave)
        await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.start_soon(long_one, kept, "k", second)
        await trio.testing.wait_all_tasks_blocked(0.01)
        leaving.cancel()
        held.set()
    assert (first.closed, second.drafts) == (True, 1)


async def test_each_reader_holds_a_stated_amount_until_it_leaves() -> None:
    kept = renderings(600_000)
    rendering = await long_one(kept, "k", Counted(200))
    async with aclosing(kept.body(rendering)) as first:
        await anext(first)
        second = kept.body(rendering)
        with pytest.raises(ResourceError, match="memory for downloads"):
            kept.body(rendering)
    del first, second
    assert len(await read_all(kept, rendering)) == rendering.size


async def test_what_does_not_fit_into_memory_is_refused() -> None:
    kept = renderings(600_000)
    with pytest.raises(ResourceError, match="memory for downloads"):
        await kept.of("k", Counted(200, size=1 << 30).draft)


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
        assert int(reply.headers[b"content-length"]) == len(reply.body) > 1 << 20
        assert without_overfit(reply.body) == b"".join(result_chunks(run.result(), run.run_id))


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
        assert without_overfit(quick.body) == b"".join(result_chunks(run.result(), run.run_id))
        assert trio.current_time() - began > 100
        for client in slow:
            reply = await client.read_reply()
            assert reply.body == b"".join(ndjson_chunks(equity_table(run.result())))


async def test_a_client_that_does_not_read_costs_a_piece_or_two_and_is_cut(
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
        assert held / len(stalled) < 256 * KIB
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
        assert without_overfit((await client.read_reply()).body) == whole
