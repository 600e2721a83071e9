"""The store of one gateway on a `ModelDatabase`: it keeps the protocol of a store, and a cluster's.

What is handed over is committed by a task, in batches; a commit whose answer was lost is sent
again, and counts once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import TypeVar

import trio
from attrs import define, evolve, field
from support.model_database import (
    LeaseRow,
    Link,
    ModelDatabase,
    RunRow,
    Shared,
    ended,
)
from support.model_optimizations import ModelOptimizations
from support.model_shared import ModelShared

from glowback_trio.errors import RunExistsError, StoreError, UnknownRunError
from glowback_trio.memory import Memory
from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.ledger.chain import BrokenEntry
from glowback_trio.model.ledger.entry import LedgerEntry, Tally
from glowback_trio.model.ledger.family import Family
from glowback_trio.model.ledger.totals import TrialTotals
from glowback_trio.model.lifecycle import Headline, State, Status, fold
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.nursery import open_bare_nursery
from glowback_trio.store import Durability, RunFilter, StoredRun
from glowback_trio.store.cluster import (
    LEASE_S,
    NOTHING,
    FencedError,
    Held,
    Lease,
    LeftOut,
    Named,
)
from glowback_trio.store.shared_state import SharedState
from glowback_trio.testing.gateway import EPOCH

__all__ = ["ModelLog", "ModelStore"]

_AT_HAND = 8
_RETRY_S = 0.5
#: Something that a commit does, for the gateway of an epoch.
Change = Callable[[int], object]

T = TypeVar("T")


@define(eq=False)
class ModelLog:
    """A log: those events after `_before` are in memory, those up to `watermark` are stored."""

    named: Named
    _store: ModelStore
    #: The stored events.
    _stored: Callable[[], Sequence[Event]]
    #: Appends in a commit.
    _write: Callable[[Sequence[Event], int], object]
    _on_durable: Callable[[], None]
    watermark: int = 0
    _before: int = field(init=False)
    _events: list[Event] = field(factory=list, init=False)

    def __attrs_post_init__(self) -> None:
        self._before = self.watermark

    def append(self, event: Event) -> None:
        self._events.append(event)
        self._store.hand_over(lambda epoch: self._write([event], epoch), self)

    def committed(self, count: int) -> None:
        """Note that the next so many events are stored."""
        self._move(self.watermark + count)

    def take_told(self, events: Sequence[Event]) -> None:
        assert [each.event_id for each in events[:1]] == [self.watermark + 1]
        self.drop_unwritten()
        self._events += events
        self._move(self.watermark + len(events))

    def note_stored(self, count: int) -> None:
        self.drop_unwritten()
        if count > self.watermark:
            self._events, self._before = [], count
            self._move(count)

    def drop_unwritten(self) -> None:
        """Forget what is not stored."""
        del self._events[self.watermark - self._before :]

    def _move(self, watermark: int) -> None:
        self.watermark = watermark
        leaving = max(0, self.watermark - self._before - _AT_HAND)
        del self._events[:leaving]
        self._before += leaving
        self._on_durable()

    def read_nowait(self, after: int, limit: int) -> Sequence[Event]:
        start = after - self._before
        if start < 0:
            return ()
        return self._events[start : min(start + limit, self.watermark - self._before)]

    async def read(self, after: int, limit: int) -> Sequence[Event]:
        if after >= self._before or after >= self.watermark:
            await trio.lowlevel.checkpoint()
            return self.read_nowait(after, limit)
        until = min(self.watermark, after + limit)
        return await self._store.link.ask(lambda: list(self._stored()[after:until]))

    def select_nowait(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        return _of_types(self.read_nowait(after, limit), types, after)

    async def select(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        return _of_types(await self.read(after, limit), types, after)


def _of_types(
    events: Sequence[Event], types: Collection[AnyEventType], after: int
) -> tuple[Sequence[Event], int]:
    newest = events[-1].event_id if events else after
    return [event for event in events if event.type in types], newest


@define(eq=False)
class ModelLedger:
    """The ledger that all gateways share."""

    _store: ModelStore

    async def head(self) -> LedgerEntry | None:
        await self._store.flush()
        return await self._store.database.ledger.head()

    async def broken(self) -> BrokenEntry | None:
        return await self._store.database.ledger.broken()

    def append(self, tally: Tally) -> None:
        self._store.hand_over(lambda _epoch: self._store.database.ledger.append(tally))

    async def totals_of(self, family: Family, dataset: str) -> TrialTotals:
        await self._store.settle()
        return await self._store.database.ledger.totals_of(family, dataset)

    async def totals(
        self, strategy: str | None, dataset: str | None
    ) -> Mapping[tuple[str, str], TrialTotals]:
        await self._store.settle()
        return await self._store.database.ledger.totals(strategy, dataset)

    async def datasets_of(self, origin_id: str) -> frozenset[str]:
        await self._store.settle()
        return await self._store.database.ledger.datasets_of(origin_id)

    async def entries(
        self, strategy: str | None, dataset: str | None, owner: str | None, after: int, limit: int
    ) -> Sequence[LedgerEntry]:
        await self._store.settle()
        ledger = self._store.database.ledger
        return await ledger.entries(strategy, dataset, owner, after, limit)


@define(eq=False)
class ModelCluster:
    """The gateways on the database, as the gateway of one store sees them."""

    _store: ModelStore
    _address: str | None = field(default=None, init=False)
    _shared: ModelShared | None = field(default=None, init=False)
    fenced: bool = field(default=False, init=False)
    _fence: trio.Event = field(factory=trio.Event, init=False)

    @property
    def _lease(self) -> LeaseRow:
        assert self._store.lease is not None, "the store is open"
        return self._store.lease

    @property
    def epoch(self) -> int:
        return self._lease.epoch

    async def wait_fenced(self) -> None:
        await self._fence.wait()

    def note_fenced(self) -> None:
        """Learn that the lease was fenced."""
        self.fenced = True
        self._fence.set()

    def advertise(self, address: str | None) -> None:
        self._address = address

    @property
    def shared(self) -> SharedState:
        if self._shared is None:
            self._shared = ModelShared(self._store.database.tables, self.epoch)
        return self._shared

    def note_origin(self, named: Named, owner: str, fingerprint: str | None) -> None:
        def note(_epoch: int) -> None:
            if (row := self._store.database.find(named)) is not None:
                row.owner, row.fingerprint = owner, fingerprint

        self._store.hand_over(note)

    async def _ask(self, function: Callable[[], T]) -> T:
        """Do something that only a lease allows which was not fenced."""
        lease = self._lease

        def checked() -> T:
            if lease.fenced:
                raise FencedError("This gateway was cut off for longer than its lease")
            return function()

        try:
            return await self._store.link.ask(checked)
        except FencedError:
            if lease is self._lease:
                self.note_fenced()
            raise

    async def renew(self) -> bool:
        def renew() -> None:
            self._lease.until = trio.current_time() + LEASE_S
            self._lease.address = self._address

        try:
            await self._ask(renew)
        except FencedError:
            return False
        return True

    async def rejoin(self) -> int:
        await self._store.drop_pending()
        database = self._store.database
        lease = await self._store.link.ask(lambda: database.join(self._lease.name, self._address))
        self._store.lease = lease
        self._store.forget_pending()  # what was handed over meanwhile was for the old lease
        self.fenced, self._fence = False, trio.Event()
        return lease.epoch

    async def leases(self) -> Sequence[Lease]:
        return await self._store.link.ask(self._leases)

    def _leases(self) -> Sequence[Lease]:
        return [
            self._seen(each) for each in self._store.database.leases.values() if not each.fenced
        ]

    def _seen(self, lease: LeaseRow) -> Lease:
        held = [row for _, row in self._store.database.everything() if row.held_by == lease.epoch]
        began = EPOCH + timedelta(seconds=lease.began)
        left = lease.until - trio.current_time()
        return Lease(lease.epoch, lease.name, lease.address, "0", began, left, len(held))

    async def fence(self, epochs: Collection[int]) -> Sequence[Held]:
        def fence() -> Sequence[Held]:
            held: list[Held] = []
            for epoch in epochs:
                lease = self._store.database.leases[epoch]
                if not lease.fenced and lease.until <= trio.current_time():
                    held += self._store.database.fence(epoch)
            return held

        return await self._ask(fence)

    async def holders(self, named: Collection[Named]) -> Mapping[Named, Lease | None]:
        def holders() -> Mapping[Named, Lease | None]:
            database = self._store.database
            return {
                each: None if row.held_by is None else self._seen(database.leases[row.held_by])
                for each, row in database.everything()
                if each in named
            }

        return await self._store.link.ask(holders)

    async def claim(self, named: Named) -> bool:
        def claim() -> bool:
            row = self._store.database.find(named)
            if row is None or ended(row.log) or row.held_by not in (None, self.epoch):
                return False
            row.held_by, row.begun = self.epoch, True
            return True

        return await self._ask(claim)

    async def claim_queued(self, most: int, left_out: LeftOut = NOTHING) -> Sequence[Held]:
        def claim() -> Sequence[Held]:
            found = [
                (named, row)
                for named, row in self._waiting()
                if row.held_by != self.epoch and not _leaves(left_out, named, row)
            ][:most]
            for _, row in found:
                row.held_by = self.epoch
            return [row.held(named) for named, row in found]

        return await self._ask(claim)

    def _waiting(self) -> list[tuple[Named, Shared]]:
        database = self._store.database
        return [
            (named, row)
            for named, row in database.everything()
            if database.queued(named) and not (row.begun or row.paused)
        ]

    async def queued(self, left_out: LeftOut) -> Sequence[Held]:
        def queued() -> Sequence[Held]:
            return [
                row.held(named) for named, row in self._waiting() if _leaves(left_out, named, row)
            ]

        return await self._store.link.ask(queued)

    async def origin(self, named: Named) -> Held | None:
        def origin() -> Held | None:
            row = self._store.database.find(named)
            return None if row is None else row.held(named)

        return await self._store.link.ask(origin)

    async def release(self, named: Collection[Named]) -> None:
        await self._store.flush()

        def release() -> None:
            for each in named:
                row = self._store.database.find(each)
                if row is not None and row.held_by == self.epoch:
                    row.held_by, row.begun = None, False

        await self._ask(release)

    async def free(self) -> Sequence[Held]:
        def free() -> Sequence[Held]:
            database = self._store.database
            return [
                row.held(named)
                for named, row in database.everything()
                if row.held_by is None and not database.queued(named)
            ]

        return await self._store.link.ask(free)

    async def positions(self, named: Collection[Named]) -> Mapping[Named, int]:
        def positions() -> Mapping[Named, int]:
            rows = {each: self._store.database.find(each) for each in named}
            return {each: len(row.log) for each, row in rows.items() if row is not None}

        return await self._store.link.ask(positions)

    async def changed(self, since: datetime | None) -> tuple[Sequence[Named], datetime]:
        def changed() -> tuple[Sequence[Named], datetime]:
            database = self._store.database
            known = 0 if since is None else int((since - EPOCH).total_seconds())
            rows: list[tuple[Named, Shared]] = [
                *((("run", key), row) for key, row in database.runs.items()),
                *((("optimization", key), row) for key, row in database.optimizations.items()),
            ]
            found = [
                named
                for named, row in rows
                if since is not None and row.changed[0] > known and row.changed[1] != self.epoch
            ]
            return found, EPOCH + timedelta(seconds=database.commits)

        return await self._store.link.ask(changed)

    async def wait_news(self) -> Collection[Named]:
        return await self._store.link.wait_hint()


def _leaves(left_out: LeftOut, named: Named, row: Shared) -> bool:
    return row.fingerprint in left_out.fingerprints or named[1] in left_out.run_ids


@define(eq=False)
class ModelStore:
    """A gateway's store on the database.

    Args:
        database: The database; left out, one of its own.
        name: Whose it is.
    """

    database: ModelDatabase = field(factory=ModelDatabase)
    name: str = "gateway"
    address: str | None = None
    link: Link = field(init=False)
    lease: LeaseRow | None = field(default=None, init=False)
    cluster: ModelCluster = field(init=False)
    ledger: ModelLedger = field(init=False)
    optimizations: ModelOptimizations = field(init=False)
    _pending: list[tuple[Change, ModelLog | None]] = field(factory=list, init=False)
    _committing: list[tuple[Change, ModelLog | None]] = field(factory=list, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)
    _written: trio.Event = field(factory=trio.Event, init=False)
    _failing: bool = field(default=False, init=False)
    #: How often what was handed over was dropped.
    _drops: int = field(default=0, init=False)
    _finished: dict[str, None] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.link = Link(self.database, self.name)
        self.cluster = ModelCluster(self)
        self.ledger = ModelLedger(self)
        self.optimizations = ModelOptimizations(self)

    @property
    def durability(self) -> Durability:
        return "process"

    @property
    def writable(self) -> bool:
        return not (self._failing or self.cluster.fenced)

    @property
    def epoch(self) -> int:
        """The number of the lease."""
        assert self.lease is not None, "the store is open"
        return self.lease.epoch

    @asynccontextmanager
    async def opened(
        self, strategies: StrategyRegistry, memory: Memory | None = None
    ) -> AsyncIterator[None]:
        del strategies, memory
        if self.lease is not None:
            raise StoreError("This store is open in another gateway")
        self.lease = await self._join()
        self.cluster.advertise(self.address)
        try:
            async with open_bare_nursery() as nursery:
                nursery.start_soon(self._write_for_ever)
                try:
                    yield
                finally:
                    with trio.CancelScope(shield=True), trio.move_on_after(60):
                        await self.settle()
                    nursery.cancel_scope.cancel()
        finally:
            if not (self.link.dead or self.lease.fenced):
                self.database.fence(self.lease.epoch)
            self.lease = None

    async def _join(self) -> LeaseRow:
        while True:
            try:
                return await self.link.ask(lambda: self.database.join(self.name, self.address))
            except StoreError:
                await trio.sleep(_RETRY_S)

    def hand_over(self, change: Change, log: ModelLog | None = None) -> None:
        """Have a change committed."""
        self._pending.append((change, log))
        self._bell.set()

    async def _write_for_ever(self) -> None:
        while True:
            await self._bell.wait()
            self._bell = trio.Event()
            if self.cluster.fenced or not self._pending:
                continue
            self._committing, self._pending = self._pending, []
            await self._commit(self.lease)
            self._committing = []
            self._written.set()
            self._written = trio.Event()

    async def _commit(self, lease: LeaseRow | None) -> None:
        """Commit one batch, however often it has to be sent."""
        assert lease is not None, "the store is open"
        number, committing = lease.commits + 1, self._committing

        def commit() -> None:
            if lease.fenced:
                raise FencedError("This gateway was cut off for longer than its lease")
            if lease.commits < number:  # otherwise only the answer was lost
                lease.commits = number
                for change, _ in committing:
                    change(lease.epoch)

        while True:
            try:
                await self.link.ask(commit)
            except FencedError:
                if lease is self.lease:
                    self.cluster.note_fenced()
                return
            except StoreError:
                self._failing = True
                await trio.sleep(_RETRY_S)
            else:
                self._failing = False
                self._tell()
                return

    def _tell(self) -> None:
        """Move the watermarks after a commit."""
        logs = Counter(log for _, log in self._committing if log is not None)
        if self.cluster.fenced:
            return  # others may have read on in them
        for log, count in logs.items():
            log.committed(count)
        if logs:
            self.database.tell([log.named for log in logs], self.link)

    async def drop_pending(self) -> None:
        """Forget what was handed over, once no commit is under way."""
        while self._committing:
            await self._written.wait()
        self.forget_pending()

    def forget_pending(self) -> None:
        """Forget what was handed over and is not under way."""
        for _, log in self._pending:
            if log is not None:
                log.drop_unwritten()
        self._pending = []
        self._drops += 1
        self._written.set()
        self._written = trio.Event()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()
        drops = self._drops
        while self._pending or self._committing:
            if self.cluster.fenced:
                raise FencedError("This gateway was cut off for longer than its lease")
            if self._failing or self.link.dead:
                raise StoreError("The database cannot be reached")
            with trio.move_on_after(_RETRY_S):
                await self._written.wait()
            if self._drops != drops:
                raise FencedError("What was handed over was dropped")

    async def settle(self) -> None:
        """Wait until what was handed over is stored, if it ever will be."""
        while (self._pending or self._committing) and not (self.cluster.fenced or self.link.dead):
            await self._written.wait()

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()

    async def ask(self, function: Callable[[], T]) -> T:
        """Ask the database, once it has what was handed over."""
        await self.settle()
        return await self.link.ask(function)

    async def run_ids(self) -> Sequence[str]:
        return await self.ask(lambda: [key for key, row in self.database.runs.items()])

    async def resident_ids(self) -> Sequence[str]:
        return await self.run_ids()

    async def statuses(
        self, only: RunFilter, before: str | None, limit: int
    ) -> Sequence[Status] | None:
        def statuses() -> Sequence[Status]:
            runs = list(self.database.runs)[::-1]
            if before is not None:
                if before not in self.database.runs:
                    raise UnknownRunError(before)
                runs = runs[runs.index(before) + 1 :]
            found = [_status(self.database.runs[each]) for each in runs]
            return [each for each in found if only.matches(each)][:limit]

        return await self.ask(statuses)

    async def find_key(self, key: str) -> str | None:
        def find() -> str | None:
            runs = self.database.runs.items()
            return next((each for each, row in runs if row.key == key), None)

        return await self.ask(find)

    async def reopen(self, run_id: str, on_durable: Callable[[], None]) -> StoredRun:
        def reopen() -> StoredRun:
            row = self._find(run_id)
            log = self._log(run_id, row, on_durable, len(row.events))
            return StoredRun(row.request, _status(row), log)

        return await self.ask(reopen)

    def _find(self, run_id: str) -> RunRow:
        try:
            return self.database.runs[run_id]
        except KeyError:
            raise UnknownRunError(run_id) from None

    def _log(
        self, run_id: str, row: RunRow, on_durable: Callable[[], None], watermark: int
    ) -> ModelLog:
        def write(events: Sequence[Event], epoch: int) -> None:
            if self.database.runs.get(run_id) is row:  # otherwise it was forgotten
                self.database.append(row, row.events, events, epoch)
            else:
                row.events.extend(events)

        return self.make_log(("run", run_id), lambda: row.events, write, on_durable, watermark)

    def make_log(
        self,
        named: Named,
        stored: Callable[[], Sequence[Event]],
        write: Callable[[Sequence[Event], int], object],
        on_durable: Callable[[], None],
        watermark: int,
    ) -> ModelLog:
        """Make a log."""
        return ModelLog(named, self, stored, write, on_durable, watermark)

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> ModelLog:
        row = RunRow(key, "", None, request, request.labels)

        def begin(epoch: int) -> None:
            for each in self.database.runs.values():
                each.key = None if each.key == key else each.key
            self.database.runs.pop(run_id, None)
            self.database.runs[run_id] = row
            row.held_by = epoch

        self.hand_over(begin)
        return self._log(run_id, row, on_durable, 0)

    def _change(self, run_id: str, change: Callable[[RunRow], object]) -> None:
        def changed(epoch: int) -> None:
            if (row := self.database.runs.get(run_id)) is not None:
                change(row)
                self.database.touch(row, epoch)

        self.hand_over(changed)

    def label(self, run_id: str, labels: Labels) -> None:
        self._change(run_id, lambda row: setattr(row, "labels", labels))

    def note_pause(self, run_id: str, *, paused: bool) -> None:
        self._change(run_id, lambda row: setattr(row, "paused", paused))

    async def import_run(
        self,
        run_id: str,
        request: BacktestRequest,
        events: Sequence[Event],
        result: Result | None,
    ) -> None:
        await self.settle()
        if run_id in self.database.runs:
            raise RunExistsError(run_id)
        row = self.database.runs[run_id] = RunRow(None, "", None, request, request.labels)
        row.events.extend(events)
        row.result = result

    async def keep_result(self, run_id: str, result: Result) -> None:
        self._change(run_id, lambda row: setattr(row, "result", result))
        await self.flush_at_last()

    async def flush_at_last(self) -> None:
        """Wait until what was handed over is stored, however long the database is away."""
        while True:
            try:
                return await self.flush()
            except FencedError:
                raise
            except StoreError:
                await trio.sleep(_RETRY_S)

    def result_nowait(self, run_id: str) -> Result | None:
        self._find(run_id)
        return None

    async def result(self, run_id: str) -> Result:
        def result() -> Result:
            if (kept := self._find(run_id).result) is None:
                raise UnknownRunError(run_id)
            return kept

        return await self.ask(result)

    def retire(self, run_id: str) -> Sequence[str]:
        return ()

    @property
    def expires(self) -> bool:
        return False

    async def expired(self, now: datetime) -> Sequence[str]:
        return ()

    def forget(self, run_id: str) -> None:
        self.hand_over(lambda _epoch: self.database.runs.pop(run_id, None))


def _status(row: RunRow) -> Status:
    status = fold(row.events, row.request).labelled(row.labels)
    status = evolve(status, paused=row.paused and not status.finished)
    if row.result is not None and status.state is State.COMPLETED:
        status = evolve(status, metrics=Headline.of(row.result.metrics))
    return status
