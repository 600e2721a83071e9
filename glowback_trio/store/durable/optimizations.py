"""The part of a store in a database that keeps optimizations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

import orjson
from attrs import define, field

from glowback_trio.model.instant import stamp
from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.store.durable.forgotten import Forgotten
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.durable.ports import OptimizationRow, OptimizationRows
from glowback_trio.store.durable.session import Session
from glowback_trio.store.durable.statement import CallInThread, RowNumber
from glowback_trio.store.optimization_shelf import StoredOptimization, TrialNote
from glowback_trio.wire.optimizations.requests import parse_kept_optimization

__all__ = ["DurableOptimizations"]

# Finished ones that a gateway may hold, each with the ends of its logs.
_AT_HAND = 64
_EXPIRED_AT_ONCE = 64


@define(eq=False)
class DurableOptimizations:
    """The optimizations in a store's database.

    Args:
        rows: The statements and queries of the database.
        session: Returns the open store.
        call: Carries out what blocks.
        keep: How many finished ones are kept; None: any number.
        keep_days: How long one is kept after its end; None: for ever.
    """

    _rows: OptimizationRows
    _session: Callable[[], Session]
    _call: CallInThread
    _keep: int | None
    _keep_days: float | None
    #: The logs that somebody holds, by id and attempt.
    _logs: WeakValueDictionary[tuple[str, int], DurableLog] = field(
        factory=WeakValueDictionary, init=False
    )
    #: The finished ones that were used last, the one that was used longest ago first.
    _finished: dict[str, None] = field(factory=dict, init=False)

    @property
    def _forgotten(self) -> Forgotten:
        return self._session().forgotten_optimizations

    async def ids(self) -> Sequence[str]:
        """Return the ids of all, oldest first."""
        await self._session().catch_up()
        return self._forgotten.without(await self._session().reader.ask(self._rows.ids))

    async def resident_ids(self) -> Sequence[str]:
        """Return the ids of those that have not ended, oldest first."""
        await self._session().catch_up()
        return self._forgotten.without(await self._session().reader.ask(self._rows.unfinished_ids))

    async def statuses(self, before: str | None, limit: int) -> Sequence[OptimizationStatus]:
        """Return statuses as they are written, newest first.

        Raises:
            UnknownOptimizationError: There is none `before`.
        """
        found = await self._session().reader.ask(self._rows.list_statuses, before, limit)
        return [status for status in found if not self._forgotten.has(status.optimization_id)]

    async def find_key(self, key: str) -> str | None:
        """Return the id of the one that was opened with this key."""
        found: str | None = await self._session().reader.ask(self._rows.find_by_key, key)
        return found

    def open(
        self,
        optimization_id: str,
        request: OptimizationRequest,
        key: str | None = None,
    ) -> None:
        """Begin to keep one. One that had this id is forgotten."""
        self.forget(optimization_id)
        self._forgotten.remove(optimization_id)
        statements = self._rows.insert_optimization(optimization_id, key, request)
        self._session().writer.add(*statements)

    def open_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> DurableLog:
        """Begin the log of an attempt."""
        session = self._session()
        row = session.new_row()
        session.writer.add(self._rows.insert_attempt(row, optimization_id, number))
        self._finished.pop(optimization_id, None)
        log = session.make_log(("optimization", optimization_id), row, 0, on_durable)
        self._logs[optimization_id, number] = log
        return log

    async def reopen(self, optimization_id: str) -> StoredOptimization:
        """Give back one.

        Raises:
            UnknownOptimizationError: It was never opened, or is gone.
            InvalidRequestError: Its request cannot be read.
            StoreError: It cannot be read.
        """
        row = await self._find(optimization_id)
        request = parse_kept_optimization(orjson.loads(row.request), self._session().converter)
        return StoredOptimization(request, [each.status for each in row.attempts])

    async def reopen_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> DurableLog:
        """Give back the log of an attempt."""
        attempt = (await self._find(optimization_id)).attempts[number - 1]
        log = self._session().make_log(
            ("optimization", optimization_id),
            RowNumber(attempt.seq),
            attempt.status.event_count,
            on_durable,
        )
        self._logs[optimization_id, number] = log
        return log

    def newest_log(self, optimization_id: str) -> DurableLog | None:
        """Return the log of the newest attempt that somebody holds."""
        held = [key for key in self._logs if key[0] == optimization_id]
        return self._logs.get(max(held)) if held else None

    async def _find(self, optimization_id: str) -> OptimizationRow:
        await self._session().catch_up()
        self._check(optimization_id)
        query = self._rows.find_optimization
        row: OptimizationRow = await self._session().reader.ask(query, optimization_id)
        self._check(optimization_id)  # it may have been forgotten meanwhile
        return row

    def note_status(self, status: OptimizationStatus) -> None:
        """Keep the status of an attempt."""
        if not self._forgotten.has(status.optimization_id):
            self._session().writer.add(self._rows.note_status(status))

    def note_pause(self, optimization_id: str, *, paused: bool) -> None:
        """Keep whether one is paused."""
        self._session().writer.add(self._rows.note_pause(optimization_id, paused=paused))

    def note_trials(self, optimization_id: str, notes: Sequence[TrialNote]) -> None:
        """Keep notes on trials."""
        if notes:
            self._session().writer.add(self._rows.note_trials(optimization_id, notes))

    async def notes(self, optimization_id: str) -> Sequence[TrialNote]:
        """Return the notes on all trials, by number."""
        await self._session().catch_up()
        self._check(optimization_id)
        query = self._rows.read_notes
        found: Sequence[TrialNote] = await self._session().reader.ask(query, optimization_id)
        return found

    async def keep_result(self, result: OptimizationResult) -> None:
        """Keep a result, unless its optimization has been forgotten meanwhile."""
        self._session().writer.add(await self._call(self._rows.insert_result, result))
        # A disk that fails for a while must not fail the work: its events wait, too.
        await self._session().writer.flush(patient=True)

    async def result(self, optimization_id: str) -> OptimizationResult | None:
        """Return the result that was kept last."""
        self._check(optimization_id)
        query = self._rows.read_result
        found: OptimizationResult | None = await self._session().reader.ask(query, optimization_id)
        return found

    def retire(self, optimization_id: str) -> Sequence[str]:
        """Let the events of a finished one leave memory; return those that should, too."""
        for (held_id, _), log in self._logs.items():
            if held_id == optimization_id:
                log.shrink()
        self._finished.pop(optimization_id, None)
        self._finished[optimization_id] = None
        excess = max(0, len(self._finished) - _AT_HAND)
        leaving = list(self._finished)[:excess]
        for each in leaving:
            del self._finished[each]
        return leaving

    async def expired(self, now: datetime) -> Sequence[str]:
        """Return some finished ones that are not to be kept any more, oldest first."""
        if self._keep is None and self._keep_days is None:
            return ()
        since = None if self._keep_days is None else stamp(now - timedelta(days=self._keep_days))
        reader, query = self._session().reader, self._rows.expired_ids
        return self._forgotten.without(await reader.ask(query, self._keep, since, _EXPIRED_AT_ONCE))

    def forget(self, optimization_id: str) -> None:
        """Drop one. Those who read its logs can go on; its rows are removed afterwards."""
        session = self._session()
        self._finished.pop(optimization_id, None)
        session.writer.add(self._rows.forget(optimization_id))
        held = [key for key in self._logs if key[0] == optimization_id]
        logs = [log for key in held if (log := self._logs.pop(key, None)) is not None]
        for log in logs:
            session.cleaner.wake_after(log)
        if not logs:
            session.cleaner.wake()
        self._forgotten.add(optimization_id)

    def _check(self, optimization_id: str) -> None:
        if self._forgotten.has(optimization_id):
            raise UnknownOptimizationError(optimization_id)
