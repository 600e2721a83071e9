"""Events over plain HTTP: JSON, NDJSON and server-sent events.

Rule: the expected events are read from the run's own log, never written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx2
import orjson
import pytest
import trio
import trio.testing
from quart.typing import TestClientProtocol as Client
from support.backends import SERVED_STORES
from support.raw_http import open_request, read_until
from support.served import Serve
from support.watcher import Watcher

from glowback_trio import InlineCompute, Run, assert_sound, open_gateway
from glowback_trio.server import create_app
from glowback_trio.store import Store
from glowback_trio.wire.requests import parse_request

Watch = Callable[..., Awaitable[Watcher]]

NDJSON = {"Accept": "application/x-ndjson"}
SSE = {"Accept": "text/event-stream"}


def path(run: Run, query: str = "") -> str:
    return f"/backtests/{run.run_id}/events?{query}"


def data_of(stream: str) -> list[str]:
    """The data lines of server-sent events."""
    return re.findall(r"^data: (.*)$", stream, re.MULTILINE)


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


async def test_all_forms_of_an_interval_are_the_same_bytes(
    url: str, http: httpx2.AsyncClient, finished: Run, watch: Watch
) -> None:
    for after in (0, 5, finished.status.event_count - 1):
        socket = await watch(f"{url}/backtests/{finished.run_id}/stream?last_event_id={after}")
        listed = await http.get(path(finished, f"after={after}"))
        lines = await http.get(path(finished, f"after={after}"), headers=NDJSON)
        sent = await http.get(path(finished, f"after={after}"), headers=SSE)
        assert listed.text == "[" + ",".join(socket.messages) + "]"
        assert lines.text == "".join(message + "\n" for message in socket.messages)
        assert data_of(sent.text) == socket.messages


async def test_media_types_are_the_documented_ones(client: Client, finished: Run) -> None:
    for accept, media in (
        ({}, "application/json"),
        ({"Accept": "*/*"}, "application/json"),
        ({"Accept": "text/html"}, "application/json"),
        (NDJSON, "application/x-ndjson"),
        (SSE, "text/event-stream"),
        ({"Accept": "text/event-stream, application/json;q=0.5"}, "text/event-stream"),
    ):
        response = await client.get(path(finished), headers=accept)
        assert response.headers["Content-Type"] == media


@pytest.mark.parametrize("headers", [{}, NDJSON])
async def test_links_lead_through_the_whole_log(
    client: Client, finished: Run, headers: dict[str, str]
) -> None:
    page, seen = f"/v1{path(finished, 'limit=50')}", list[int]()
    while page:
        response = await client.get(page, headers=headers)
        text = await response.get_data(as_text=True)
        seen += map(int, re.findall(r'"event_id":(\d+)', text))
        page = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
        assert not page or page.startswith("/v1/")
    assert seen == list(range(1, finished.status.event_count + 1))


async def test_long_pages_have_their_length_and_every_byte(
    http: httpx2.AsyncClient, submit: Callable[..., Run]
) -> None:
    run = submit(stream={"metrics_every": 1, "orders": True, "progress_steps": 1000})
    await run.wait_finished()
    data = [event.data for event in await run.load_events(limit=10_000)]
    assert len(data) > 129
    for limit in (1, 127, 128, 129, len(data)):
        listed = await http.get(path(run, f"limit={limit}"))
        lines = await http.get(path(run, f"limit={limit}"), headers=NDJSON)
        assert listed.content == b"[%b]" % b",".join(data[:limit])
        assert lines.content == b"".join(text + b"\n" for text in data[:limit])
        for answer in (listed, lines):
            assert int(answer.headers["content-length"]) == len(answer.content)


async def test_pages_of_filtered_events_are_full(client: Client, finished: Run) -> None:
    wanted = [
        e.event_id for e in await finished.load_events(limit=10_000) if e.type in {"trade", "state"}
    ]
    page, pages = path(finished, "limit=3&types=trade,state"), list[list[int]]()
    while page:
        response = await client.get(page)
        pages.append([event["event_id"] for event in await response.get_json()])
        page = response.headers.get("Link", "").partition(">")[0].removeprefix("<")
    assert [number for page_ in pages for number in page_] == wanted
    assert all(len(each) == 3 for each in pages[:-1])


async def test_a_live_run_with_nothing_new_gives_an_empty_list(
    client: Client, endless: Run
) -> None:
    await trio.testing.wait_all_tasks_blocked()
    newest = endless.status.event_count
    response = await client.get(path(endless, f"after={newest}"))
    assert await response.get_data() == b"[]"
    assert "Link" not in response.headers


@pytest.mark.parametrize("headers", [{}, NDJSON, SSE])
async def test_a_cursor_ahead_of_the_log_is_409(
    client: Client, finished: Run, headers: dict[str, str]
) -> None:
    ahead = finished.status.event_count + 1
    response = await client.get(f"/v1{path(finished, f'after={ahead}')}", headers=headers)
    assert response.status_code == 409
    error = (await response.get_json())["error"]
    assert error["code"] == "cursor_ahead"
    newest = finished.status.event_count
    assert error["message"].startswith(
        f"after is ahead of the log: it is {ahead}, and the newest event is {newest}; read from 0"
    )


async def test_a_header_ahead_of_the_log_is_named_by_its_own_name(
    client: Client, finished: Run
) -> None:
    headers = {**SSE, "Last-Event-ID": str(finished.status.event_count + 1)}
    response = await client.get(path(finished), headers=headers)
    assert response.status_code == 409
    assert (await response.get_json())["detail"].startswith("Last-Event-ID is ahead of the log")


@pytest.mark.parametrize(
    "query", ["after=x", "after=-1", "after=", "limit=0", "limit=10001", "types=tirade", "types="]
)
async def test_a_bad_query_is_422_in_every_form(client: Client, finished: Run, query: str) -> None:
    for headers in ({}, NDJSON, SSE):
        response = await client.get(path(finished, query), headers=headers)
        assert response.status_code == 422
        (problem,) = (await response.get_json())["detail"]
        assert problem["loc"][:2] == ["query", query.partition("=")[0]]


# Server-sent events


def is_one_event(block: str) -> bool:
    """True if a block has one id, one type and one line of data, in this order."""
    fields = [line.partition(":")[0] for line in block.split("\n")]
    return [name for name in fields if name not in ("", "retry")] == ["id", "event", "data"]


async def test_every_block_is_one_event_and_the_first_holds_the_delay(
    http: httpx2.AsyncClient, finished: Run
) -> None:
    """A block of `retry` or of a comment alone is an empty event to some clients."""
    response = await http.get(path(finished), headers=SSE)
    *blocks, rest = response.text.split("\n\n")
    assert blocks[0].startswith("retry: 1000\nid: 1\n")
    assert all(is_one_event(block) for block in blocks)
    assert (len(blocks), rest) == (finished.status.event_count, "")
    assert response.text.count("retry:") == 1


async def test_frames_carry_id_type_and_data(http: httpx2.AsyncClient, finished: Run) -> None:
    response = await http.get(path(finished), headers=SSE)
    frames = re.findall(r"id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n", response.text)
    assert [(int(number), kind, text.encode()) for number, kind, text in frames] == [
        (event.event_id, event.type, event.data)
        for event in await finished.load_events(limit=10_000)
    ]


async def test_a_live_stream_ends_with_its_run(
    http: httpx2.AsyncClient, submit: Callable[..., Run]
) -> None:
    run = submit()
    with trio.fail_after(10):
        response = await http.get(path(run), headers=SSE)
    assert len(data_of(response.text)) == run.status.event_count
    assert_sound(await run.load_events(limit=10_000))


async def test_streams_are_not_cached_nor_transformed(
    http: httpx2.AsyncClient, finished: Run
) -> None:
    response = await http.get(path(finished), headers=SSE)
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"


async def test_a_browser_that_has_seen_the_end_gets_204_and_stops(
    client: Client, finished: Run
) -> None:
    seen = {"Last-Event-ID": str(finished.status.event_count)}
    response = await client.get(path(finished), headers=SSE | seen)
    assert response.status_code == 204


async def test_the_last_event_id_wins_over_the_query(client: Client, finished: Run) -> None:
    last = finished.status.event_count - 2
    response = await client.get(
        path(finished, "after=1"), headers=SSE | {"Last-Event-ID": str(last)}
    )
    events = [orjson.loads(line) for line in data_of(await response.get_data(as_text=True))]
    assert [event["event_id"] for event in events] == [last + 1, last + 2]


@pytest.mark.parametrize("last", ["", "x", "-1", "1.0", "+1"])
async def test_a_bad_last_event_id_is_422(client: Client, finished: Run, last: str) -> None:
    response = await client.get(path(finished), headers=SSE | {"Last-Event-ID": last})
    assert response.status_code == 422
    (problem,) = (await response.get_json())["detail"]
    assert problem["loc"] == ["header", "Last-Event-ID"]


async def test_a_filtered_stream_sends_the_end(client: Client, finished: Run) -> None:
    response = await client.get(path(finished, "types=trade"), headers=SSE)
    kinds = re.findall(r"^event: (\w+)$", await response.get_data(as_text=True), re.MULTILINE)
    assert set(kinds[:-1]) == {"trade"}
    assert kinds[-1] == "state"


async def test_a_quiet_stream_is_kept_alive_every_15_seconds(
    request_body: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    comments: list[int] = []
    async with open_gateway(compute=InlineCompute()) as gateway:
        # A bar every 40 seconds; in between the stream is silent.
        run = gateway.submit(parse_request(request_body | {"stream": {"pace_bars_per_s": 1 / 40}}))
        began = trio.current_time()
        async with create_app(gateway).test_client().request(path(run), headers=SSE) as stream:
            await stream.send_complete()
            while len(comments) < 6:
                if (await stream.receive()).startswith(b":"):
                    comments.append(round(trio.current_time() - began))
            run.cancel("enough")
    assert comments == [15, 30, 55, 70, 95, 110]


async def test_what_a_quiet_stream_gets_is_no_block_of_its_own(
    request_body: dict[str, Any], autojump_clock: trio.testing.MockClock
) -> None:
    text = b""
    async with open_gateway(compute=InlineCompute()) as gateway:
        run = gateway.submit(parse_request(request_body | {"stream": {"pace_bars_per_s": 1 / 40}}))
        async with create_app(gateway).test_client().request(path(run), headers=SSE) as stream:
            await stream.send_complete()
            while text.count(b": ") < 40 or not text.endswith(b"\n\n"):
                text += await stream.receive()
            run.cancel("enough")
    blocks = text.decode().removesuffix("\n\n").split("\n\n")
    assert any(block.startswith(": ") for block in blocks)
    assert all(is_one_event(block) for block in blocks)


async def test_the_head_of_a_quiet_stream_comes_at_once(url: str, endless: Run) -> None:
    await trio.testing.wait_all_tasks_blocked()
    newest = endless.status.event_count
    with trio.fail_after(5):
        async with open_request(url, path(endless, f"after={newest}"), **SSE) as stream:
            assert b"200" in await read_until(stream, b"retry: 1000\n")


async def test_a_client_that_leaves_a_stream_is_forgotten(url: str, endless: Run) -> None:
    with trio.fail_after(5):
        async with open_request(url, path(endless), **SSE) as stream:
            await read_until(stream, b"event: state")
            assert endless.subscribers == 1
        while endless.subscribers:
            await trio.lowlevel.checkpoint()
    assert endless.status.state == "running"


async def test_one_stream_too_many_is_503(serve_with: Serve, endless: Run, finished: Run) -> None:
    url = await serve_with(max_streams=1)
    async with httpx2.AsyncClient(base_url=url) as http:
        get = partial(http.get, path(finished), headers=SSE)
        async with open_request(url, path(endless), **SSE) as stream:
            await read_until(stream, b"event: state")
            refused = await get()
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "5"
        with trio.fail_after(5):
            while (await get()).status_code == 503:
                pass
