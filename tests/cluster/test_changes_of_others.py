"""What one gateway does, as those see it who look at another one over one real database.

Doctrine: everything is done at one gateway and looked at from the other: its stream of changes, its
lists, and the logs of runs that it does not compute. No time is asserted but that it comes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import trio
from attrs import define, evolve, field
from support.optimizations import read_log, search_request
from support.postgres_stores import new_store_database

from glowback_trio import BacktestRequest, Gateway, InlineCompute, MaCrossover, open_gateway
from glowback_trio.errors import UnknownRunError
from glowback_trio.model.lifecycle import State
from glowback_trio.store.postgres import PostgresStore
from glowback_trio.wire.changes import Change

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-03-01",
    strategy=MaCrossover(short_period=3, long_period=8),
)


@define(eq=False)
class Watched:
    """Two gateways, and the changes that the second one tells."""

    here: Gateway
    there: Gateway
    changes: list[Change] = field(factory=list)
    bell: trio.Event = field(factory=trio.Event)

    async def watch(self, *, task_status: trio.TaskStatus[None]) -> None:
        async for change in self.there.changes():
            self.changes.append(change)
            self.bell.set()
            self.bell = trio.Event()
            if len(self.changes) == 1:  # the reset with which a reader begins
                task_status.started()

    async def told(self, kind: str, **fields: object) -> None:
        """Wait until a change of this type has these fields in its document."""
        while not any(
            change.type == kind and fields.items() <= change.payload.items()
            for change in self.changes
        ):
            await self.bell.wait()


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    url = new_store_database()
    async with AsyncExitStack() as stack:
        both = [
            await stack.enter_async_context(
                open_gateway(store=PostgresStore(url), compute=InlineCompute())
            )
            for _ in range(2)
        ]
        nursery = await stack.enter_async_context(trio.open_nursery())
        found = Watched(both[0], both[1])
        await nursery.start(found.watch)
        with trio.fail_after(30):
            yield found
        nursery.cancel_scope.cancel()


async def test_a_run_is_seen_at_the_other_gateway_to_its_end(watched: Watched) -> None:
    run = watched.here.submit(REQUEST)
    await watched.told("run", run_id=run.run_id, state="completed")
    (status,) = await watched.there.statuses()
    assert status == run.status
    other = await watched.there.load_run(run.run_id)
    assert await other.load_events() == await run.load_events()
    assert (await other.load_result()).metrics == (await run.load_result()).metrics


async def test_a_run_that_goes_on_is_followed_at_the_other_gateway(watched: Watched) -> None:
    run = watched.here.submit(evolve(REQUEST, stream=evolve(REQUEST.stream, pace_bars_per_s=20)))
    await watched.told("run", run_id=run.run_id, state="running")
    other = await watched.there.load_run(run.run_id)
    with other.subscribe(0) as events:
        followed = [event async for event in events]
    assert followed == list(await run.load_events())
    assert other.status.state is State.COMPLETED


async def test_labels_and_deletions_are_seen_at_the_other_gateway(watched: Watched) -> None:
    run = watched.here.submit(REQUEST)
    await watched.told("run", run_id=run.run_id, state="completed")
    await run.label(name="the one")
    await watched.told("run", run_id=run.run_id, name="the one")
    (status,) = await watched.there.statuses()
    assert status.name == "the one"
    watched.here.delete(run.run_id)
    await watched.told("run_deleted", run_id=run.run_id)
    assert not await watched.there.statuses()
    with pytest.raises(UnknownRunError):
        await watched.there.load_run(run.run_id)


async def test_an_optimization_is_seen_at_the_other_gateway_to_its_end(watched: Watched) -> None:
    search = watched.here.optimize(search_request())
    identity = search.optimization_id
    await watched.told("optimization", optimization_id=identity, state="completed")
    other = await watched.there.load_optimization(identity)
    assert await read_log(other) == await read_log(search)
    watched.here.delete_optimization(identity)
    await watched.told("optimization_deleted", optimization_id=identity)
