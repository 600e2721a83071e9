"""Power cuts in the life of a store: what had been told before a cut must be there after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Literal

import trio
from attrs import define, evolve, field
from support.sqlite_files import inline_store

from glowback_trio import (
    BacktestRequest,
    Event,
    Gateway,
    InlineCompute,
    MaCrossover,
    Run,
    Stream,
    open_gateway,
)
from glowback_trio.store.sqlite.maintenance import check_store, compact_store
from glowback_trio.testing import Operation, VirtualDisk, virtual_now

__all__ = ["Session", "find_losses", "record_session"]

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-02-15",
    strategy=MaCrossover(short_period=3, long_period=8),
    stream=Stream(metrics_every=2, progress_steps=5, orders=True),
)
PACED = evolve(REQUEST, on_restart="rerun", stream=Stream(metrics_every=1, pace_bars_per_s=1.0))


@define
class Session:
    """What was done to the disk, and what others had been told by when.

    Attributes:
        disk: The disk, with what was done to its files.
        told: Events that a reader got, each with the number of operations before.
        accepted: Keys of requests that were accepted, with their runs, and the same number.
        deleted: Runs that somebody asked to delete, which may be there or not.
    """

    disk: VirtualDisk = field(factory=VirtualDisk)
    told: list[tuple[int, str, Event]] = field(factory=list)
    accepted: list[tuple[int, str, str]] = field(factory=list)
    deleted: set[str] = field(factory=set)

    @property
    def operations(self) -> Sequence[Operation]:
        return self.disk.operations


async def record_session(path: Path, synchronous: Literal["NORMAL", "FULL"]) -> Session:
    """Let gateways live on a new file: two, one after the other, and then a compaction."""
    session = Session()
    with session.disk.installed():
        for number in range(2):
            await _live(session, path, synchronous, number)
        compact_store(path)
    return session


async def _live(session: Session, path: Path, synchronous: Any, number: int) -> None:
    store = inline_store(path)
    store.synchronous = synchronous
    numbers = iter(range(100))
    async with (
        open_gateway(
            store=store,
            compute=InlineCompute(),
            clock=virtual_now,
            new_id=lambda: f"run-{number}-{next(numbers)}",
        ) as gateway,
        trio.open_nursery() as nursery,
    ):
        for key, request in enumerate((REQUEST, PACED, PACED, REQUEST)):
            run = gateway.submit(request, key=f"{number}-{key}")
            await run.wait_stored()
            session.accepted.append((len(session.operations), f"{number}-{key}", run.run_id))
            nursery.start_soon(_follow, session, run)
        await trio.sleep(3)
        assert store._open is not None
        store._open.checkpointer.note(1 << 40)
        await trio.sleep(3)
        await _interfere(session, gateway, number)
        await trio.sleep(3)


async def _interfere(session: Session, gateway: Gateway, number: int) -> None:
    gateway.run(f"run-{number}-1").cancel("enough")
    session.deleted.add(f"run-{number}-0")
    gateway.delete(f"run-{number}-0")
    await trio.sleep(1)


async def _follow(session: Session, run: Run) -> None:
    with run.subscribe() as events:
        async for event in events:
            session.told.append((len(session.operations), run.run_id, event))


async def find_losses(path: Path, session: Session, cut: int, seed: int) -> list[str]:
    """Cut the power after so many operations; say what is wrong with the store that is left.

    Args:
        path: Where the store is put. What its directory has is removed.
        session: What was done and told.
        cut: The number of operations before the cut.
        seed: Decides what the disk has made of those that were not synced.
    """
    session.disk.write_after_cut(path.parent, seed=seed, after=cut)
    async with open_gateway(
        store=inline_store(path), compute=InlineCompute(), clock=virtual_now
    ) as gateway:
        found = [f"not sound: {sentence}" for sentence in check_store(path)]
        found += [sentence async for sentence in _losses(gateway, session, cut)]
        await gateway.wait_idle()
    found += [f"not sound in the end: {sentence}" for sentence in check_store(path)]
    return [f"after {cut} operations: {sentence}" for sentence in found]


async def _losses(gateway: Gateway, session: Session, cut: int) -> AsyncIterator[str]:
    """Find what had been told before a cut and is not there."""
    logs = {s.run_id: await gateway.load_run(s.run_id) for s in await gateway.statuses()}
    stored = {run_id: await run.load_events(limit=10_000) for run_id, run in logs.items()}
    for before, run_id, event in session.told:
        kept = stored.get(run_id, ())
        if before <= cut and run_id not in session.deleted and event not in kept[: event.event_id]:
            yield f"{run_id} lost {event}"
    for before, key, run_id in session.accepted:
        run = await gateway.find_key(key)
        if before <= cut and run_id not in session.deleted and run is not logs.get(run_id):
            yield f"{run_id} lost its key"
