"""An open store: what it remembers of its runs, and what it does for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from weakref import WeakValueDictionary

import orjson
import trio
from attrs import define, field

from glowback_trio.errors import RunExistsError, StoreError, UnknownRunError
from glowback_trio.memory import Holding, Memory
from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.cluster import Named
from glowback_trio.store.durable.cleaner import Cleaner
from glowback_trio.store.durable.forgotten import Forgotten
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.durable.ports import (
    Asks,
    Keeping,
    RunQueries,
    RunRow,
    RunStatements,
)
from glowback_trio.store.durable.statement import CallInThread, LogTable, RowNumber
from glowback_trio.store.durable.writer import Writer
from glowback_trio.store.protocol import StoredRun
from glowback_trio.store.run_filter import RunFilter
from glowback_trio.store.sizes import result_bytes
from glowback_trio.wire.converter import Converter
from glowback_trio.wire.requests import parse_kept_request

__all__ = ["Session"]

# Results are fetched right after their runs, if at all.
_RESULTS_AT_HAND = 8
# Finished runs that a gateway may hold, each with the end of its log.
_RUNS_AT_HAND = 256
# Runs that are forgotten in one step.
_EXPIRED_AT_ONCE = 64


@define(eq=False)
class Session:
    """An open store.

    Args:
        writer: Changes the database.
        cleaner: Removes the rows of runs that were forgotten.
        reader: Asks the database.
        statements: Change rows.
        queries: Read rows.
        converter: Reads requests.
        call: Calls what takes long.
        new_row: Returns the number of the next row of a run or an attempt, which share their
            numbers.
        memory: Its accounts are told of what is at hand.
    """

    writer: Writer
    cleaner: Cleaner
    reader: Asks
    statements: RunStatements
    queries: RunQueries
    converter: Converter
    call: CallInThread
    new_row: Callable[[], RowNumber]
    memory: Memory
    #: One import at a time, so that no two have the same id.
    _importing: trio.Lock = field(factory=trio.Lock, init=False)
    #: The newest results, each with what it holds of the memory.
    _results: OrderedDict[str, tuple[Result, Holding]] = field(factory=OrderedDict, init=False)
    #: The logs that somebody holds.
    logs: WeakValueDictionary[str, DurableLog] = field(factory=WeakValueDictionary, init=False)
    #: The finished runs that were used last, the one that was used longest ago first.
    _finished: OrderedDict[str, None] = field(factory=OrderedDict, init=False)
    _forgotten: Forgotten = field(init=False)
    forgotten_optimizations: Forgotten = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._forgotten = Forgotten(self.writer)
        self.forgotten_optimizations = Forgotten(self.writer)

    async def catch_up(self) -> None:
        """Wait until what was handed over can be queried, if it can be written at all."""
        if self.writer.problem is None:
            with suppress(StoreError):
                await self.writer.flush()

    def make_log(
        self,
        named: Named,
        row: RowNumber,
        watermark: int,
        on_durable: Callable[[], None],
    ) -> DurableLog:
        """Make the log of a run or an attempt."""
        held = Holding(self.memory.account("logs"))
        parts = (self.writer, self.reader, self.queries)
        of: LogTable = "runs" if named[0] == "run" else "attempts"
        return DurableLog(row, watermark, *parts, on_durable, held, of, named)

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None,
    ) -> DurableLog:
        """Begin a run's log. A run that had this id is forgotten."""
        row = self._replace(run_id)
        self.writer.add(*self.statements.insert_run(row, run_id, key, request))
        return self._begin(run_id, row, 0, on_durable)

    def _replace(self, run_id: str) -> RowNumber:
        self.forget(run_id)
        self._forgotten.remove(run_id)
        return self.new_row()

    def _begin(
        self, run_id: str, row: RowNumber, watermark: int, on_durable: Callable[[], None]
    ) -> DurableLog:
        log = self.logs[run_id] = self.make_log(("run", run_id), row, watermark, on_durable)
        return log

    async def reopen(self, run_id: str, on_durable: Callable[[], None]) -> StoredRun:
        """Give back a run.

        Raises:
            UnknownRunError: It was never opened, or is gone.
            InvalidRequestError: Its request cannot be read.
            StoreError: It cannot be read.
        """
        if run_id in self.logs:
            await self.catch_up()
        row = await self._find(run_id)
        request = parse_kept_request(orjson.loads(row.request), self.converter)
        log = self._begin(run_id, RowNumber(row.seq), row.status.event_count, on_durable)
        return StoredRun(request, row.status, log)

    async def _find(self, run_id: str) -> RunRow:
        while True:
            self._check(run_id)
            times = self._forgotten.times
            row: RunRow = await self.reader.ask(self.queries.find_run, run_id)
            if self._forgotten.times == times:  # otherwise it may have been forgotten meanwhile
                return row

    async def import_run(
        self,
        run_id: str,
        request: BacktestRequest,
        events: Sequence[Event],
        result: Result | None,
    ) -> None:
        """Keep a finished run of another store as the newest one, in one commit.

        Raises:
            RunExistsError: A run has this id.
            StoreError: It cannot be written at the moment.
        """
        async with self._importing:
            await self.writer.flush()
            if await self.reader.ask(self.queries.row_of, run_id) is not None:
                raise RunExistsError(run_id)
            self._forgotten.remove(run_id)
            row = self.new_row()
            rows = (row, run_id, request, events, result)
            self.writer.add(*await self.call(self.statements.insert_finished, *rows))
            try:
                await self.writer.flush()
            except BaseException:
                # It would be written later, when nobody expects it any more.
                self.forget(run_id)
                raise
            # Another gateway may have been first.
            if await self.reader.ask(self.queries.row_of, run_id) != row.value:
                raise RunExistsError(run_id)

    async def run_ids(self) -> Sequence[str]:
        """Return the ids of all runs, oldest first."""
        await self.catch_up()
        return self._forgotten.without(await self.reader.ask(self.queries.run_ids))

    async def resident_ids(self) -> Sequence[str]:
        """Return the ids of the runs that a gateway opens at its start, oldest first."""
        await self.catch_up()
        return self._forgotten.without(await self.reader.ask(self.queries.unfinished_ids))

    async def statuses(self, only: RunFilter, before: str | None, limit: int) -> Sequence[Status]:
        """Return statuses as they are written, newest first.

        Raises:
            UnknownRunError: There is no run `before`.
        """
        query = self.queries.list_statuses
        found: Sequence[Status] = await self.reader.ask(query, only, before, limit)
        return [status for status in found if not self._forgotten.has(status.run_id)]

    async def find_key(self, key: str) -> str | None:
        """Return the id of the run that was opened with an idempotency key."""
        found: str | None = await self.reader.ask(self.queries.find_by_key, key)
        return found

    def label(self, run_id: str, labels: Labels) -> None:
        """Replace a run's labels."""
        self.writer.add(*self.statements.label_run(run_id, labels))

    def note_pause(self, run_id: str, *, paused: bool) -> None:
        """Note whether a run is paused."""
        self.writer.add(*self.statements.pause_run(run_id, paused=paused))

    async def keep_result(self, run_id: str, result: Result) -> None:
        """Keep a result, unless its run has been forgotten meanwhile."""
        self.writer.add(*await self.call(self.statements.insert_result, run_id, result))
        # A database that fails for a while must not fail the run: its events wait, too.
        await self.writer.flush(patient=True)
        self._keep_at_hand(run_id, result)

    def _keep_at_hand(self, run_id: str, result: Result) -> None:
        """Keep the result of a run that goes on, as one of the newest few, if memory is left."""
        held = Holding(self.memory.account("results"))
        if run_id in self.logs and held.try_grow_to(result_bytes(result)):
            self._results[run_id] = result, held
        while len(self._results) > _RESULTS_AT_HAND:
            self._results.popitem(last=False)

    def result_at_hand(self, run_id: str) -> Result | None:
        """Return a result that is in memory."""
        return self._results.get(run_id, (None,))[0]

    async def result(self, run_id: str) -> Result:
        """Return a result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
            StoreError: It cannot be read.
        """
        if (result := self.result_at_hand(run_id)) is not None:
            await trio.lowlevel.checkpoint()
            return result
        self._check(run_id)
        found: Result = await self.reader.ask(self.queries.read_result, run_id)
        return found

    def retire(self, run_id: str) -> Sequence[str]:
        """Count a run as finished and just used; return those that should leave memory."""
        if (log := self.logs.get(run_id)) is None:
            return ()
        log.shrink()
        self._finished[run_id] = None
        self._finished.move_to_end(run_id)
        excess = max(0, len(self._finished) - _RUNS_AT_HAND)
        return [self._finished.popitem(last=False)[0] for _ in range(excess)]

    async def expired(self, keeping: Keeping) -> Sequence[str]:
        """Return the ids of some finished runs that are not to be kept any more, oldest first."""
        query = self.queries.expired
        found = await self.reader.ask(query, keeping, _EXPIRED_AT_ONCE)
        return self._forgotten.without(found)

    def forget(self, run_id: str) -> None:
        """Drop a run; its rows stay for as long as somebody holds its log."""
        self._results.pop(run_id, None)
        self._finished.pop(run_id, None)
        self.writer.add(self.statements.forget_run(run_id))
        if (log := self.logs.pop(run_id, None)) is None:
            self.cleaner.wake()
        else:
            self.cleaner.wake_after(log)
        self._forgotten.add(run_id)

    def _check(self, run_id: str) -> None:
        if self._forgotten.has(run_id):
            raise UnknownRunError(run_id)
