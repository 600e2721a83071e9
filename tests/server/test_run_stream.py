"""The WebSocket stream over real sockets: replay, live events, filters, and every close code.

Rule: the expected messages are the run's own log, byte for byte.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
import trio
import trio.testing
from support.backends import SERVED_STORES
from support.raw_http import RawResponse, send_raw
from support.served import Serve
from support.watcher import Watcher, connected

from glowback_trio import Event, InlineCompute, Run, assert_sound, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.server import create_app
from glowback_trio.store import Store
from glowback_trio.wire.requests import parse_request

Watch = Callable[..., Awaitable[Watcher]]


def stream(url: str, run: Run | str, query: str = "", prefix: str = "") -> str:
    run_id = run if isinstance(run, str) else run.run_id
    return f"{url}{prefix}/backtests/{run_id}/stream?{query}"


async def shake(url: str, path: str, headers: str = "") -> RawResponse:
    """Send a handshake by hand and read the response."""
    head = (
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    )
    return await send_raw(url, head.encode())


# Law 6: loss-free, whatever happens to the connection


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_live_stream_is_the_whole_log_and_then_1000(
    url: str, submit: Callable[..., Run], watch: Watch, prefix: str
) -> None:
    watcher = await watch(stream(url, submit(), prefix=prefix))
    assert_sound(watcher.events)
    assert watcher.code == 1000


async def test_every_message_is_the_canonical_bytes(url: str, finished: Run, watch: Watch) -> None:
    watcher = await watch(stream(url, finished))
    log = await finished.load_events(limit=10_000)
    assert [message.encode() for message in watcher.messages] == [event.data for event in log]
    assert list(orjson.loads(watcher.messages[0])) == [
        "event_id",
        "run_id",
        "type",
        "timestamp",
        "payload",
    ]


async def test_a_client_cut_after_every_event_misses_and_repeats_none(
    url: str, submit: Callable[..., Run], watch: Watch
) -> None:
    run, received = submit(end_date="2024-01-20"), list[Event]()
    while True:
        watcher = await watch(stream(url, run, f"last_event_id={len(received)}"), count=1)
        received += watcher.events
        if watcher.code == 1000 or not watcher.messages:
            break
    assert_sound(received)
    assert len(received) == run.status.event_count


async def test_clients_that_join_at_every_event_get_the_rest(
    url: str, finished: Run, watch: Watch
) -> None:
    log = await finished.load_events(limit=10_000)
    for after in range(0, len(log), 7):
        watcher = await watch(stream(url, finished, f"last_event_id={after}"))
        assert watcher.events == list(log[after:])
        assert watcher.code == 1000


async def test_many_clients_see_the_same_log(
    url: str, submit: Callable[..., Run], watch: Watch
) -> None:
    run, logs = submit(), list[Watcher]()

    async def follow() -> None:
        logs.append(await watch(stream(url, run)))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(follow)
    assert len({tuple(each.messages) for each in logs}) == 1
    assert_sound(logs[0].events)


async def test_resuming_at_the_newest_event_of_a_live_run_waits_for_the_next(
    url: str, endless: Run
) -> None:
    with trio.fail_after(5):
        while endless.status.state != "running":
            await trio.lowlevel.checkpoint()
        newest = endless.status.event_count
        async with connected(stream(url, endless, f"last_event_id={newest}")) as socket:
            with trio.move_on_after(0.05) as quiet:
                await socket.get_message()
            assert quiet.cancelled_caught
            endless.cancel("now")
            message = await socket.get_message()
    assert isinstance(message, str)
    assert orjson.loads(message)["event_id"] == newest + 1


async def test_a_client_that_has_seen_the_end_is_just_closed(
    url: str, finished: Run, watch: Watch
) -> None:
    watcher = await watch(stream(url, finished, f"last_event_id={finished.status.event_count}"))
    assert (watcher.messages, watcher.code) == ([], 1000)


# Forms and filters


@pytest.mark.parametrize("batch", [2, 7, 1000])
async def test_batches_hold_the_same_bytes(
    url: str, finished: Run, watch: Watch, batch: int
) -> None:
    plain = await watch(stream(url, finished))
    batched = await watch(stream(url, finished, f"batch={batch}"))
    sizes = [len(orjson.loads(message)) for message in batched.messages]
    assert max(sizes) <= batch
    assert ",".join(message[1:-1] for message in batched.messages) == ",".join(plain.messages)


@pytest.mark.parametrize(("limit", "longest"), [(None, 32 * 1024), (1000, 1000), (1, 0)])
async def test_a_message_of_several_events_is_within_its_bound(
    serve_with: Serve,
    submit: Callable[..., Run],
    watch: Watch,
    limit: int | None,
    longest: int,
) -> None:
    bound = {} if limit is None else {"max_message_bytes": limit}
    url = await serve_with(**bound)
    run = submit(stream={"metrics_every": 1})
    await run.wait_finished()
    watcher = await watch(stream(url, run, "batch=1000"))
    several = [m for m in watcher.messages if len(orjson.loads(m)) > 1]
    assert max((len(message.encode()) for message in several), default=0) <= longest
    assert bool(several) == (longest > 0)
    assert len(watcher.messages) > 1, "the run is long enough for the bound to matter"
    log = await run.load_events(limit=10_000)
    assert ",".join(m[1:-1] for m in watcher.messages).encode() == b",".join(e.data for e in log)


async def test_filters_keep_their_types_and_the_end(url: str, finished: Run, watch: Watch) -> None:
    watcher = await watch(stream(url, finished, "types=trade,log"))
    wanted = [
        event
        for event in await finished.load_events(limit=10_000)
        if event.type in {"trade", "log"}
    ]
    assert watcher.events[:-1] == wanted
    assert watcher.events[-1].payload["state"] == "completed"
    assert watcher.code == 1000


# Rejections in the order of the checks: key, origin, query, then run, cursor, room


async def test_a_stream_without_its_key_is_401_before_the_handshake(
    serve_with: Serve, finished: Run
) -> None:
    url = await serve_with(api_keys=("k",))
    answer = await shake(
        url, "/v1/backtests/nobody/stream?last_event_id=x", "Origin: http://evil\r\n"
    )
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-frame-options"] == "DENY"
    body = orjson.loads(answer.body)
    assert body["error"]["code"] == "unauthorized"
    assert body["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("api_key=k", {}),
        ("", {"X_API_Key": "k"}),
        ("", {"Authorization": "Bearer k"}),
        ("api_key=wrong", {"X_API_Key": "k"}),
    ],
)
async def test_a_stream_takes_its_key_from_three_places(
    serve_with: Serve, finished: Run, watch: Watch, query: str, headers: dict[str, str]
) -> None:
    url = await serve_with(api_keys=("k",))
    assert (await watch(stream(url, finished, query), **headers)).code == 1000


@pytest.mark.parametrize("headers", ["X-API-Key: wrong\r\n", "Authorization: Bearer wrong\r\n"])
async def test_a_wrong_key_in_a_header_is_not_saved_by_the_query(
    serve_with: Serve, finished: Run, headers: str
) -> None:
    url = await serve_with(api_keys=("k",))
    path = f"/backtests/{finished.run_id}/stream?api_key=k"
    assert (await shake(url, path, headers)).status == 401


async def test_pages_of_other_hosts_are_refused_before_the_query_is_read(
    url: str, finished: Run
) -> None:
    path = f"/backtests/{finished.run_id}/stream?last_event_id=x"
    answer = await shake(url, path, "Origin: https://evil.example\r\n")
    assert answer.status == 403


async def test_pages_of_this_host_and_listed_ones_may_watch(
    serve_with: Serve, finished: Run, watch: Watch
) -> None:
    url = await serve_with(cors_origins=("https://listed.example",))
    for origin in (url, "https://listed.example"):
        assert (await watch(stream(url, finished), Origin=origin)).code == 1000


@pytest.mark.parametrize(
    "query",
    [
        "last_event_id=",
        "last_event_id=abc",
        "last_event_id=-1",
        "last_event_id=3.0",
        "last_event_id=%2B3",
        "last_event_id=%D9%A3",
        "last_event_id=1&last_event_id=2",
        "batch=0",
        "batch=1",
        "batch=1001",
        "batch=all",
        "types=",
        "types=trade,tirade",
        "after=3",
        "last_event=3",
    ],
)
async def test_a_bad_query_is_400_before_the_run_is_looked_for(url: str, query: str) -> None:
    answer = await shake(url, f"/v1/backtests/nobody/stream?{query}")
    assert answer.status == 400
    error = orjson.loads(answer.body)["error"]
    assert error["code"] == "bad_request"
    assert error["message"].startswith(f"query.{query.partition('=')[0]}")


@pytest.mark.parametrize("query", ["", "last_event_id=99"])
async def test_an_unknown_run_is_accepted_then_closed_1008(
    url: str, watch: Watch, query: str
) -> None:
    watcher = await watch(stream(url, "nobody", query))
    assert (watcher.code, watcher.reason) == (1008, "run not found")


@pytest.mark.parametrize("ahead", ["1", "9" * 40, "9" * 4000])
async def test_a_cursor_ahead_of_the_log_is_closed_4400(
    url: str, finished: Run, watch: Watch, ahead: str
) -> None:
    after = finished.status.event_count + 1 if ahead == "1" else ahead
    watcher = await watch(stream(url, finished, f"last_event_id={after}"))
    assert (watcher.code, watcher.reason) == (4400, "last_event_id is ahead of the log")


async def test_one_stream_too_many_is_closed_1013_and_room_comes_back(
    serve_with: Serve, endless: Run, finished: Run, watch: Watch
) -> None:
    url = await serve_with(max_streams=1)
    async with connected(stream(url, endless)) as socket:
        await socket.get_message()
        assert (await watch(stream(url, finished))).code == 1013
    with trio.fail_after(5):
        while (await watch(stream(url, finished))).code == 1013:
            pass


async def test_an_unknown_stream_path_is_404(url: str) -> None:
    assert (await shake(url, "/nowhere/stream")).status == 404


async def test_a_websocket_on_another_route_is_refused(url: str) -> None:
    answer = await shake(url, "/v1/backtests")
    assert answer.status == 404
    assert orjson.loads(answer.body)["error"]["code"] == "not_found"


async def test_the_handshake_states_the_id_that_the_log_will_have(url: str, finished: Run) -> None:
    path = f"/backtests/{finished.run_id}/stream"
    answer = await shake(url, path, "X-Request-ID: mine\r\n")
    assert answer.status == 101
    assert answer.headers["x-request-id"] == "mine"


# Clients that leave, send or stall


async def test_a_client_that_leaves_is_forgotten(url: str, endless: Run) -> None:
    with trio.fail_after(5):
        async with connected(stream(url, endless)) as socket:
            await socket.get_message()
            assert endless.subscribers == 1
        while endless.subscribers:
            await trio.lowlevel.checkpoint()
    assert endless.status.state == "running"


@pytest.mark.parametrize("message", ["hello", "", b"\x00", b""])
async def test_messages_of_a_client_are_ignored(
    url: str, endless: Run, message: str | bytes
) -> None:
    with trio.fail_after(5):
        async with connected(stream(url, endless)) as socket:
            await socket.get_message()
            for _ in range(30):
                await socket.send_message(message)
            endless.cancel("enough")
            watcher = Watcher()
            await watcher.follow(socket)
    assert watcher.code == 1000


async def test_a_deleted_run_sends_its_end_to_its_streams(
    url: str, gateway: Gateway, endless: Run, watch: Watch
) -> None:
    watchers: list[Watcher] = []

    async def follow() -> None:
        watchers.append(await watch(stream(url, endless)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        with trio.fail_after(5):
            while not endless.subscribers:
                await trio.lowlevel.checkpoint()
        gateway.delete(endless.run_id)
    assert_sound(watchers[0].events)
    assert watchers[0].code == 1000


async def test_a_fault_in_a_stream_closes_1011(
    url: str,
    finished: Run,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(_run: Run, *_args: Any) -> None:
        raise OSError(5, "Input/output error on /secret/place")

    monkeypatch.setattr(Run, "subscribe", fail)
    checks = logging.getLogger("glowback_trio.server.pipeline.checks")
    checks.addHandler(caplog.handler)  # the server's own handler writes in a thread
    watcher = await watch(stream(url, finished))
    checks.removeHandler(caplog.handler)
    assert (watcher.code, watcher.reason) == (1011, "internal error")
    assert "/secret/place" in caplog.text


# Heartbeats, on a server that cannot take a WebSocket over; the hub has tests of its own


async def test_a_quiet_stream_sends_its_position(
    request_body: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    received: list[tuple[int, str]] = []
    async with open_gateway(compute=InlineCompute()) as gateway:
        # A bar every 40 seconds, which the filter leaves out.
        run = gateway.submit(
            parse_request(
                request_body | {"stream": {"pace_bars_per_s": 1 / 40, "metrics_every": 1}}
            )
        )
        began = trio.current_time()
        query = "types=state&last_event_id=1&heartbeat=30"
        client = create_app(gateway).test_client()
        async with client.websocket(f"/backtests/{run.run_id}/stream?{query}") as socket:
            while len(received) < 4:
                message = orjson.loads(await socket.receive())
                received.append((round(trio.current_time() - began), message["event_id"]))
                if len(received) > 1:
                    assert message == {"type": "heartbeat", "event_id": message["event_id"]}
        run.cancel("enough")
    assert [second for second, _ in received] == [0, 30, 60, 90]
    covered = [event_id for _, event_id in received]
    assert covered == sorted(covered)
    assert covered[-1] > covered[0]


@pytest.mark.parametrize("heartbeat", ["0", "-1", "x", "3601", "nan"])
async def test_a_heartbeat_out_of_bounds_is_refused_before_the_handshake(
    url: str, finished: Run, heartbeat: str
) -> None:
    path = f"/backtests/{finished.run_id}/stream?heartbeat={heartbeat}"
    assert (await shake(url, path)).status == 400
