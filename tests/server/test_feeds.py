"""Feeds: what the hub reads of a run's log, and what clients receive when the hub sends it.

Rule: the expected messages are computed from the log.
"""

from __future__ import annotations

from collections.abc import Collection

import orjson
import pytest
import trio
from support import rough_client
from support.rough_client import RoughClient
from support.virtual_net import Network
from support.virtual_run import open_virtual_run
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, Run, Stream
from glowback_trio.model.events import EventType
from glowback_trio.server.state.feeds import Feeds, LogFeed
from glowback_trio.testing import open_virtual_gateway

# Eight hundred events, among them a trade or two and an end.
REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2022-01-01",
    end_date="2024-12-31",
    stream=Stream(metrics_every=1, progress_steps=1),
)


async def finished_run() -> Run:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(REQUEST)
        await run.wait_finished()
        return run


def log_of(run: Run, types: Collection[EventType] | None = None) -> list[Event]:
    log = run.events(limit=10_000)
    return [e for e in log if types is None or e.type in types or e.event_id == len(log)]


def read_out(feed: LogFeed, cursor: int = 0) -> list[tuple[list[bytes], int]]:
    """Read a feed to its end; return each read's messages and the cursor after them."""
    reads = []
    while not feed.ended(cursor):
        messages, after = feed.read(cursor)
        assert after > cursor, "a feed that has not ended must move"
        reads.append((list(messages), cursor := after))
    assert feed.read(cursor) == ([], cursor)
    return reads


@pytest.mark.parametrize("types", [None, ("trade",), ("metric", "log"), ("state",)])
@pytest.mark.parametrize("batch", [None, 7])
async def test_a_feed_read_to_its_end_is_the_filtered_log(
    types: tuple[EventType, ...] | None, batch: int | None, autojump_clock: MockClock
) -> None:
    run = await finished_run()
    messages = [m for part, _ in read_out(LogFeed(run, types, batch)) for m in part]
    wanted = [event.data for event in log_of(run, types)]
    if batch is None:
        assert messages == wanted
    else:
        assert b",".join(message[1:-1] for message in messages) == b",".join(wanted)
        assert max(len(orjson.loads(message)) for message in messages) <= batch


async def test_a_feed_moves_over_what_it_leaves_out(autojump_clock: MockClock) -> None:
    run = await finished_run()
    trades: tuple[EventType, ...] = ("trade",)
    [(messages, cursor)] = read_out(LogFeed(run, trades, None))
    assert cursor == run.status.event_count > 768, "of which few are trades, so one read is enough"
    kinds = [orjson.loads(message)["type"] for message in messages]
    assert kinds == ["trade"] * (len(kinds) - 1) + ["state"]


async def test_a_feed_has_ended_at_the_last_event_and_not_before(
    autojump_clock: MockClock,
) -> None:
    run = await finished_run()
    feed, newest = LogFeed(run, None, None), run.status.event_count
    assert [feed.ended(newest - 1), feed.ended(newest)] == [False, True]


async def test_one_read_is_about_as_much_as_one_write(autojump_clock: MockClock) -> None:
    run = await finished_run()
    feed = LogFeed(run, None, None)
    sizes = [sum(map(len, messages)) for messages, _ in read_out(feed)]
    largest = max(len(event.data) for event in log_of(run))
    assert all(64 * 1024 <= size < 64 * 1024 + largest for size in sizes[:-1])


@pytest.mark.parametrize("limit", [1, 200, 2048, 32 * 1024])
async def test_a_batch_is_as_full_as_its_bounds_let_it_be(
    limit: int, autojump_clock: MockClock
) -> None:
    """Events go alone where they exceed the bound by themselves, and no event is lost or split."""
    run = await finished_run()
    log = [event.data for event in log_of(run)]
    feed = LogFeed(run, None, 1000, max_message_bytes=limit)
    for messages, after in read_out(feed):
        counts = [len(orjson.loads(message)) for message in messages]
        assert all(len(m) <= limit or n == 1 for m, n in zip(messages, counts, strict=True))
        # The first event of the next message would not have fitted.
        first = after - sum(counts)
        for message, count in zip(messages[:-1], counts, strict=False):
            first += count
            assert len(message) + 1 + len(log[first]) > limit
    sent = b",".join(message[1:-1] for part, _ in read_out(feed) for message in part)
    assert sent == b",".join(log)


async def test_streams_of_the_same_form_share_a_feed_while_one_of_them_is_open(
    autojump_clock: MockClock,
) -> None:
    run, other = await finished_run(), await finished_run()
    feeds = Feeds(max_message_bytes=4096)
    feed = feeds.of(run, ["trade", "log"], None)
    assert feeds.of(run, ["log", "trade"], None) is feed
    assert feeds.of(run, ["log"], None) is not feed
    assert feeds.of(run, ["trade", "log"], 5) is not feed
    assert feeds.of(run, ["trade", "log"], None, quiet=9) is not feed
    assert feeds.of(other, ["trade", "log"], None).source is other
    assert feed.max_message_bytes == 4096


async def stream(network: Network, run: Run, query: str) -> RoughClient:
    client = RoughClient(network.connect())
    await client.upgrade(f"/backtests/{run.run_id}/stream?{query}".encode())
    return client


async def read_text(client: RoughClient) -> dict[str, object] | None:
    """Return the next message; None at the end of the stream."""
    while True:
        match await client.read_frame():
            case (rough_client.TEXT, payload):
                message: dict[str, object] = orjson.loads(payload)
                return message
            case (rough_client.PING, payload):
                await client.send(rough_client.frame(rough_client.PONG, payload))
            case (opcode, payload):
                assert (opcode, payload[:2]) == (rough_client.CLOSE, (1000).to_bytes(2, "big"))
                client.stream.close()
                return None


async def test_a_stream_resumes_at_its_heartbeat_with_another_filter(
    autojump_clock: MockClock,
) -> None:
    """The heartbeat covers events that the filter of the first stream left out."""
    paced = BacktestRequest(
        symbols=["AAPL"],
        start_date="2024-01-01",
        end_date="2024-03-31",
        stream=Stream(metrics_every=1, pace_bars_per_s=0.77),  # no bar at ten seconds or twenty
    )
    async with open_virtual_run(paced) as (network, run):
        first = await stream(network, run, "types=state&heartbeat=10")
        received = [await read_text(first) for _ in range(4)]
        covered = run.status.event_count
        first.stream.close()
        assert received[-1] == {"type": "heartbeat", "event_id": covered}
        assert trio.current_time() == 20
        second = await stream(network, run, f"last_event_id={covered}&types=metric")
        rest = []
        while (message := await read_text(second)) is not None:
            rest.append(message)
        log = [event.decode() for event in log_of(run)]
    assert received[:2] == log[:2]
    assert rest == [e for e in log[covered:] if e["type"] == "metric" or e is log[-1]]
