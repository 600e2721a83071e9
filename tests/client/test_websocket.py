"""The client's WebSocket on connections that break, stall, dribble bytes, or violate the protocol.

Rule: whatever the connection does, the events received are the log, or the loss is noticed.
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
    resumes,
    sends,
)
from trio.testing import MockClock
from wsproto.events import AcceptConnection, BytesMessage, Ping, TextMessage

from glowback_trio.client import Retry
from glowback_trio.errors import UnreachableError
from glowback_trio.testing import cancel_at_every_step

LOG = log_of(lines=1)


def whole_answer(peer: Peer) -> bytes:
    """Return all bytes that the real server sends, from the handshake to the last event."""
    messages = (TextMessage(data.decode()) for data in LOG)
    return b"".join(peer.protocol.send(each) for each in (AcceptConnection(), *messages))


def cut_after(count: int, lengths: list[int]) -> Scene:
    async def scene(peer: Peer) -> None:
        answer = whole_answer(peer)
        lengths.append(len(answer))
        await peer.stream.send_all(answer[:count])

    return scene


async def test_a_stream_cut_after_any_byte_is_whole(autojump_clock: MockClock) -> None:
    lengths: list[int] = []
    count = 0
    async with open_scripted_server() as (client, server):
        while not lengths or count <= lengths[0]:
            server.scenes = [cut_after(count, lengths), resumes(LOG)]
            assert await follow(client) == LOG
            count += 1
    assert count > sum(map(len, LOG))


async def test_a_stream_that_comes_byte_by_byte_is_the_same(autojump_clock: MockClock) -> None:
    async def dribbles(peer: Peer) -> None:
        for byte in whole_answer(peer):
            await peer.stream.send_all(bytes([byte]))
            await trio.testing.wait_all_tasks_blocked()
        await peer.close()

    async with open_scripted_server(dribbles) as (client, server):
        assert await follow(client) == LOG
        assert len(server.targets) == 1


async def test_messages_may_be_fragmented_or_binary(autojump_clock: MockClock) -> None:
    async def fragments(peer: Peer) -> None:
        await peer.accept()
        for data in LOG:
            text = data.decode()
            await peer.send(TextMessage(text[:9], message_finished=False), Ping())
            await peer.send(TextMessage(text[9:]))
        await peer.close()

    async def binary(peer: Peer) -> None:
        await peer.accept()
        await peer.send(*map(BytesMessage, LOG))
        await peer.close()

    for scene in (fragments, binary):
        async with open_scripted_server(scene) as (client, _server):
            assert await follow(client) == LOG


async def test_events_before_an_unanswerable_ping_are_kept(
    autojump_clock: MockClock,
) -> None:
    async def leaves(peer: Peer) -> None:
        await peer.accept()
        await peer.send(Ping(), *(TextMessage(data.decode()) for data in LOG))

    async with open_scripted_server(leaves) as (client, server):
        assert await follow(client) == LOG
        assert len(server.targets) == 1


OTHER_TOKEN = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: bm90IHlvdXJz\r\n\r\n"
)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (OTHER_TOKEN, "another protocol than WebSocket"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no connection"),
        (b"", "no connection"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\nhalf a bo", "no connection"),
    ],
)
async def test_a_wrong_handshake_is_a_lost_connection(
    answer: bytes, why: str, autojump_clock: MockClock
) -> None:
    async def says(peer: Peer) -> None:
        await peer.stream.send_all(answer)

    async with open_scripted_server(says, sends(*LOG)) as (client, _server):
        retries: list[Retry] = []
        assert await follow(client, retries=retries) == LOG
        assert why in retries[0].why


async def test_a_frame_that_breaks_the_protocol_is_a_lost_connection(
    autojump_clock: MockClock,
) -> None:
    async def garbles(peer: Peer) -> None:
        await peer.accept()
        await peer.send_events(LOG[0])
        await peer.stream.send_all(b"\xff\xff\xff\xff")

    async with open_scripted_server(garbles, resumes(LOG)) as (client, server):
        assert await follow(client) == LOG
        assert server.targets[1].endswith("=1")


async def test_a_server_that_never_answers_the_handshake_is_left(
    autojump_clock: MockClock,
) -> None:
    async def stares(_peer: Peer) -> None:
        await trio.sleep_forever()

    async with open_scripted_server(stares, silent_for=7) as (client, _server):
        with pytest.raises(UnreachableError, match="did not respond in time"):
            await follow(client, retry_for=0)
        assert trio.current_time() == pytest.approx(7)


async def test_closing_on_a_server_that_does_not_read_takes_two_seconds(
    autojump_clock: MockClock,
) -> None:
    async def turns_deaf(peer: Peer) -> None:
        await peer.accept()
        await peer.send_events(LOG[0])
        await trio.sleep_forever()

    async with open_scripted_server(turns_deaf) as (client, server):
        server.pair = trio.testing.lockstep_stream_pair
        async with client.stream("r") as events:
            assert (await anext(events)).data == LOG[0]
        assert trio.current_time() == pytest.approx(2)


def test_a_cancellation_at_any_step_leaves_a_log_that_can_be_resumed() -> None:
    received: dict[int, bytes] = {}

    async def scenario() -> None:
        received.clear()
        async with (
            open_scripted_server(sends(*LOG[:3], close=1012), resumes(LOG)) as (client, _server),
            client.stream("r") as events,
        ):
            async for event in events:
                received[event.event_id] = event.data

    def check() -> None:
        assert list(received.values()) == LOG[: len(received)]

    steps = cancel_at_every_step(scenario, check=check)
    assert steps > 40
    assert len(received) == len(LOG)
