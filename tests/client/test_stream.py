"""The client's streams from the real server over real sockets, also through a cutting proxy."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from attrs import evolve
from support.cutting_proxy import open_cutting_proxy
from support.served import Serve

from glowback_trio import BacktestRequest, Event, Run, assert_sound
from glowback_trio import Stream as StreamOptions
from glowback_trio.actors import Gateway
from glowback_trio.client import Client, EventStream, open_client
from glowback_trio.errors import InvalidRequestError, ServerRefusedError, UnknownRunError
from glowback_trio.model.events import EventType


async def events_of(run: Run) -> list[Event]:
    with run.subscribe() as events:
        return [event async for event in events]


async def read(client: Client, run: Run, after: int = 0) -> list[Event]:
    with trio.fail_after(30):
        async with client.stream(run.run_id, after=after) as events:
            return [event async for event in events]


@pytest.fixture
async def log(finished: Run) -> list[Event]:
    return await events_of(finished)


async def test_a_finished_run_is_read_to_its_end(
    client: Client, finished: Run, log: list[Event]
) -> None:
    events = await read(client, finished)
    assert events == log
    assert_sound(events)


async def test_a_run_is_streamed_while_it_goes_on(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    status = await client.submit(evolve(backtest, stream=StreamOptions(pace_bars_per_s=1000)))
    run = gateway.run(status.run_id)
    assert_sound(await read(client, run))


async def test_a_stream_cut_again_and_again_is_whole(
    url: str, finished: Run, log: list[Event]
) -> None:
    offsets = [*range(1, 400, 57), *range(600, 2000, 83)]
    assert sum(offsets) < sum(len(event.data) for event in log)
    async with (
        open_cutting_proxy(url, offsets) as (proxy, cuts),
        open_client(proxy, jitter=lambda: 0, sleep=_at_once) as client,
    ):
        assert await read(client, finished) == log
        assert cuts.made == len(offsets)


async def _at_once(_seconds: float) -> None:
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize("types", [["trades"], ["trade", "fill"], [], "trade"])
async def test_an_unknown_type_is_refused(types: Any, client: Client, finished: Run) -> None:
    # As in a program that holds the gateway, and before anything is sent.
    with pytest.raises(InvalidRequestError, match=r"^types") as caught:
        async with client.stream(finished.run_id, types=types):
            raise AssertionError("opened")
    with pytest.raises(InvalidRequestError) as same:
        finished.subscribe(types=types)
    assert caught.value.problems == same.value.problems


@pytest.mark.parametrize("types", [["trade"], ["metric", "progress"], ["state"]])
async def test_a_filtered_stream_has_these_types_and_the_end(
    types: list[EventType], client: Client, finished: Run, log: list[Event]
) -> None:
    async with client.stream(finished.run_id, types=types) as events:
        received = [event async for event in events]
    assert received == [event for event in log if event.type in types or event is log[-1]]


async def test_a_stream_goes_on_where_another_stopped(
    client: Client, finished: Run, log: list[Event]
) -> None:
    async with client.stream(finished.run_id) as events:
        first = [await anext(events) for _ in range(7)]
        assert events.cursor == 7
    assert first + await read(client, finished, after=7) == log
    assert await read(client, finished, after=len(log)) == []


async def fails(events: EventStream) -> None:
    with trio.fail_after(10):
        await anext(events)


async def test_a_refused_stream_says_why_at_once(
    client: Client, finished: Run, serve_with: Serve
) -> None:
    newest = finished.status.event_count
    async with client.stream("no-such-run") as events:
        with pytest.raises(UnknownRunError):
            await fails(events)
    async with client.stream(finished.run_id, after=newest + 1) as events:
        with pytest.raises(ServerRefusedError, match="ahead of the log") as caught:
            await fails(events)
    assert caught.value.reason == "cursor_ahead"
    with pytest.raises(InvalidRequestError, match=r"^after: Input should be greater than"):
        async with client.stream(finished.run_id, after=-1):
            raise AssertionError("opened")
    locked = await serve_with(api_keys=("right",))
    async with open_client(locked, "wrong") as other, other.stream(finished.run_id) as events:
        with pytest.raises(ServerRefusedError, match="401") as caught:
            await fails(events)
    assert caught.value.reason == "unauthorized"


async def test_a_server_full_of_streams_is_tried_until_there_is_room(
    serve_with: Serve, backtest: BacktestRequest, gateway: Gateway, finished: Run, log: list[Event]
) -> None:
    url = await serve_with(max_streams=1)
    endless = gateway.submit(evolve(backtest, stream=StreamOptions(pace_bars_per_s=0.001)))
    waits: list[str] = []

    async with open_client(url) as client, client.stream(endless.run_id) as holder:
        await fails(holder)

        async def make_room(_seconds: float) -> None:
            waits.append("full")
            await holder.aclose()
            await trio.sleep(0.01)

        async with open_client(url, sleep=make_room) as other:
            assert await read(other, finished) == log
    assert waits


async def test_a_deleted_run_is_streamed_to_its_end(
    client: Client, backtest: BacktestRequest, gateway: Gateway
) -> None:
    run = gateway.submit(evolve(backtest, stream=StreamOptions(pace_bars_per_s=0.001)))
    async with client.stream(run.run_id) as events:
        received = [await anext(events)]
        await client.delete(run.run_id)
        received += [event async for event in events]
    assert_sound(received)
    assert received[-1].payload["state"] == "cancelled"


async def test_streams_end_with_their_runs_when_the_server_does(
    serve_with: Serve, backtest: BacktestRequest, gateway: Gateway
) -> None:
    stop = trio.Event()
    url = await serve_with(stop)
    run = gateway.submit(evolve(backtest, stream=StreamOptions(pace_bars_per_s=0.001)))
    async with open_client(url) as client, client.stream(run.run_id) as events:
        received = [await anext(events)]
        stop.set()
        received += [event async for event in events]
    assert_sound(received)
