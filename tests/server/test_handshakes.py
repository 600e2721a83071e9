"""WebSocket handshakes as ASGI defines them, without a server of ours.

Rule: the app is called with a scope and two functions, as any ASGI server would call it.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import trio

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.model.events import Event
from glowback_trio.server import Settings, create_app
from glowback_trio.server.streaming.run_stream import StreamQuery

Messages = list[dict[str, Any]]


def handshake(path: str, **others: Any) -> dict[str, Any]:
    """Return the ASGI scope of a handshake, from a server without extensions."""
    known = {"type": "websocket", "path": path, "query_string": b"", "headers": []}
    return known | {"scheme": "ws", "client": ("127.0.0.1", 1)} | others


async def messages_to(gateway: Gateway, scope: dict[str, Any], **settings: Any) -> Messages:
    """Return what the app sends to a client that sends nothing."""
    sent: Messages = []

    async def send(message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    with trio.fail_after(10):
        app: Any = create_app(gateway, Settings(**settings))
        await app(scope, trio.sleep_forever, send)
    return sent


async def test_a_server_without_a_hub_is_sent_every_event(gateway: Gateway, finished: Run) -> None:
    first, *rest, last = await messages_to(
        gateway, handshake(f"/backtests/{finished.run_id}/stream")
    )
    log: list[Event] = list(finished.events(limit=10_000))
    assert first["type"] == "websocket.accept"
    assert [message["text"].encode() for message in rest] == [event.data for event in log]
    assert (last["type"], last["code"]) == ("websocket.close", 1000)


async def test_a_stream_is_found_where_the_app_is_mounted(gateway: Gateway, finished: Run) -> None:
    path = f"/desk/v1/backtests/{finished.run_id}/stream"
    first, *_ = await messages_to(gateway, handshake(path, root_path="/desk"))
    assert first["type"] == "websocket.accept"


@pytest.mark.parametrize(
    ("path", "settings", "status"),
    [
        ("/nowhere", {}, 404),
        ("/healthz", {}, 404),
        ("/v1/backtests", {}, 404),
        ("/backtests/some-run/stream", {"api_keys": ("k",)}, 401),
        ("/v1/backtests/some-run/stream", {"allowed_hosts": ("elsewhere",)}, 400),
    ],
)
async def test_what_is_refused_is_answered_as_a_request_would_be(
    gateway: Gateway, path: str, settings: dict[str, Any], status: int
) -> None:
    start, body = await messages_to(gateway, handshake(path), **settings)
    assert (start["type"], start["status"]) == ("websocket.http.response.start", status)
    headers = dict(start["headers"])
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert int(headers[b"content-length"]) == len(body["body"])
    assert ("request_id" in orjson.loads(body["body"])) == path.startswith("/v1")


async def test_a_client_that_leaves_ends_its_stream(gateway: Gateway, endless: Run) -> None:
    sent: Messages = []
    left = trio.Event()

    async def send(message: dict[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        sent.append(message)

    async def receive() -> dict[str, Any]:
        await left.wait()
        return {"type": "websocket.disconnect", "code": 1006}

    app: Any = create_app(gateway)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(app, handshake(f"/backtests/{endless.run_id}/stream"), receive, send)
        while endless.subscribers == 0:
            await trio.lowlevel.checkpoint()
        left.set()
    assert endless.subscribers == 0
    assert sent[0]["type"] == "websocket.accept"


async def test_a_fault_before_the_handshake_is_a_500_and_after_it_a_1011(
    gateway: Gateway, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = handshake(f"/backtests/{finished.run_id}/stream")
    monkeypatch.setattr(Run, "subscribe", fail)
    accepted, closed = await messages_to(gateway, dict(scope))
    assert (accepted["type"], closed["code"]) == ("websocket.accept", 1011)
    monkeypatch.setattr(StreamQuery, "__init__", fail)
    start, body = await messages_to(gateway, {**scope, "query_string": b"batch=2"})
    assert start["status"] == 500
    assert b"inside" not in body["body"]


def fail(*_: object, **__: object) -> None:
    raise RuntimeError("inside")
