"""A store that keeps nothing but bytes, as a disk would: what it gives back was made from them.

It can be slow as a disk is, too: `lag` lets the watermark follow the newest event at some distance,
and `at_hand` lets all but the newest events, and the results, leave memory.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import orjson
import trio
from attrs import asdict, define, evolve, field

from glowback_trio import Event, Result
from glowback_trio.errors import RunExistsError, StoreError, UnknownRunError
from glowback_trio.memory import Memory
from glowback_trio.model.events import AnyEventType
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Headline, State, Status, fold
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.registry import StrategyRegistry, make_registry
from glowback_trio.nursery import open_bare_nursery
from glowback_trio.store import Durability, StoredRun
from glowback_trio.store.memory_ledger import MemoryLedger
from glowback_trio.store.memory_optimizations import MemoryOptimizations
from glowback_trio.store.run_filter import RunFilter
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.requests import parse_kept_request, request_document

__all__ = ["BytesLog", "BytesStore", "Record"]


@define(eq=False)
class Record:
    """All that is kept of one run."""

    request: bytes
    labels: bytes
    key: str | None = None
    events: list[bytes] = field(factory=list)
    result: bytes | None = None
    paused: bool = False


@define(eq=False)
class BytesLog:
    """A run's events as the bytes that they are."""

    _store: BytesStore
    _record: Record
    _on_durable: Callable[[], None]
    #: How many events have been written; those after them have only been handed over.
    watermark: int

    def append(self, event: Event) -> None:
        self._record.events.append(event.data)
        if self._store.lag:
            self._store.hand_over(self)
        else:
            self.write()

    def write(self) -> None:
        """Make what has been handed over durable."""
        if self._store.full:
            raise OSError(28, "No space left on device")
        if self.watermark < len(self._record.events):
            self.watermark = len(self._record.events)
            self._on_durable()

    def read_nowait(self, after: int, limit: int) -> Sequence[Event]:
        if after < len(self._record.events) - self._store.at_hand:
            return ()
        return self._decoded(after, limit)

    async def read(self, after: int, limit: int) -> Sequence[Event]:
        await trio.lowlevel.checkpoint()
        return self._decoded(after, limit)

    def select_nowait(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        return _of_types(self.read_nowait(after, limit), types, after)

    async def select(
        self, after: int, limit: int, types: Collection[AnyEventType]
    ) -> tuple[Sequence[Event], int]:
        return _of_types(await self.read(after, limit), types, after)

    def _decoded(self, after: int, limit: int) -> Sequence[Event]:
        return [_event(data) for data in self._record.events[after : self.watermark][:limit]]


def _of_types(
    events: Sequence[Event], types: Collection[AnyEventType], after: int
) -> tuple[Sequence[Event], int]:
    """Return those of these types among all that come next: few may be looked at at once."""
    newest = events[-1].event_id if events else after
    return [event for event in events if event.type in types], newest


def _event(data: bytes) -> Event:
    fields = orjson.loads(data)
    return Event(fields["event_id"], fields["type"], data)


def _labels(labels: Labels) -> bytes:
    return orjson.dumps(asdict(labels))


@define(eq=False)
class BytesStore:
    """Keeps the bytes of every run, until they are forgotten.

    Attributes:
        keep_runs: How many finished runs are kept.
        at_hand: How many of a run's newest events are in memory. Results are when all events are.
        lag: Whether events are written by a task, a turn or more after they were appended.
        full: Whether writing fails.
    """

    keep_runs: int = sys.maxsize
    at_hand: int = sys.maxsize
    lag: bool = False
    full: bool = False
    records: dict[str, Record] = field(factory=dict)
    ledger: MemoryLedger = field(factory=MemoryLedger, init=False)
    optimizations: MemoryOptimizations = field(
        factory=lambda: MemoryOptimizations(1000, 1 << 30), init=False
    )
    _finished: dict[str, None] = field(factory=dict, init=False)
    _strategies: StrategyRegistry = field(factory=make_registry, init=False)
    _handed_over: dict[BytesLog, None] = field(factory=dict, init=False)
    _bell: trio.Event = field(factory=trio.Event, init=False)
    _open: bool = field(default=False, init=False)

    @property
    def cluster(self) -> None:
        return None

    @property
    def durability(self) -> Durability:
        return "process"

    @property
    def writable(self) -> bool:
        return True

    @asynccontextmanager
    async def opened(
        self, strategies: StrategyRegistry, memory: Memory | None = None
    ) -> AsyncIterator[None]:
        del memory
        if self._open:
            raise StoreError("This store is open in another gateway")
        self._open, self._strategies = True, strategies
        try:
            async with open_bare_nursery() as nursery:
                nursery.start_soon(self._write_for_ever)
                try:
                    yield
                finally:
                    nursery.cancel_scope.cancel()
        finally:
            self._open = False
            if not self.full:
                self._write()

    async def _write_for_ever(self) -> None:
        while True:
            await self._bell.wait()
            self._bell = trio.Event()
            await trio.lowlevel.checkpoint()
            self._write()

    def _write(self) -> None:
        written, self._handed_over = self._handed_over, {}
        for log in written:
            log.write()

    def hand_over(self, log: BytesLog) -> None:
        self._handed_over[log] = None
        self._bell.set()

    async def flush(self) -> None:
        await trio.lowlevel.checkpoint()
        while self._handed_over:
            await trio.lowlevel.checkpoint()

    async def wait_room(self) -> None:
        await trio.lowlevel.checkpoint()

    async def run_ids(self) -> Sequence[str]:
        await trio.lowlevel.checkpoint()
        return list(self.records)

    async def resident_ids(self) -> Sequence[str]:
        return await self.run_ids()

    async def statuses(
        self, only: RunFilter, before: str | None, limit: int
    ) -> Sequence[Status] | None:
        return None

    async def find_key(self, key: str) -> str | None:
        await trio.lowlevel.checkpoint()
        return next((each for each, kept in self.records.items() if kept.key == key), None)

    async def reopen(self, run_id: str, on_durable: Callable[[], None]) -> StoredRun:
        await trio.lowlevel.checkpoint()
        record = self._find(run_id)
        document = orjson.loads(record.request)
        request = parse_kept_request(document, make_converter(self._strategies))
        log = BytesLog(self, record, on_durable, len(record.events))
        status = fold(map(_event, record.events), request)
        labels = make_converter().structure(orjson.loads(record.labels), Labels)
        status = evolve(status.labelled(labels), paused=record.paused and not status.finished)
        if record.result is not None and status.state is State.COMPLETED:
            status = evolve(status, metrics=Headline.of(pickle.loads(record.result).metrics))
        return StoredRun(request, status, log)

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> BytesLog:
        for kept in self.records.values():
            kept.key = None if kept.key == key else kept.key
        document = orjson.dumps(request_document(request))
        record = self.records[run_id] = Record(document, _labels(request.labels), key)
        return BytesLog(self, record, on_durable, 0)

    def label(self, run_id: str, labels: Labels) -> None:
        if run_id in self.records:
            self.records[run_id].labels = _labels(labels)

    def note_pause(self, run_id: str, *, paused: bool) -> None:
        if run_id in self.records:
            self.records[run_id].paused = paused

    async def import_run(
        self,
        run_id: str,
        request: BacktestRequest,
        events: Sequence[Event],
        result: Result | None,
    ) -> None:
        await trio.lowlevel.checkpoint()
        if run_id in self.records:
            raise RunExistsError(run_id)
        written = orjson.dumps(request_document(request))
        kept = [event.data for event in events]
        self.records[run_id] = Record(
            written,
            _labels(request.labels),
            None,
            kept,
            None if result is None else pickle.dumps(result),
        )

    async def keep_result(self, run_id: str, result: Result) -> None:
        await trio.lowlevel.checkpoint()
        if run_id in self.records:
            self.records[run_id].result = pickle.dumps(result)

    def result_nowait(self, run_id: str) -> Result | None:
        if self.at_hand < len(self._find(run_id).events):
            return None
        return self._unpickled(run_id)

    async def result(self, run_id: str) -> Result:
        await trio.lowlevel.checkpoint()
        return self._unpickled(run_id)

    def _unpickled(self, run_id: str) -> Result:
        if (kept := self._find(run_id).result) is None:
            raise UnknownRunError(run_id)
        result: Result = pickle.loads(kept)
        return result

    def retire(self, run_id: str) -> Sequence[str]:
        if run_id in self.records:
            self._finished[run_id] = None
        evicted = list(self._finished)[: max(0, len(self._finished) - self.keep_runs)]
        for each in evicted:
            self.forget(each)
        return evicted

    @property
    def expires(self) -> bool:
        return False

    async def expired(self, now: datetime) -> Sequence[str]:
        return ()

    def forget(self, run_id: str) -> None:
        self.records.pop(run_id, None)
        self._finished.pop(run_id, None)

    def _find(self, run_id: str) -> Record:
        try:
            return self.records[run_id]
        except KeyError:
            raise UnknownRunError(run_id) from None
