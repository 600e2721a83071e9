"""The promises of a store: event logs, results, and finding both again.

Calls that a disk or a database would block are `async`; the others hand over and return. Nothing
here starts a task outside `Store.opened`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from attrs import frozen

from glowback_trio.memory import Memory
from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store.cluster import Cluster
from glowback_trio.store.event_log import EventLog
from glowback_trio.store.ledger_shelf import LedgerShelf
from glowback_trio.store.optimization_shelf import OptimizationShelf
from glowback_trio.store.run_filter import RunFilter

__all__ = ["Durability", "Store", "StoredRun"]

#: What an event that can be read survives: nothing; the end of the process, however it ends; that
#: and a power cut.
Durability = Literal["memory", "process", "power"]


@frozen(repr=False)
class StoredRun:
    """A run as a store gives it back.

    Attributes:
        request: Its request, equal to the one that its log was opened with; its strategy is a
            `LostStrategy` where that is not known now.
        status: What folding its log gives, with the labels and the pause that were kept last, and
            with the headline of its result.
        log: Its log, which takes further events.
    """

    request: BacktestRequest
    status: Status
    log: EventLog

    def __repr__(self) -> str:
        return describe(self, self.status.run_id, str(self.status.state), events=self.log.watermark)


class Store(Protocol):
    """Event logs and results by run, and optimizations."""

    @property
    def optimizations(self) -> OptimizationShelf:
        """The optimizations that are kept."""

    @property
    def ledger(self) -> LedgerShelf:
        """The ledger of trials."""

    @property
    def cluster(self) -> Cluster | None:
        """The gateways that share the store; None: it is one gateway's alone.

        Where there is one, each log is a `FollowedLog`, and what `open_log` and `open_attempt`
        begin is held by this gateway from its first commit on.
        """

    @property
    def durability(self) -> Durability:
        """The promise for every event that can be read."""

    @property
    def writable(self) -> bool:
        """True if events and results can be kept at the moment, as far as the store knows.

        While it is False, new runs are refused. What cannot be kept after all is an exception of
        `append`, `keep_result` or `flush`.
        """

    def opened(
        self, strategies: StrategyRegistry, memory: Memory | None = None
    ) -> AbstractAsyncContextManager[object]:
        """Keep the store open for one gateway, for the length of an `async with` block.

        What the store needs to run is started here, and when the block ends it has written all that
        was handed over. Where it cannot, it cancels the block and raises; no event that was lost
        has been read by then. An exception of the block itself leaves it as it is, in no group.

        Args:
            strategies: Those that the requests of kept runs may name.
            memory: Its accounts `logs` and `results` are told of what the store holds in memory.

        Raises:
            StoreError: Another gateway has it open.
        """

    async def flush(self) -> None:
        """Wait until all that was handed over so far is as durable as the store promises.

        Raises:
            StoreError: It cannot be written at the moment.
        """

    async def wait_room(self) -> None:
        """Wait, at least a turn, while more is waiting to be written than memory should hold."""

    async def run_ids(self) -> Sequence[str]:
        """Return the ids of all runs that are kept, in the order in which they were opened."""

    async def resident_ids(self) -> Sequence[str]:
        """Return the ids of the runs that a gateway opens at its start, in the same order.

        Those that have not ended, and those that `statuses` does not give: the gateway reopens all
        others when they are asked for.
        """

    async def statuses(
        self, only: RunFilter, before: str | None, limit: int
    ) -> Sequence[Status] | None:
        """Return statuses of runs, newest first; None where all runs are resident.

        Args:
            only: Only runs that meet these conditions.
            before: Only runs that were opened before this one; None: all.
            limit: How many at most.

        Raises:
            UnknownRunError: There is no run `before`.
        """

    async def find_key(self, key: str) -> str | None:
        """Return the id of the run that was opened with this key; None if there is none."""

    async def reopen(self, run_id: str, on_durable: Callable[[], None]) -> StoredRun:
        """Give back a run that is kept.

        Args:
            run_id: The run's id.
            on_durable: Called after the watermark of its log has moved.

        Raises:
            UnknownRunError: It was never opened, or is gone.
            InvalidRequestError: Its request cannot be read.
        """

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> EventLog:
        """Begin a run's log.

        Args:
            run_id: The run's id.
            request: Its request, kept with the log.
            on_durable: Called after the watermark has moved.
            key: Finds the run by `find_key`, as durably as the log; an older run loses it.
        """

    def label(self, run_id: str, labels: Labels) -> None:
        """Keep a run's labels, as durably as the store promises after `flush`.

        A run begins with those of its request; an unknown run is no error.
        """

    def note_pause(self, run_id: str, *, paused: bool) -> None:
        """Keep whether a run is paused, as durably as the store promises after `flush`.

        It is no part of the log. A run that has ended is never paused; an unknown one is no error.
        """

    async def import_run(
        self,
        run_id: str,
        request: BacktestRequest,
        events: Sequence[Event],
        result: Result | None,
    ) -> None:
        """Keep a finished run of another store as the newest one: all of it, or nothing.

        Args:
            run_id: The run's id, which no run has that is kept.
            request: Its request.
            events: Its whole log.
            result: Its result; None if it has none.

        Raises:
            RunExistsError: A run has this id.
            StoreError: It cannot be written at the moment.
        """

    async def keep_result(self, run_id: str, result: Result) -> None:
        """Keep a result as durably as the store promises.

        It is kept before the event that says that its run has completed.
        """

    def result_nowait(self, run_id: str) -> Result | None:
        """Return a result that is in memory; None where `result` has to be waited for.

        Raises:
            UnknownRunError: It was never kept, or is gone.
        """

    async def result(self, run_id: str) -> Result:
        """Return a result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
        """

    def retire(self, run_id: str) -> Sequence[str]:
        """Count a run as finished; return the runs that had to leave memory, to keep its bounds.

        A store in memory has lost them; any other gives them back by `reopen`. Idempotent: a
        gateway retires the runs that it restores once more.
        """

    @property
    def expires(self) -> bool:
        """True if runs leave the store by its own rules, and `expired` is asked for them."""

    async def expired(self, now: datetime) -> Sequence[str]:
        """Return the ids of some finished runs that the store's rules keep no longer, oldest first.

        Empty once there are none. The gateway forgets them.

        Args:
            now: The time, with its zone.
        """

    def forget(self, run_id: str) -> None:
        """Drop a run's events and result; an unknown run is no error."""
