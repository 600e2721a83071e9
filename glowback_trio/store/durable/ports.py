"""What the shared parts need of one database: its statements, and its queries.

A connection is of whatever type the database's driver has; the modules that keep these protocols
name it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from attrs import frozen

from glowback_trio.model.events import AnyEventType, Event
from glowback_trio.model.instant import stamp
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store.durable.statement import RowNumber, Statement
from glowback_trio.store.optimization_shelf import TrialNote
from glowback_trio.store.run_filter import RunFilter

__all__ = [
    "Asks",
    "AttemptRow",
    "Keeping",
    "OptimizationRow",
    "OptimizationRows",
    "RunQueries",
    "RunRow",
    "RunStatements",
]


class Asks(Protocol):
    """Asks a database questions, at most so many at once."""

    async def ask(self, query: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """Return what a query returns that is given a connection and these arguments.

        Raises:
            StoreError: The database cannot be read.
        """


@frozen
class RunRow:
    """A run's row.

    Attributes:
        seq: Its number.
        request: The request as JSON.
        status: The status, which the writer keeps equal to a fold over the log, with the labels.
    """

    seq: int
    request: bytes
    status: Status


@frozen
class Keeping:
    """Which finished runs are kept; None: any.

    Attributes:
        runs: How many.
        size: How many bytes of events and results. The newest run is kept whatever its size.
        ended_since: Those that have ended at this time or later, as it is stamped.
    """

    runs: int | None
    size: int | None
    ended_since: str | None

    @classmethod
    def at(cls, now: datetime, runs: int | None, days: float | None, size: int | None) -> Keeping:
        """Return the same for a number of days that ends now."""
        return cls(runs, size, None if days is None else stamp(now - timedelta(days=days)))


class RunStatements(Protocol):
    """The statements that change rows of runs."""

    def insert_run(
        self, row: RowNumber, run_id: str, key: str | None, request: BacktestRequest
    ) -> Sequence[Statement]:
        """Return the statements that note a new run. An older run with the same key loses it."""

    def insert_finished(
        self,
        row: RowNumber,
        run_id: str,
        request: BacktestRequest,
        events: Sequence[Event],
        result: Result | None,
    ) -> Sequence[Statement]:
        """Return the statements that keep a whole run. Takes tenths of a second for a long one."""

    def insert_result(self, run_id: str, result: Result) -> Sequence[Statement]:
        """Return the statements that keep a result. Takes milliseconds for a long result."""

    def label_run(self, run_id: str, labels: Labels) -> Sequence[Statement]:
        """Return the statements that replace the labels of a run."""

    def pause_run(self, run_id: str, *, paused: bool) -> Sequence[Statement]:
        """Return the statements that note whether a run is paused."""

    def forget_run(self, run_id: str) -> Statement:
        """Return the statement after which a run cannot be found; its log can still be read."""

    def remove_batches(self, seq: int, count: int) -> Statement:
        """Return the statement that removes some of what was forgotten, the oldest first."""

    def remove_rest(self, seq: int) -> Sequence[Statement]:
        """Return the statements that remove all other rows of a forgotten run or attempt."""


class RunQueries(Protocol):
    """The queries on runs."""

    def run_ids(self, connection: Any) -> list[str]:
        """Return the ids of all runs, in the order in which they were opened."""

    def unfinished_ids(self, connection: Any) -> list[str]:
        """Return the ids of the runs that a gateway opens at its start, in the same order."""

    def list_statuses(
        self, connection: Any, only: RunFilter, before: str | None, limit: int
    ) -> list[Status]:
        """Return the statuses of runs, newest first."""

    def find_run(self, connection: Any, run_id: str) -> RunRow:
        """Return a run's row.

        Raises:
            UnknownRunError: There is none.
        """

    def find_by_key(self, connection: Any, key: str) -> str | None:
        """Return the id of the run that was opened with a key; None if there is none."""

    def row_of(self, connection: Any, run_id: str) -> int | None:
        """Return the number of a run's row, even if it cannot be read; None if there is none."""

    def expired(self, connection: Any, keeping: Keeping, limit: int) -> list[str]:
        """Return the ids of finished runs that are not to be kept, oldest first."""

    def forgotten(self, connection: Any) -> list[tuple[int, int]]:
        """Return number and count of event batches of each run or attempt that may be removed."""

    def read_result(self, connection: Any, run_id: str) -> Result:
        """Return the result of a run.

        Raises:
            UnknownRunError: There is none.
            StoreError: It is damaged.
        """

    def read_events(self, connection: Any, seq: int, after: int, limit: int) -> list[Event]:
        """Return the first `limit` events with ids above `after`.

        Raises:
            StoreError: They are damaged, or missing.
        """

    def select_events(
        self,
        connection: Any,
        seq: int,
        after: int,
        *,
        until: int,
        limit: int,
        types: Collection[AnyEventType],
    ) -> tuple[list[Event], int]:
        """Return the first `limit` events of some types, or fewer if they are far apart.

        Returns:
            The events, and the id up to which there is no other of these types.

        Raises:
            StoreError: They are damaged.
        """


@frozen
class AttemptRow:
    """An attempt's row.

    Attributes:
        seq: Its number among runs and attempts.
        status: The status that was noted last, with the number of its events.
    """

    seq: int
    status: OptimizationStatus


@frozen
class OptimizationRow:
    """An optimization's row, with those of its attempts in order."""

    request: bytes
    attempts: Sequence[AttemptRow]


class OptimizationRows(Protocol):
    """The statements that change rows of optimizations, and the queries that read them."""

    def insert_optimization(
        self, optimization_id: str, key: str | None, request: OptimizationRequest
    ) -> Sequence[Statement]:
        """Return the statements that note a new one. An older one with the key loses it."""

    def insert_attempt(self, row: RowNumber, optimization_id: str, number: int) -> Statement:
        """Return the statement that notes a new attempt, which is numbered with the runs."""

    def note_status(self, status: OptimizationStatus) -> Statement:
        """Return the statement that replaces the status of an attempt."""

    def note_pause(self, optimization_id: str, *, paused: bool) -> Statement:
        """Return the statement that notes whether one is paused."""

    def note_trials(self, optimization_id: str, notes: Sequence[TrialNote]) -> Statement:
        """Return the statement that keeps notes on trials."""

    def insert_result(self, result: OptimizationResult) -> Statement:
        """Return the statement that keeps a result. Takes tenths of a second for many trials."""

    def forget(self, optimization_id: str) -> Statement:
        """Return the statement after which one cannot be found; its logs can be read."""

    def ids(self, connection: Any) -> list[str]:
        """Return the ids of all, in the order in which they were begun."""

    def unfinished_ids(self, connection: Any) -> list[str]:
        """Return the ids of those that a gateway opens at its start, in the same order."""

    def expired_ids(
        self, connection: Any, keep: int | None, ended_since: str | None, limit: int
    ) -> list[str]:
        """Return the ids of finished ones that are not to be kept, oldest first."""

    def find_by_key(self, connection: Any, key: str) -> str | None:
        """Return the id of the one that was opened with a key; None if there is none."""

    def find_optimization(self, connection: Any, optimization_id: str) -> OptimizationRow:
        """Return one's row.

        Raises:
            UnknownOptimizationError: There is none.
            StoreError: A status cannot be read.
        """

    def list_statuses(
        self, connection: Any, before: str | None, limit: int
    ) -> list[OptimizationStatus]:
        """Return statuses, newest first.

        Raises:
            UnknownOptimizationError: There is none `before`.
        """

    def read_notes(self, connection: Any, optimization_id: str) -> list[TrialNote]:
        """Return the notes on the trials of one, by number."""

    def read_result(self, connection: Any, optimization_id: str) -> OptimizationResult | None:
        """Return the result that was kept last; None if there is none.

        Raises:
            StoreError: It is damaged.
        """
