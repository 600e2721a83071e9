"""Streams of optimizations: what holds for the streams of runs holds for those of attempts.

Rule: the expected events are read from the attempt's own log; every transport gives its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable

import httpx2
import orjson
import pytest
import trio
from quart.typing import TestClientProtocol as Client
from support.served import Serve
from support.served_searches import ended
from support.watcher import Watcher, connected

from glowback_trio.actors import Gateway, Optimization
from glowback_trio.model.events import OPTIMIZATION_EVENT_TYPES
from glowback_trio.model.invariants import Digest

Watch = Callable[..., Awaitable[Watcher]]

NDJSON = {"Accept": "application/x-ndjson"}
SSE = {"Accept": "text/event-stream"}


def events_path(optimization: Optimization, query: str = "") -> str:
    return f"/optimizations/{optimization.optimization_id}/events?{query}"


def stream_url(url: str, optimization: Optimization, query: str = "") -> str:
    return f"{url}/optimizations/{optimization.optimization_id}/stream?{query}"


def data_of(stream: str) -> list[str]:
    """The data lines of server-sent events."""
    return re.findall(r"^data: (.*)$", stream, re.MULTILINE)


async def log_of(optimization: Optimization, attempt: int | None = None) -> list[bytes]:
    events = await optimization.attempt(attempt).load_events(limit=10_000)
    return [event.data for event in events]


async def two_attempts(gateway: Gateway, optimization: Optimization) -> None:
    """Cancel a paused optimization before its first trial, and let a second attempt complete."""
    optimization.cancel("by a test")
    await optimization.wait_finished()
    optimization.resume()
    await optimization.wait_finished()


async def test_all_forms_of_an_interval_are_the_same_bytes(
    url: str, http: httpx2.AsyncClient, completed: Optimization, watch: Watch
) -> None:
    newest = completed.status.event_count
    for after in (0, 5, newest - 1):
        socket = await watch(stream_url(url, completed, f"last_event_id={after}"))
        listed = await http.get(events_path(completed, f"after={after}"))
        lines = await http.get(events_path(completed, f"after={after}"), headers=NDJSON)
        sent = await http.get(events_path(completed, f"after={after}"), headers=SSE)
        assert [text.encode() for text in socket.messages] == (await log_of(completed))[after:]
        assert listed.text == "[" + ",".join(socket.messages) + "]"
        assert lines.text == "".join(message + "\n" for message in socket.messages)
        assert data_of(sent.text) == socket.messages
        assert socket.code == 1000


async def test_the_first_event_is_pending_and_the_last_has_the_digest(
    http: httpx2.AsyncClient, completed: Optimization
) -> None:
    *before, last = (await http.get(events_path(completed), headers=NDJSON)).content.splitlines()
    digest = Digest()
    for line in before:
        digest.add(line)
    first, end = orjson.loads(before[0]), orjson.loads(last)
    assert first["payload"]["state"] == "pending"
    assert (first["payload"]["attempt"], first["payload"]["trials_taken_over"]) == (1, 0)
    assert end["payload"]["digest"] == str(digest)
    assert end["payload"]["event_count"] == len(before) + 1
    assert {orjson.loads(line)["run_id"] for line in before} == {completed.optimization_id}


async def test_twenty_streams_at_once_are_equal_whatever_carries_them(
    url: str, paused: Optimization
) -> None:
    received: list[list[bytes]] = []

    async def over_websocket(after_pings: int) -> None:
        watcher = Watcher()
        query = f"heartbeat={after_pings}"

        async with connected(stream_url(url, paused, query)) as socket:
            await watcher.follow(socket)
        texts = [text.encode() for text in watcher.messages]
        received.append([text for text in texts if b'"type":"heartbeat"' not in text])
        assert watcher.code == 1000

    async def over_sse(client: httpx2.AsyncClient) -> None:
        sent = await client.get(events_path(paused), headers=SSE)
        received.append([text.encode() for text in data_of(sent.text)])

    async def over_ndjson(client: httpx2.AsyncClient) -> None:
        lines: list[bytes] = []
        while not lines or b'"digest":"sha256:' not in lines[-1]:
            path = events_path(paused, f"after={len(lines)}&limit=7")
            new = (await client.get(path, headers=NDJSON)).content.splitlines()
            lines += new
            # It may have ended while the response was on its way: then it rings no more.
            if not new and not paused.finished:
                await paused.attempt().broadcaster.wait_ring()
        received.append(lines)

    with trio.fail_after(30):
        async with (
            httpx2.AsyncClient(base_url=url, timeout=30) as client,
            trio.open_nursery() as nursery,
        ):
            for number in range(8):
                nursery.start_soon(over_websocket, number + 1)
            for _ in range(6):
                nursery.start_soon(over_sse, client)
                nursery.start_soon(over_ndjson, client)
            paused.resume()
    assert len(received) == 20
    assert all(log == received[0] for log in received)
    assert received[0] == await log_of(paused)


async def test_filters_take_the_types_of_optimizations_and_no_others(
    client: Client, completed: Optimization
) -> None:
    for kind in OPTIMIZATION_EVENT_TYPES:
        response = await client.get(events_path(completed, f"types={kind}"))
        assert {event["type"] for event in await response.get_json()} <= {kind, "state"}
    for wrong in ("trade", "metric", "order", "nothing"):
        response = await client.get(events_path(completed, f"types={wrong}"))
        assert response.status_code == 422
    response = await client.get("/backtests/x/events?types=trial")
    assert response.status_code == 422


async def test_links_name_the_attempt_and_lead_through_one_log(
    client: Client, gateway: Gateway, paused: Optimization
) -> None:
    paused.cancel("by a test")
    await paused.wait_finished()
    page, seen, pages = f"/v1{events_path(paused, 'limit=1')}", list[int](), 0
    while page:
        response = await client.get(page)
        seen += [event["event_id"] for event in await response.get_json()]
        page = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert not page or "attempt=1" in page
        if not pages:
            paused.resume()
            await paused.wait_finished()
        pages += 1
    assert seen == list(range(1, paused.attempt(1).status.event_count + 1))


async def test_each_attempt_has_a_stream_of_its_own(
    url: str, gateway: Gateway, paused: Optimization, watch: Watch
) -> None:
    await two_attempts(gateway, paused)
    logs = {None: 2, 1: 1, 2: 2}
    for asked, number in logs.items():
        query = "" if asked is None else f"attempt={asked}"
        socket = await watch(stream_url(url, paused, query))
        assert [text.encode() for text in socket.messages] == await log_of(paused, number)
        assert orjson.loads(socket.messages[0])["payload"]["attempt"] == number


async def test_an_unknown_attempt_is_not_found(
    url: str, client: Client, completed: Optimization, watch: Watch
) -> None:
    response = await client.get(events_path(completed, "attempt=2"))
    assert response.status_code == 404
    assert "attempts 1 to 1, not 2" in (await response.get_json())["detail"]
    socket = await watch(stream_url(url, completed, "attempt=2"))
    assert (socket.code, socket.reason) == (1008, "attempt not found")
    socket = await watch(f"{url}/optimizations/nobody/stream")
    assert (socket.code, socket.reason) == (1008, "optimization not found")


@pytest.mark.parametrize("query", ["attempt=0", "attempt=x", "attempt=1.5", "attempts=1"])
async def test_a_bad_attempt_is_422(client: Client, completed: Optimization, query: str) -> None:
    response = await client.get(events_path(completed, query))
    assert response.status_code == 422


async def test_a_cursor_ahead_of_the_attempts_log_is_refused(
    url: str, client: Client, completed: Optimization, watch: Watch
) -> None:
    response = await client.get(f"/v1{events_path(completed, 'after=9999')}")
    assert response.status_code == 409
    assert (await response.get_json())["error"]["code"] == "cursor_ahead"
    socket = await watch(stream_url(url, completed, "last_event_id=9999"))
    assert socket.code == 4400


async def test_a_stream_goes_on_without_a_seam_where_another_broke_off(
    url: str, completed: Optimization, watch: Watch
) -> None:
    first = await watch(stream_url(url, completed), count=7)
    rest = await watch(stream_url(url, completed, "last_event_id=7&batch=5"))
    later = [event for batch in rest.messages for event in orjson.loads(batch)]
    assert [event["event_id"] for event in later] == list(
        range(8, completed.status.event_count + 1)
    )
    assert len(first.messages) == 7


async def test_a_reconnect_after_the_end_is_204(client: Client, completed: Optimization) -> None:
    last = str(completed.status.event_count)
    response = await client.get(events_path(completed), headers=SSE | {"Last-Event-ID": last})
    assert response.status_code == 204


async def test_a_plain_request_of_a_stream_says_where_the_events_are(
    client: Client, completed: Optimization
) -> None:
    response = await client.get(f"/optimizations/{completed.optimization_id}/stream")
    assert response.status_code == 426
    assert (
        f"/optimizations/{completed.optimization_id}/events"
        in (await response.get_json())["detail"]
    )


async def test_streams_of_a_deleted_one_end_with_its_terminal_event(
    url: str, client: Client, paused: Optimization, watch: Watch
) -> None:
    async with trio.open_nursery() as nursery:
        watchers: list[Watcher] = []

        async def follow() -> None:
            watchers.append(await watch(stream_url(url, paused)))

        nursery.start_soon(follow)
        with paused.subscribe() as events:
            await events.read()
        await client.delete(f"/optimizations/{paused.optimization_id}")
    (watcher,) = watchers
    assert watcher.code == 1000 or watcher.reason == "optimization not found"


async def test_streams_count_against_the_limit_of_all_streams(
    serve_with: Serve, paused: Optimization, watch: Watch
) -> None:
    url = await serve_with(max_streams=1)

    async with connected(stream_url(url, paused)) as socket:
        await socket.get_message()
        second = await watch(stream_url(url, paused))
    assert second.code == 1013


async def test_the_log_does_not_depend_on_who_watches(
    url: str, gateway: Gateway, completed: Optimization, watch: Watch
) -> None:
    again = await ended(gateway)
    watched = await watch(stream_url(url, again))
    payloads = [orjson.loads(text)["payload"] for text in watched.messages]
    first = [orjson.loads(data)["payload"] for data in await log_of(completed)]
    # The last has the digest, which covers timestamps and ids.
    assert payloads[:-1] == first[:-1]
