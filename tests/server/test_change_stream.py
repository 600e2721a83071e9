"""The stream of changes over real sockets: cursors, epochs, forms, limits and the shutdown.

Rule: whoever asks for the list after a `reset`, and takes each change as what has become of its run
since, knows in the end what the list says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx2
import orjson
import pytest
import trio
from quart.typing import TestClientProtocol as Client
from support.backends import SERVED_STORES
from support.served import Serve
from support.watcher import Watcher, connected

from glowback_trio import Run
from glowback_trio.actors import Gateway
from glowback_trio.client import open_client
from glowback_trio.client.sync import connect
from glowback_trio.store import Store

Watch = Callable[..., Awaitable[Watcher]]


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


def parsed(watcher: Watcher) -> list[dict[str, Any]]:
    return [orjson.loads(message) for message in watcher.messages]


async def told(gateway: Gateway, revision: int = 0) -> None:
    """Wait until a change after a revision can be read."""
    with trio.fail_after(5):
        while gateway.change_log.revision <= revision:
            await gateway.change_log.bell.wait()


@pytest.mark.parametrize("prefix", ["", "/v1"])
async def test_a_stream_begins_with_a_reset_and_goes_on_with_what_changes(
    url: str, gateway: Gateway, submit: Callable[..., Run], prefix: str
) -> None:
    async with connected(f"{url}{prefix}/changes/stream?") as socket:
        first = orjson.loads(await socket.get_message())
        assert list(first) == ["event_id", "type", "timestamp", "payload"]
        assert (first["type"], first["payload"]) == ("reset", {"epoch": gateway.change_log.epoch})
        run = submit()
        with trio.fail_after(5):
            while True:
                change = orjson.loads(await socket.get_message())
                assert change["type"] == "run"
                assert change["event_id"] > first["event_id"]
                if change["payload"]["state"] == "completed":
                    break
    async with httpx2.AsyncClient(base_url=url) as http:
        assert change["payload"] == (await http.get(f"/backtests/{run.run_id}")).json()


async def test_a_stream_goes_on_after_a_cursor_of_its_epoch(
    url: str, gateway: Gateway, finished: Run, watch: Watch
) -> None:
    await told(gateway)
    log = gateway.change_log
    watcher = await watch(f"{url}/changes/stream?last_event_id=0&epoch={log.epoch}", count=1)
    (change,) = parsed(watcher)
    assert (change["type"], change["payload"]["run_id"]) == ("run", finished.run_id)
    for query in ("last_event_id=0&epoch=x", "last_event_id=99&epoch=" + log.epoch, "epoch=x", ""):
        (reset,) = parsed(await watch(f"{url}/changes/stream?{query}", count=1))
        assert reset["type"] == "reset"
        assert 0 < reset["event_id"] <= log.revision


async def test_changes_come_in_arrays_of_the_types_that_are_wanted(
    url: str, gateway: Gateway, submit: Callable[..., Run], watch: Watch
) -> None:
    runs = [submit() for _ in range(5)]
    await gateway.wait_idle()
    await told(gateway)
    before = gateway.change_log.revision
    for run in runs:
        gateway.delete(run.run_id)
    await told(gateway, before + 4)
    start = f"{url}/changes/stream?last_event_id=0&epoch={gateway.change_log.epoch}"
    watcher = await watch(f"{start}&batch=3", count=2)
    arrays: list[list[dict[str, Any]]] = [orjson.loads(text) for text in watcher.messages]
    assert [len(array) for array in arrays] == [3, 2]
    assert {each["type"] for array in arrays for each in array} == {"run_deleted"}
    watcher = await watch(f"{start}&types=optimization&heartbeat=1", count=1)
    assert parsed(watcher) == [{"type": "heartbeat", "event_id": gateway.change_log.revision}]


@pytest.mark.parametrize(
    "query", ["last_event_id=-1", "types=trade", "batch=1", "heartbeat=0", "after=1"]
)
async def test_a_query_that_makes_no_sense_is_refused_before_the_handshake(
    url: str, query: str
) -> None:
    async with httpx2.AsyncClient(base_url=url) as http:
        headers = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        response = await http.get(f"/changes/stream?{query}", headers=headers)
        assert response.status_code == 400, response.text
        plain = await http.get("/changes/stream")
        assert plain.status_code == 426
        assert "/changes/events" in plain.json()["detail"]


async def test_a_key_or_a_ticket_opens_it(serve_with: Serve, watch: Watch) -> None:
    url = await serve_with(api_keys=("secret",))
    async with httpx2.AsyncClient(base_url=url) as http:
        assert (await http.get("/changes/events")).status_code == 401
        key = {"X-API-Key": "secret"}
        ticket = (await http.post("/stream-tickets", headers=key)).json()["ticket"]
    protocols = ("glowback.v1", f"ticket.{ticket}")
    async with connected(f"{url}/changes/stream?", *protocols) as socket:
        assert orjson.loads(await socket.get_message())["type"] == "reset"
        assert socket.subprotocol == "glowback.v1"
    watcher = await watch(f"{url}/changes/stream?", count=1, X_API_Key="secret")
    assert parsed(watcher)[0]["type"] == "reset"


async def test_more_streams_than_may_be_open_are_closed_with_1013(
    serve_with: Serve, gateway: Gateway, watch: Watch
) -> None:
    url = await serve_with(max_streams=1)
    async with connected(f"{url}/changes/stream?") as socket:
        await socket.get_message()
        watcher = await watch(f"{url}/changes/stream?")
        assert watcher.code == 1013
        async with httpx2.AsyncClient(base_url=url) as http:
            refused = await http.get("/changes/events", headers={"Accept": "text/event-stream"})
            assert refused.status_code == 503


async def test_a_shutdown_closes_it_with_1012(serve_with: Serve, watch: Watch) -> None:
    stop = trio.Event()
    url = await serve_with(stop=stop)
    async with connected(f"{url}/changes/stream?") as socket:
        await socket.get_message()
        stop.set()
        watcher = Watcher()
        with trio.fail_after(5):
            await watcher.follow(socket)
        assert watcher.code == 1012


async def test_server_sent_events_end_with_the_server(serve_with: Serve) -> None:
    stop = trio.Event()
    url = await serve_with(stop=stop)
    accept = {"Accept": "text/event-stream"}
    with trio.fail_after(5):
        async with (
            httpx2.AsyncClient(base_url=url) as http,
            http.stream("GET", "/changes/events", headers=accept) as response,
        ):
            received = ""
            async for text in response.aiter_text():
                received += text
                if "reset" in received:
                    stop.set()
    assert "event: reset\n" in received


async def test_a_compressed_stream_has_the_same_changes(
    serve_with: Serve, gateway: Gateway, finished: Run
) -> None:
    url = await serve_with(allow_compression=True)
    await told(gateway)
    async with open_client(url) as client, client.changes() as changes:
        reset = await anext(changes)
        before = reset.event_id
        await client.edit(finished.run_id, name="other")
        with trio.fail_after(5):
            # What was not told yet of its end may come first.
            while (change := await anext(changes)).payload["name"] != "other":
                assert change.event_id > before
        assert change.type == "run"


async def test_the_bytes_are_the_same_in_every_format(
    client: Client, gateway: Gateway, finished: Run
) -> None:
    await told(gateway)
    log = gateway.change_log
    changes, _ = log.read(0, 100)
    wanted = [change.data for change in changes]
    path = f"/changes/events?after=0&epoch={log.epoch}"
    array = await (await client.get(path)).get_data(as_text=False)
    assert array == b"[%b]" % b",".join(wanted)
    lines = await client.get(path, headers={"Accept": "application/x-ndjson"})
    assert await lines.get_data(as_text=False) == b"".join(b"%b\n" % each for each in wanted)
    (reset,) = await (await client.get("/changes/events")).get_json()
    assert reset["type"] == "reset"


async def test_a_browser_that_reconnects_goes_on_by_its_last_event_id(
    serve_with: Serve, gateway: Gateway, finished: Run
) -> None:
    stop = trio.Event()
    url = await serve_with(stop=stop)
    await told(gateway)
    log, accept, text = gateway.change_log, {"Accept": "text/event-stream"}, ""
    async with httpx2.AsyncClient(base_url=url) as http:
        wrong = await http.get("/changes/events", headers={"Last-Event-ID": "7", **accept})
        assert wrong.status_code == 422
        assert wrong.json()["detail"][0]["loc"] == ["header", "Last-Event-ID"]
        last = {"Last-Event-ID": f"{log.epoch}.0", **accept}
        with trio.fail_after(5):
            async with http.stream("GET", "/changes/events", headers=last) as response:
                async for part in response.aiter_text():
                    text += part
                    if "\n\n" in text:
                        stop.set()
    assert f"id: {log.epoch}." in text
    assert "\nevent: run\ndata: " in text


async def test_the_client_goes_on_where_a_connection_ended(
    url: str, gateway: Gateway, finished: Run
) -> None:
    await told(gateway)
    with trio.fail_after(10):
        async with open_client(url) as client, client.changes() as changes:
            reset = await anext(changes)
            assert changes.epoch == reset.payload["epoch"] == gateway.change_log.epoch
            await changes.aclose()
            await client.delete(finished.run_id)
            change = await anext(changes)
            while change.type == "run":  # its end, if that was not told yet
                change = await anext(changes)
            assert change.type == "run_deleted"
            assert changes.cursor == change.event_id > reset.event_id
        place = {"after": reset.event_id, "epoch": reset.payload["epoch"]}
        async with open_client(url) as client, client.changes(**place) as changes:
            assert (await anext(changes)).event_id == change.event_id


async def test_the_blocking_client_follows_changes(url: str, finished: Run) -> None:
    def follow() -> Sequence[str]:
        with connect(url) as client:
            changes = client.changes()
            types = [next(changes).type]
            client.edit(finished.run_id, note="seen")
            types.append(next(changes).type)
            changes.close()
            return types

    with trio.fail_after(10):
        assert await trio.to_thread.run_sync(follow) == ["reset", "run"]


async def test_twenty_quiet_streams_cost_nothing(
    url: str, gateway: Gateway, nursery: trio.Nursery
) -> None:
    async with trio.open_nursery() as opened:
        ready = 0
        everybody = trio.Event()

        async def watch_quietly() -> None:
            nonlocal ready
            async with connected(f"{url}/changes/stream?") as socket:
                await socket.get_message()
                ready += 1
                if ready == 20:
                    everybody.set()
                await socket.get_message()

        for _ in range(20):
            opened.start_soon(watch_quietly)
        with trio.fail_after(5):
            await everybody.wait()
        # No task of the server waits for a time: only for what changes.
        log = gateway.change_log
        assert len(log.bell._watchers) == 1
        opened.cancel_scope.cancel()
