"""The follower against a server that keeps to a script, misbehaviour included."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import orjson
import pytest
import trio
import trio.testing
from trio_websocket import ConnectionClosed, WebSocketConnection, WebSocketRequest, serve_websocket
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, Ping, Request

from glowback_trio.cli.follower import Ended, Follower, Refused
from glowback_trio.cli.websocket import Broken, WebSocket
from glowback_trio.model.events import encode
from glowback_trio.model.laws import Digest
from glowback_trio.model.lifecycle import State

CERTIFICATE = Path(__file__).parents[1] / "serving" / "localhost.pem"

Scene = Callable[[WebSocketRequest], Awaitable[None]]

QUEUED = encode(1, "r", "state", "2024-01-02T00:00:00.000000Z", b'{"state":"queued"}').data
RUNNING = encode(2, "r", "state", "2024-01-02T00:00:00.000000Z", b'{"state":"running"}').data


def ended(state: str, *before: bytes, error: str | None = None) -> bytes:
    digest = Digest()
    for data in before:
        digest.add(data)
    payload = {"state": state, "error": error, "event_count": 3, "digest": str(digest)}
    return encode(3, "r", "state", "2024-01-02T00:00:00.000000Z", orjson.dumps(payload)).data


COMPLETED = ended("completed", QUEUED, RUNNING)


def tell(*events: bytes, close: int = 1000, reason: str = "") -> Scene:
    async def scene(request: WebSocketRequest) -> None:
        socket: WebSocketConnection = await request.accept()
        for event in events:
            await socket.send_message(event.decode())
        await socket.aclose(close, reason)

    return scene


def reject(status: int, body: bytes = b"") -> Scene:
    async def scene(request: WebSocketRequest) -> None:
        await request.reject(status, body=body)

    return scene


@asynccontextmanager
async def playing(
    *scenes: Scene, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Follower, list[bytes], list[str]]]:
    """Serve one scene per connection, and record what each connection asked for."""
    asked: list[str] = []
    received: list[bytes] = []
    remaining = iter(scenes)

    async def handle(request: WebSocketRequest) -> None:
        asked.append(request.path)
        with suppress(ConnectionClosed):  # the follower may leave in the middle of a scene
            await next(remaining)(request)

    async with trio.open_nursery() as nursery:
        with trio.fail_after(30):
            server = await nursery.start(partial(serve_websocket, handle, "127.0.0.1", 0, tls))
            origin = (
                f"ws://127.0.0.1:{server.port}" if tls is None else f"wss://localhost:{server.port}"
            )
            url = f"{origin}/backtests/r/stream"
            yield Follower(url, [], 0, received.append), received, asked
        nursery.cancel_scope.cancel()


async def follow(follower: Follower, retry_for: float = 20) -> Ended | Refused:
    return await follower.follow(retry_for=retry_for, jitter=lambda: 0, say=lambda _: None)


async def test_a_whole_log_is_received_over_one_connection() -> None:
    async with playing(tell(QUEUED, RUNNING, COMPLETED)) as (follower, received, asked):
        assert await follow(follower) == Ended(State.COMPLETED)
        assert received == [QUEUED, RUNNING, COMPLETED]
        assert asked == ["/backtests/r/stream?last_event_id=0"]


@pytest.mark.parametrize("code", [1001, 1011, 1012, 1013])
async def test_a_stream_closed_without_its_end_is_resumed(code: int) -> None:
    async with playing(tell(QUEUED, close=code), tell(RUNNING, COMPLETED)) as (
        follower,
        received,
        asked,
    ):
        assert await follow(follower) == Ended(State.COMPLETED)
        assert received == [QUEUED, RUNNING, COMPLETED]
        assert asked[1].endswith("?last_event_id=1")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_server_in_trouble_is_tried_again(status: int) -> None:
    scenes = reject(status), tell(QUEUED, RUNNING, COMPLETED)
    async with playing(*scenes) as (follower, _received, asked):
        assert await follow(follower) == Ended(State.COMPLETED)
        assert len(asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_refusal_is_final_and_says_why(status: int) -> None:
    async with playing(reject(status, b'{"detail":"not you"}')) as (follower, _received, _asked):
        assert await follow(follower) == Refused(f"the server answered {status}: not you")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"error":1}'])
async def test_a_refusal_need_not_say_why(body: bytes) -> None:
    async with playing(reject(403, body)) as (follower, _received, _asked):
        assert await follow(follower) == Refused("the server answered 403")


@pytest.mark.parametrize(("code", "reason"), [(1008, "run not found"), (4400, "ahead")])
async def test_a_close_that_will_not_change_is_final(code: int, reason: str) -> None:
    async with playing(tell(close=code, reason=reason)) as (follower, _received, _asked):
        assert await follow(follower) == Refused(f"the server closed the stream: {reason} ({code})")


@pytest.mark.parametrize("state", ["failed", "cancelled"])
async def test_a_run_without_result_ends_with_its_reason(state: str) -> None:
    end = ended(state, QUEUED, RUNNING, error="so it is")
    async with playing(tell(QUEUED, RUNNING, end)) as (follower, _received, _asked):
        assert await follow(follower) == Ended(State(state), "so it is")


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([QUEUED, COMPLETED], "event 3 came after event 1"),
        ([QUEUED, QUEUED], "event 1 came after event 1"),
        ([QUEUED, RUNNING, ended("completed", QUEUED)], "the events' digest is sha256:"),
        ([b"hello"], "the server sent something that is not an event"),
        ([b'{"event_id":1}'], "the server sent something that is not an event"),
        ([b"[]"], "the server sent something that is not an event"),
    ],
)
async def test_what_is_not_the_log_is_refused_and_not_passed_on(
    events: list[bytes], why: str
) -> None:
    async with playing(tell(*events)) as (follower, received, _asked):
        outcome = await follow(follower)
        assert isinstance(outcome, Refused)
        assert outcome.why.startswith(why)
        assert received == events[:-1]


async def test_a_resumed_log_is_not_held_against_a_digest_it_cannot_know() -> None:
    async with playing(tell(RUNNING, COMPLETED)) as (follower, received, _asked):
        resumed = Follower(follower.url, [], 1, received.append)
        assert await follow(resumed) == Ended(State.COMPLETED)


async def test_nothing_after_the_cursor_is_an_end_that_was_not_told() -> None:
    async with playing(tell()) as (follower, _received, _asked):
        assert await follow(Follower(follower.url, [], 3, lambda _: None)) == Ended(None)


async def test_a_lost_connection_is_given_up_when_its_time_is_over() -> None:
    async with playing(reject(503)) as (follower, _received, asked):
        outcome = await follow(follower, retry_for=0)
        assert outcome == Refused("the server answered 503; there was no event for 0 s")
        assert len(asked) == 1


async def test_a_secure_server_is_followed_when_its_certificate_is_trusted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(CERTIFICATE)
    scene = tell(QUEUED, RUNNING, COMPLETED)
    async with playing(scene, tls=tls) as (follower, received, _asked):
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
        assert await follow(follower) == Ended(State.COMPLETED)
        assert len(received) == 3


async def test_what_is_said_to_be_secure_and_is_not_is_no_connection() -> None:
    async def speak_plainly(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 400 \r\n\r\n")

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(
            partial(trio.serve_tcp, speak_plainly, 0, host="127.0.0.1")
        )
        url = f"wss://127.0.0.1:{listener.socket.getsockname()[1]}/"
        outcome = await follow(Follower(url, [], 0, lambda _: None), retry_for=0)
        nursery.cancel_scope.cancel()
    assert isinstance(outcome, Refused)
    assert outcome.why.startswith("no connection: [SSL")


async def test_a_silent_server_is_asked_and_then_left(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    async with ours, theirs:
        socket, server = WebSocket(ours), WSConnection(ConnectionType.SERVER)
        await socket.send(Request("example.org", "/"))
        server.receive_data(bytes(await theirs.receive_some()))
        await theirs.send_all(server.send(AcceptConnection()))
        assert await socket.receive() == Broken("the server has been silent for 40 s")
        assert trio.current_time() == pytest.approx(40)
        server.receive_data(bytes(await theirs.receive_some()))
        assert isinstance(list(server.events())[-1], Ping)
