"""A server whose gateway found the runs of an earlier one in its store.

Doctrine: the store keeps bytes only, and each server is a new one on the same bytes; what a client
is answered by the second must be, byte for byte, what the first answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
import trio
from support.bytes_store import BytesStore
from support.watcher import Watcher

from glowback_trio import InlineCompute, Run, open_gateway
from glowback_trio.actors import Gateway
from glowback_trio.engine.reporting.result_document import BLOCKS
from glowback_trio.model.events import Event
from glowback_trio.server import create_app, serve

Submit = Callable[..., Run]
Watch = Callable[..., Awaitable[Watcher]]
Answer = tuple[int, str | None, bytes]


@pytest.fixture
def store() -> BytesStore:
    return BytesStore(at_hand=4)


@asynccontextmanager
async def reopened(store: BytesStore) -> AsyncIterator[Gateway]:
    """The next gateway, on the bytes that the store has by now."""
    copy = BytesStore(at_hand=4, records=dict(store.records))
    async with open_gateway(store=copy, compute=InlineCompute()) as gateway:
        yield gateway


async def ended(submit: Submit) -> list[Run]:
    runs = [submit(), submit(stream={"orders": True}), submit(stream={"pace_bars_per_s": 0.001})]
    for run in runs[:2]:
        await run.wait_finished()
    runs[2].cancel("enough")
    await runs[2].wait_finished()
    return runs


async def answers(gateway: Gateway, paths: list[str]) -> list[Answer]:
    client = create_app(gateway).test_client()
    found: list[Answer] = []
    for path in paths:
        response = await client.get(path)
        data = await response.get_data(as_text=False)
        found.append((response.status_code, response.headers.get("Link"), data))
    return found


async def test_every_answer_about_a_run_is_what_it_was(
    gateway: Gateway, store: BytesStore, submit: Submit
) -> None:
    paths = ["/backtests", "/backtests?state=completed&limit=1"]
    for run in await ended(submit):
        base = f"/backtests/{run.run_id}"
        paths += [base, f"{base}/events?limit=7", f"{base}/events?after=3&types=state"]
        # Without `overfit`, since this store keeps no ledger.
        paths += [
            f"{base}/results?include={','.join(BLOCKS)}",
            f"{base}/equity.csv",
            f"{base}/orders.ndjson",
        ]
    before = await answers(gateway, paths)
    assert {status for status, _, _ in before} == {200, 409}
    async with reopened(store) as second:
        assert await answers(second, paths) == before


async def test_a_stream_goes_on_at_its_last_event(
    gateway: Gateway, store: BytesStore, submit: Submit, watch: Watch
) -> None:
    run = (await ended(submit))[1]
    log: list[Event] = list(await run.load_events(limit=10_000))
    async with reopened(store) as second, trio.open_nursery() as nursery:
        [url] = await nursery.start(partial(serve, second, bind="127.0.0.1:0"))
        address = url.replace("http", "ws", 1)
        for cursor in (0, 1, len(log) // 2, len(log) - 1, len(log)):
            query = f"last_event_id={cursor}"
            watcher = await watch(f"{address}/backtests/{run.run_id}/stream?{query}")
            assert watcher.events == log[cursor:]
        nursery.cancel_scope.cancel()


async def test_commands_to_a_restored_run_are_answered_as_to_any_that_has_ended(
    gateway: Gateway, store: BytesStore, submit: Submit
) -> None:
    run = (await ended(submit))[0]
    async with reopened(store) as second:
        client = create_app(second).test_client()
        status = await (await client.get(f"/backtests/{run.run_id}")).get_json()
        for command in ("cancel", "pause", "resume"):
            response = await client.post(f"/backtests/{run.run_id}/{command}")
            assert (response.status_code, await response.get_json()) == (200, status)
        assert (await client.delete(f"/backtests/{run.run_id}")).status_code == 204
        assert (await client.get(f"/backtests/{run.run_id}")).status_code == 404
