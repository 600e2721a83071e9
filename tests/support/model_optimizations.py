"""The optimizations of a `ModelStore`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from attrs import define, evolve
from support.model_database import AttemptRow, ModelDatabase, OptimizationRow

from glowback_trio.model.events import Event
from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.store import FollowedLog, StoredOptimization, TrialNote
from glowback_trio.store.cluster import Named

__all__ = ["ModelOptimizations"]


T = TypeVar("T")


class Committing(Protocol):
    """The store, as far as its shelf needs it."""

    database: ModelDatabase

    async def ask(self, function: Callable[[], T]) -> T: ...

    def hand_over(self, change: Callable[[int], object]) -> None: ...

    async def flush_at_last(self) -> None: ...

    def make_log(
        self,
        named: Named,
        stored: Callable[[], Sequence[Event]],
        write: Callable[[Sequence[Event], int], object],
        on_durable: Callable[[], None],
        watermark: int,
    ) -> FollowedLog: ...


@define(eq=False)
class ModelOptimizations:
    """The shelf: what is handed over is committed with the events of its store."""

    _store: Committing

    async def ids(self) -> Sequence[str]:
        return await self._store.ask(lambda: list(self._rows))

    @property
    def _rows(self) -> dict[str, OptimizationRow]:
        return self._store.database.optimizations

    async def resident_ids(self) -> Sequence[str]:
        return await self.ids()

    async def statuses(self, before: str | None, limit: int) -> Sequence[OptimizationStatus] | None:
        def statuses() -> Sequence[OptimizationStatus]:
            names = list(self._rows)[::-1]
            if before is not None:
                self._find(before)
                names = names[names.index(before) + 1 :]
            return [_statuses(self._rows[each])[-1] for each in names[:limit]]

        return await self._store.ask(statuses)

    async def find_key(self, key: str) -> str | None:
        def find() -> str | None:
            return next((each for each, row in self._rows.items() if row.key == key), None)

        return await self._store.ask(find)

    def open(
        self, optimization_id: str, request: OptimizationRequest, key: str | None = None
    ) -> None:
        def begin(epoch: int) -> None:
            for each in self._rows.values():
                each.key = None if each.key == key else each.key
            self._rows[optimization_id] = OptimizationRow(key, "", epoch, request)

        self._store.hand_over(begin)

    def open_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> FollowedLog:
        attempt = AttemptRow()

        def begin(epoch: int) -> None:
            if (row := self._rows.get(optimization_id)) is not None:
                row.held_by, row.begun = epoch, False
                row.attempts[number - 1 :] = [attempt]

        self._store.hand_over(begin)
        return self._log(optimization_id, attempt, on_durable, 0)

    def _log(
        self,
        optimization_id: str,
        attempt: AttemptRow,
        on_durable: Callable[[], None],
        watermark: int,
    ) -> FollowedLog:
        database = self._store.database

        def write(events: Sequence[Event], epoch: int) -> None:
            row = self._rows.get(optimization_id)
            if row is not None and attempt in row.attempts:
                database.append(row, attempt.events, events, epoch)
            else:  # it was forgotten
                attempt.events.extend(events)

        named: Named = ("optimization", optimization_id)
        return self._store.make_log(named, lambda: attempt.events, write, on_durable, watermark)

    async def reopen(self, optimization_id: str) -> StoredOptimization:
        def reopen() -> StoredOptimization:
            row = self._find(optimization_id)
            return StoredOptimization(row.request, _statuses(row))

        return await self._store.ask(reopen)

    async def reopen_attempt(
        self, optimization_id: str, number: int, on_durable: Callable[[], None]
    ) -> FollowedLog:
        def reopen() -> FollowedLog:
            attempt = self._find(optimization_id).attempts[number - 1]
            return self._log(optimization_id, attempt, on_durable, len(attempt.events))

        return await self._store.ask(reopen)

    def _change(self, optimization_id: str, change: Callable[[OptimizationRow], object]) -> None:
        def changed(epoch: int) -> None:
            if (row := self._rows.get(optimization_id)) is not None:
                change(row)
                self._store.database.touch(row, epoch)

        self._store.hand_over(changed)

    def note_status(self, status: OptimizationStatus) -> None:
        def note(row: OptimizationRow) -> None:
            if status.attempt <= len(row.attempts):
                row.attempts[status.attempt - 1].status = status

        self._change(status.optimization_id, note)

    def note_pause(self, optimization_id: str, *, paused: bool) -> None:
        self._change(optimization_id, lambda row: setattr(row, "paused", paused))

    def note_trials(self, optimization_id: str, notes: Sequence[TrialNote]) -> None:
        noted = {note.trial_number: note for note in notes}
        self._change(optimization_id, lambda row: row.notes.update(noted))

    async def notes(self, optimization_id: str) -> Sequence[TrialNote]:
        def notes() -> Sequence[TrialNote]:
            kept = self._find(optimization_id).notes
            return [kept[number] for number in sorted(kept)]

        return await self._store.ask(notes)

    async def keep_result(self, result: OptimizationResult) -> None:
        self._change(result.optimization_id, lambda row: setattr(row, "result", result))
        await self._store.flush_at_last()

    async def result(self, optimization_id: str) -> OptimizationResult | None:
        return await self._store.ask(lambda: self._find(optimization_id).result)

    def retire(self, optimization_id: str) -> Sequence[str]:
        return ()

    async def expired(self, now: datetime) -> Sequence[str]:
        return ()

    def forget(self, optimization_id: str) -> None:
        self._store.hand_over(lambda _epoch: self._rows.pop(optimization_id, None))

    def _find(self, optimization_id: str) -> OptimizationRow:
        try:
            return self._rows[optimization_id]
        except KeyError:
            raise UnknownOptimizationError(optimization_id) from None


def _statuses(row: OptimizationRow) -> Sequence[OptimizationStatus]:
    found = []
    for attempt in row.attempts:
        assert attempt.status is not None, "it is noted with the first event"
        paused = row.paused and not attempt.status.finished
        found.append(evolve(attempt.status, event_count=len(attempt.events), paused=paused))
    return found
