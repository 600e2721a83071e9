"""The shutdown of a real server: its steps, and what they leave behind.

Rule: steps are ordered by events and connections, never by sleeping.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
import trio
import trio.testing
from support.raw_http import connect, open_request, read_until
from support.served import Serve
from support.watcher import Watcher, connected

from glowback_trio import Run, assert_sound
from glowback_trio.actors import Gateway
from glowback_trio.errors import ServingError
from glowback_trio.server import Settings, serve

Document = dict[str, Any]


async def test_streams_send_the_end_of_their_run_and_close_1000(
    serve_with: Serve, endless: Run
) -> None:
    stop, watcher = trio.Event(), Watcher()
    url = await serve_with(stop)
    with trio.fail_after(5):
        async with connected(f"{url}/backtests/{endless.run_id}/stream") as socket:
            watcher.messages.append(str(await socket.get_message()))
            stop.set()
            await watcher.follow(socket)
    assert_sound(watcher.events)
    assert watcher.events[-1].payload["error"] == "the server was shut down"
    assert watcher.code == 1000


async def test_server_sent_events_end_too(serve_with: Serve, endless: Run) -> None:
    stop = trio.Event()
    url = await serve_with(stop)
    with trio.fail_after(5):
        async with open_request(
            url, f"/backtests/{endless.run_id}/events", Accept="text/event-stream"
        ) as stream:
            await read_until(stream, b"event: state")
            stop.set()
            rest = b"".join([part async for part in stream])
    assert b"the server was shut down" in rest
    assert rest.endswith(b"\r\n0\r\n\r\n")


async def test_serve_returns_when_it_was_stopped(gateway: Gateway, endless: Run) -> None:
    stop = trio.Event()
    stop.set()
    with trio.fail_after(5):
        await serve(gateway, bind="127.0.0.1:0", stop=stop)
    assert gateway.closed
    assert (await endless.wait_finished()).state == "cancelled"


async def test_a_client_that_never_reads_delays_the_shutdown_by_no_more_than_grace(
    gateway: Gateway, endless: Run, nursery: trio.Nursery
) -> None:
    stop, returned = trio.Event(), trio.Event()

    async def serving(task_status: trio.TaskStatus[list[str]]) -> None:
        await serve(
            gateway,
            bind="127.0.0.1:0",
            stop=stop,
            settings=Settings(grace=0.2),
            task_status=task_status,
        )
        returned.set()

    urls: list[str] = await nursery.start(serving)
    async with await connect(urls[0]) as silent:
        await silent.send_all(b"GET /healthz HTT")
        stop.set()
        with trio.fail_after(5):
            await returned.wait()


async def test_draining_answers_503_on_readyz_before_it_refuses(
    serve_with: Serve, gateway: Gateway
) -> None:
    stop = trio.Event()
    url = await serve_with(stop, shutdown_delay=3600)
    async with httpx2.AsyncClient(base_url=url) as http:
        assert (await http.get("/readyz")).status_code == 200
        stop.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/v1/readyz")).json()["error"]["code"] == "unavailable"
        assert (await http.get("/healthz")).status_code == 200
    assert not gateway.closed


async def test_runs_that_run_may_finish_while_the_server_drains(
    serve_with: Serve, submit: Callable[..., Run]
) -> None:
    stop, watcher = trio.Event(), Watcher()
    url = await serve_with(stop, drain=60)
    running, *_, waiting = [submit(stream={"pace_bars_per_s": 200}) for _ in range(3)]
    waiting.pause()
    with trio.fail_after(10):
        async with connected(f"{url}/backtests/{running.run_id}/stream") as socket:
            while running.status.state != "running":
                watcher.messages.append(str(await socket.get_message()))
            stop.set()
            assert (await waiting.wait_finished()).state == "cancelled"
            await watcher.follow(socket)
    assert_sound(watcher.events)
    assert running.status.state == "completed"
    assert watcher.code == 1000


async def test_a_draining_server_takes_no_run(
    serve_with: Serve, endless: Run, request_body: Document, gateway: Gateway
) -> None:
    stop = trio.Event()
    url = await serve_with(stop, drain=3600)
    with trio.fail_after(5):
        async with httpx2.AsyncClient(base_url=url) as http:
            while (await http.get(f"/backtests/{endless.run_id}")).json()["state"] != "running":
                pass
            stop.set()
            await trio.testing.wait_all_tasks_blocked()
            refused = await http.post("/v1/backtests", json=request_body)
    assert refused.status_code == 503
    assert refused.headers["retry-after"]
    assert refused.json()["error"]["code"] == "unavailable"
    assert endless.status.state == "running"
    assert not gateway.closed


async def test_runs_that_take_longer_than_the_drain_are_cancelled(
    gateway: Gateway, endless: Run
) -> None:
    stop = trio.Event()
    stop.set()
    with trio.fail_after(5):
        await serve(gateway, bind="127.0.0.1:0", stop=stop, settings=Settings(drain=0.1))
    assert (await endless.wait_finished()).error == "the server was shut down"


async def test_cancelling_serve_leaves_the_gateway_to_its_owner(
    gateway: Gateway, endless: Run
) -> None:
    async with trio.open_nursery() as nursery:
        started: list[str] = []

        async def serving(task_status: trio.TaskStatus[list[str]]) -> None:
            await serve(gateway, bind="127.0.0.1:0", task_status=task_status)

        started += await nursery.start(serving)
        nursery.cancel_scope.cancel()
    assert started[0].startswith("http://127.0.0.1:")
    assert not gateway.closed
    assert endless.status.state != "cancelled"


async def test_an_address_in_use_is_one_plain_error(gateway: Gateway, url: str) -> None:
    with pytest.raises(ServingError):
        await serve(gateway, bind=url.removeprefix("http://"))
