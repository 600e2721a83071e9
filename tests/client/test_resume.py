"""Streams from a scripted server: what is received is the run's log, or an error is raised.

Each of these changes to the client must be caught here: resuming from one event too early or too
late; taking a close with 1000 for the end although the terminal event is missing; accepting a
doubled, missing or foreign event; not comparing the digest or the count.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.scripted_server import Peer, end_of, event, follow, log_of, open_scripted_server, sends
from trio.testing import MockClock
from wsproto.events import CloseConnection

from glowback_trio.client import Retry
from glowback_trio.errors import (
    GlowbackError,
    LogError,
    UnexpectedAnswerError,
)

LOG = log_of(lines=3)


async def test_a_whole_log_comes_over_one_connection(autojump_clock: MockClock) -> None:
    async with open_scripted_server(sends(*LOG)) as (client, server):
        assert await follow(client) == LOG
        assert server.targets == ["/v1/backtests/r/stream?last_event_id=0"]


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013, None])
async def test_a_stream_without_its_terminal_event_is_resumed(
    code: int | None, autojump_clock: MockClock
) -> None:
    async with open_scripted_server(sends(*LOG[:2], close=code), sends(*LOG[2:])) as (
        client,
        server,
    ):
        retries: list[Retry] = []
        assert await follow(client, retries=retries) == LOG
        assert server.targets[1].endswith("?last_event_id=2")
        assert [retry.cursor for retry in retries] == [2]


@pytest.mark.parametrize(
    ("events", "kind", "why"),
    [
        ([LOG[0], LOG[2]], LogError, "event 3 came after event 1"),
        ([LOG[0], LOG[0]], LogError, "event 1 came after event 1"),
        ([LOG[1]], LogError, "event 2 came after event 0"),
        ([event(1, "log", {}, run_id="other")], LogError, "another log"),
        ([*LOG[:3], end_of(LOG[:2] + LOG[3:4])], LogError, "the digest"),
        ([*LOG[:3], end_of(LOG[:3], event_count=3)], LogError, "says the log has 3 events"),
        ([*LOG[:3], end_of(LOG[:3], digest=None)], LogError, "the digest"),
        (LOG[:-1], LogError, "before the log did"),
        ([], LogError, "before the log did"),
        ([b"hello"], UnexpectedAnswerError, "an event"),
        ([b"[]"], UnexpectedAnswerError, "an event"),
        ([b'{"event_id":1}'], UnexpectedAnswerError, "an event"),
        ([LOG[0].replace(b"1,", b"true,", 1)], UnexpectedAnswerError, "an event"),
        ([LOG[0].replace(b'"state","t', b'"mood","t')], UnexpectedAnswerError, "an event"),
    ],
)
async def test_a_stream_that_is_not_the_log_is_an_error(
    events: list[bytes], kind: type[GlowbackError], why: str, autojump_clock: MockClock
) -> None:
    async with open_scripted_server(sends(*events)) as (client, server):
        with pytest.raises(kind, match=why):
            await follow(client)
        assert len(server.targets) == 1


async def test_no_event_is_passed_on_that_is_not_the_next_one(autojump_clock: MockClock) -> None:
    async with (
        open_scripted_server(sends(LOG[0], LOG[2])) as (client, _server),
        client.stream("r") as events,
    ):
        assert (await anext(events)).data == LOG[0]
        with pytest.raises(LogError):
            await anext(events)
        assert events.cursor == 1


async def test_an_event_changed_on_the_way_is_detected_by_the_digest(
    autojump_clock: MockClock,
) -> None:
    changed = [LOG[0], LOG[1], LOG[2].replace(b"info", b"INFO"), *LOG[3:]]
    async with open_scripted_server(sends(*changed)) as (client, _server):
        with pytest.raises(LogError, match="law 8"):
            await follow(client)


async def test_a_log_resumed_from_its_middle_is_checked_without_the_digest(
    autojump_clock: MockClock,
) -> None:
    async with open_scripted_server(sends(*LOG[3:])) as (client, _server):
        assert await follow(client, after=3) == LOG[3:]
    async with open_scripted_server(sends(*LOG[4:])) as (client, _server):
        with pytest.raises(LogError, match="event 5 came after event 3"):
            await follow(client, after=3)


async def test_a_filtered_stream_only_has_to_rise(autojump_clock: MockClock) -> None:
    async with open_scripted_server(sends(LOG[2], close=1012), sends(LOG[4], LOG[5])) as (
        client,
        server,
    ):
        assert await follow(client, types=["log"]) == [LOG[2], LOG[4], LOG[5]]
        assert server.targets == [
            "/v1/backtests/r/stream?last_event_id=0&types=log",
            "/v1/backtests/r/stream?last_event_id=3&types=log",
        ]
    for again in (LOG[2], LOG[3]):
        async with open_scripted_server(sends(LOG[3], again)) as (client, _server):
            with pytest.raises(LogError, match="came after event 4"):
                await follow(client, types=["log"])


async def test_after_the_last_event_there_is_nothing(autojump_clock: MockClock) -> None:
    async with open_scripted_server(sends()) as (client, _server):
        assert await follow(client, after=6) == []


async def test_a_lost_close_frame_after_the_terminal_event_is_no_error(
    autojump_clock: MockClock,
) -> None:
    async with open_scripted_server(sends(*LOG, close=None)) as (client, server):
        assert await follow(client) == LOG
        assert len(server.targets) == 1


async def test_waiting_may_be_cancelled_and_repeated(autojump_clock: MockClock) -> None:
    async def slowly(peer: Peer) -> None:
        await peer.accept()
        for data in LOG:
            await trio.sleep(3)
            await peer.send_events(data)
        await peer.close()

    received: list[bytes] = []
    async with open_scripted_server(slowly) as (client, server), client.stream("r") as events:
        while len(received) < len(LOG):
            with trio.move_on_after(2):
                received.append((await anext(events)).data)
        assert received == LOG
        assert len(server.targets) == 1


async def test_closing_early_sends_a_close_frame(autojump_clock: MockClock) -> None:
    async def goes_on(peer: Peer) -> None:
        await peer.accept()
        await peer.send_events(LOG[0])
        await peer.read_to_end()

    async with open_scripted_server(goes_on) as (client, server):
        async with client.stream("r") as events:
            assert (await anext(events)).event_id == 1
        await trio.testing.wait_all_tasks_blocked()
        assert [type(each) for each in server.peers[0].received] == [CloseConnection]
