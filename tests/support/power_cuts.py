"""Power cuts: what a disk may hold after one, worked out from a record of all that was done to it.

Between two syncs of a file a disk may carry out the writes to it in any order, a part of them, and
a part of each, sector by sector. A file whose directory entry was never synced may be missing, and
one that was deleted may be back.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

import trio
from attrs import define, evolve, field
from support.sqlite_files import inline_store
from support.watched_vfs import Operation, watched_disk

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
from glowback_trio.testing import virtual_now

__all__ = ["Session", "files_after_cut", "find_losses", "record_session"]

_SECTOR = 512

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
        operations: What was done to files, in order.
        told: Events that a reader got, each with the number of operations before.
        accepted: Keys of requests that were accepted, with their runs, and the same number.
        deleted: Runs that somebody asked to delete, which may be there or not.
    """

    operations: list[Operation] = field(factory=list)
    told: list[tuple[int, str, Event]] = field(factory=list)
    accepted: list[tuple[int, str, str]] = field(factory=list)
    deleted: set[str] = field(factory=set)


async def record_session(path: Path, synchronous: Literal["NORMAL", "FULL"]) -> Session:
    """Let gateways live on a new file: two, one after the other, and then a compaction."""
    session = Session()
    with watched_disk(partial(_note, session.operations)):
        for number in range(2):
            await _live(session, path, synchronous, number)
        compact_store(path)
    return session


def _note(operations: list[Operation], operation: Operation) -> None:
    if operation.kind not in ("open", "read", "lock"):
        operations.append(operation)


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
        assert store._session is not None
        store._session.checkpointer.note(1 << 40)
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


def files_after_cut(operations: Sequence[Operation], seed: int) -> dict[str, bytes]:
    """Return the files that a disk may hold after these operations and a power cut."""
    disk = _Disk()
    for operation in operations:
        disk.carry_out(operation)
    return dict(disk.after_cut(random.Random(seed)))


@define
class _File:
    """A file: what is certainly on the disk, and what may be."""

    content: bytes = b""
    pending: list[Operation] = field(factory=list)
    #: Whether its directory entry is certainly there.
    named: bool = False

    def sync(self) -> None:
        self.content, self.pending, self.named = _applied(self.content, self.pending), [], True


@define
class _Disk:
    _files: dict[str, _File] = field(factory=dict)
    #: Files whose deletion was not synced.
    _deleted: dict[str, _File] = field(factory=dict)

    def carry_out(self, operation: Operation) -> None:
        name = operation.name
        match operation.kind:
            case "create":
                self._files[name] = _File()
            case "delete":
                self._deleted[name] = self._files.pop(name)
            case "sync":
                file = self._files[name]
                if not file.named and name.endswith(("-wal", "-journal")):
                    self._sync_directory()
                file.sync()
            case _:
                self._files[name].pending.append(operation)

    def _sync_directory(self) -> None:
        # SQLite does so after the first sync of a journal or a write-ahead log that it has created.
        self._deleted.clear()
        for file in self._files.values():
            file.named = True

    def after_cut(self, rng: random.Random) -> Iterator[tuple[str, bytes]]:
        for files in self._deleted, self._files:
            for name, file in files.items():
                is_there = file.named if files is self._files else rng.random() < 0.5
                if is_there or rng.random() < 0.5:
                    yield name, _applied(file.content, _some(file.pending, rng))


def _some(pending: Iterable[Operation], rng: random.Random) -> Iterator[Operation]:
    """Choose those of the pending operations that a disk has carried out, and how far."""
    kept, torn = rng.choice((0.0, 0.5, 0.9, 1.0)), rng.choice((0.0, 0.5))
    for operation in pending:
        if rng.random() >= kept:
            continue
        if operation.kind == "write" and rng.random() < torn:
            yield from _torn(operation, rng)
        else:
            yield operation


def _torn(operation: Operation, rng: random.Random) -> Iterator[Operation]:
    # Sectors are those of the file: a write that begins within one ends at its border.
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        border = min(end, (start // _SECTOR + 1) * _SECTOR)
        if rng.random() < 0.5:
            data = operation.data[start - operation.offset : border - operation.offset]
            yield evolve(operation, offset=start, data=data)
        start = border


def _applied(content: bytes, operations: Iterable[Operation]) -> bytes:
    file = bytearray(content)
    for operation in operations:
        if operation.kind == "truncate":
            del file[operation.offset :]
            continue
        file.extend(bytes(max(0, operation.offset - len(file))))
        file[operation.offset : operation.offset + len(operation.data)] = operation.data
    return bytes(file)


async def find_losses(path: Path, session: Session, cut: int, seed: int) -> list[str]:
    """Cut the power after so many operations; say what is wrong with the store that is left.

    Args:
        path: Where the store is put. What its directory has is removed.
        session: What was done and told.
        cut: The number of operations before the cut.
        seed: Decides what the disk has made of those that were not synced.
    """
    _clear(path.parent)
    for name, content in files_after_cut(session.operations[:cut], seed).items():
        (path.parent / name).write_bytes(content)
    async with open_gateway(
        store=inline_store(path), compute=InlineCompute(), clock=virtual_now
    ) as gateway:
        found = [f"not sound: {sentence}" for sentence in check_store(path)]
        found += [sentence async for sentence in _losses(gateway, session, cut)]
        await gateway.wait_idle()
    found += [f"not sound in the end: {sentence}" for sentence in check_store(path)]
    return [f"after {cut} operations: {sentence}" for sentence in found]


def _clear(directory: Path) -> None:
    for left in directory.iterdir():
        left.unlink()


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
