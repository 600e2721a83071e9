"""Outages: when a client reconnects, for how long, and which refusals it takes as final.

Rule: the server is scripted and time is virtual, so that every delay is known exactly.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
from support.scripted_server import (
    Peer,
    Scene,
    follow,
    log_of,
    open_scripted_server,
    rejects,
    sends,
)
from trio.testing import MockClock
from wsproto.events import CloseConnection, Ping, Pong

from glowback_trio.client import Retry, open_client
from glowback_trio.errors import (
    GlowbackError,
    InvalidRequestError,
    ServerRefusedError,
    UnknownRunError,
    UnreachableError,
)

LOG = log_of(lines=3)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
async def test_a_server_error_is_retried(status: int, autojump_clock: MockClock) -> None:
    async with open_scripted_server(rejects(status), sends(*LOG)) as (client, server):
        assert await follow(client) == LOG
        assert len(server.targets) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 426])
async def test_a_refusal_is_final_and_says_why(status: int, autojump_clock: MockClock) -> None:
    body = b'{"error":{"code":"forbidden","message":"not you","details":null},"request_id":"1"}'
    async with open_scripted_server(rejects(status, body)) as (client, server):
        with pytest.raises(ServerRefusedError, match=f"{status}: not you") as caught:
            await follow(client)
        assert (caught.value.status, caught.value.reason) == (status, "forbidden")
        assert len(server.targets) == 1


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":1}', b'{"error":{}}'])
async def test_a_refusal_may_have_no_reason(body: bytes, autojump_clock: MockClock) -> None:
    async with open_scripted_server(rejects(403, body)) as (client, _server):
        with pytest.raises(ServerRefusedError, match="403"):
            await follow(client)


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        (1008, "run not found", UnknownRunError),
        (1008, "too many messages", ServerRefusedError),
        (4400, "last_event_id is ahead of the log", ServerRefusedError),
        (4401, "not you", ServerRefusedError),
    ],
)
async def test_a_final_close_code_is_not_retried(
    code: int, reason: str, error: type[GlowbackError], autojump_clock: MockClock
) -> None:
    async with open_scripted_server(sends(close=code, reason=reason)) as (client, server):
        with pytest.raises(error):
            await follow(client)
        assert len(server.targets) == 1


async def test_a_server_that_does_not_close_after_the_end_is_left_in_two_seconds(
    autojump_clock: MockClock,
) -> None:
    async def lingers(peer: Peer) -> None:
        await peer.accept()
        await peer.send_events(*LOG)
        await peer.read_to_end()

    async with open_scripted_server(lingers) as (client, server):
        assert await follow(client) == LOG
        assert trio.current_time() == pytest.approx(2)
        await trio.testing.wait_all_tasks_blocked()
        assert [type(each) for each in server.peers[0].received] == [CloseConnection]


async def test_delays_double_up_to_five_seconds_and_vary_by_half(autojump_clock: MockClock) -> None:
    scenes = [rejects(503)] * 8
    async with open_scripted_server(*scenes, jitter=lambda: 0.5) as (client, _server):
        retries: list[Retry] = []
        with pytest.raises(UnreachableError):
            await follow(client, retry_for=25, retries=retries)
    delays = [retry.delay for retry in retries]
    assert delays[:7] == pytest.approx([0.1875, 0.375, 0.75, 1.5, 3, 3.75, 3.75])


@pytest.mark.parametrize("retry_for", [0.0, 1.0, 60.0])
async def test_an_outage_is_given_up_after_its_limit(
    retry_for: float, autojump_clock: MockClock
) -> None:
    async with open_scripted_server() as (client, server):
        with pytest.raises(UnreachableError, match="connection refused"):
            await follow(client, retry_for=retry_for)
        assert trio.current_time() == pytest.approx(retry_for)
        assert server.times[-1] == pytest.approx(retry_for)


async def test_an_event_ends_an_outage(autojump_clock: MockClock) -> None:
    scenes: list[Scene] = [sends(data, close=1012) for data in LOG[:-1]]
    async with open_scripted_server(*scenes, sends(LOG[-1]), jitter=lambda: 1) as (client, _server):
        assert await follow(client, retry_for=0.3) == LOG
        assert trio.current_time() == pytest.approx(0.25 * (len(LOG) - 1))


async def test_a_run_may_be_silent_longer_than_an_outage_may_last(
    autojump_clock: MockClock,
) -> None:
    def quiet(*events: bytes) -> Scene:
        async def scene(peer: Peer) -> None:
            await peer.accept()
            await trio.sleep(25)
            await peer.send(Ping())
            await trio.sleep(25)
            await peer.send_events(*events)
            await peer.close(1012)

        return scene

    scenes = quiet(), quiet(), quiet(), sends(*LOG)
    async with open_scripted_server(*scenes) as (client, _server):
        assert await follow(client, retry_for=30) == LOG


async def test_a_server_that_accepts_and_drops_connections_is_given_up(
    autojump_clock: MockClock,
) -> None:
    async with open_scripted_server(*[sends(close=1012)] * 50) as (client, _server):
        with pytest.raises(ServerRefusedError, match="1012"):
            await follow(client, retry_for=20)
        assert trio.current_time() == pytest.approx(20)


async def test_a_silent_server_is_pinged_and_then_left(autojump_clock: MockClock) -> None:
    async def falls_silent(peer: Peer) -> None:
        await peer.accept()
        await peer.send_events(LOG[0])
        await trio.sleep_forever()

    async with open_scripted_server(falls_silent, sends(*LOG[1:])) as (client, _server):
        retries: list[Retry] = []
        assert await follow(client, retries=retries) == LOG
        assert retries[0].why == "the server has been silent for 40 s"


async def test_a_quiet_server_that_answers_pings_is_kept(autojump_clock: MockClock) -> None:
    async def answers(peer: Peer) -> None:
        await peer.accept()
        for _ in range(3):
            peer.protocol.receive_data(bytes(await peer.stream.receive_some()))
            await peer.send(
                *(each.response() for each in peer.protocol.events() if isinstance(each, Ping))
            )
        await peer.send_events(*LOG)
        await peer.close()

    async with open_scripted_server(answers) as (client, server):
        assert await follow(client) == LOG
        assert trio.current_time() == pytest.approx(90)
        assert len(server.targets) == 1


async def test_pings_are_answered(autojump_clock: MockClock) -> None:
    async def serve(peer: Peer) -> None:
        await peer.accept()
        await peer.send(Ping(b"there?"))
        await peer.send_events(*LOG)
        await peer.close()

    async with open_scripted_server(serve) as (client, server):
        assert await follow(client) == LOG
        assert Pong(b"there?") in [
            Pong(bytes(e.payload)) for e in server.peers[0].received if isinstance(e, Pong)
        ]


async def test_no_url_is_built_from_an_invalid_id(autojump_clock: MockClock) -> None:
    async with open_scripted_server() as (client, server):
        for run_id in ("", ".", "..", "a/b", "a?b", "é", "a" * 200):
            with pytest.raises(UnknownRunError):
                await client.delete(run_id)
        assert server.times == []


@pytest.mark.parametrize("url", ["", "server", "ftp://server", "http://", "http://a/?b=c"])
async def test_a_url_of_no_server_is_refused_at_once(url: str, autojump_clock: MockClock) -> None:
    with pytest.raises(InvalidRequestError, match="url"):
        async with open_client(url):
            pass
