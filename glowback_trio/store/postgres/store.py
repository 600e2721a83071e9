"""The store that keeps everything in a database of PostgreSQL, which gateways may share."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import partial
from weakref import ref

import trio
from attrs import define, field

from glowback_trio.errors import StoreError
from glowback_trio.memory import Memory
from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.model.short_repr import describe
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store.cluster import Named
from glowback_trio.store.durable.log import DurableLog
from glowback_trio.store.durable.optimizations import DurableOptimizations
from glowback_trio.store.durable.ports import Keeping
from glowback_trio.store.durable.session import Session
from glowback_trio.store.durable.statement import CallInThread
from glowback_trio.store.durable.store_tasks import running
from glowback_trio.store.postgres.cluster.membership import PostgresCluster
from glowback_trio.store.postgres.connecting import Database
from glowback_trio.store.postgres.open_database import OpenDatabase, make_session
from glowback_trio.store.postgres.optimizations import rows
from glowback_trio.store.postgres.optimizations.ledger import PostgresLedger
from glowback_trio.store.postgres.reader import Reader
from glowback_trio.store.protocol import Durability, StoredRun
from glowback_trio.store.run_filter import RunFilter

__all__ = ["PostgresStore"]

_log = logging.getLogger(__name__)

# A bound of its own: commits must not queue behind other users of trio's default one.
_THREADS = 8


def _threads() -> CallInThread:
    return partial(trio.to_thread.run_sync, limiter=trio.CapacityLimiter(_THREADS))


@define(eq=False, repr=False, weakref_slot=True)
class PostgresStore:
    """Logs, results and requests in a database of PostgreSQL.

    Any number of gateways on any hosts may share it, each with a store of its own. The tables are
    made when the first one opens it.

    Args:
        url: The database, as `postgresql://user@host:port/database`; it exists, and is empty or one
            of this package. What the URL leaves out, as a password, comes from the environment and
            the files that every client of PostgreSQL reads, such as PGPASSWORD and ~/.pgpass.
        commit_interval_s: After a pause an event is written at once; under load, this often.
        keep_runs: How many finished runs are kept; None: any number.
        keep_days: How long a run is kept after its end; None: for ever.
        keep_bytes: How many bytes the events and results of finished runs may take together, of
            which the newest is always kept; None: any number.
        call_in_thread: Carries out what blocks, queries too; left out, threads of trio's.

    Raises:
        StoreError: The URL names no database.
    """

    url: str = field(repr=False)
    commit_interval_s: float = 0.004
    keep_runs: int | None = None
    keep_days: float | None = None
    keep_bytes: int | None = None
    _call: CallInThread | None = field(alias="call_in_thread", default=None)
    _in_thread: CallInThread = field(init=False)
    _database: Database = field(init=False)
    _in_use: bool = field(default=False, init=False)
    _open: OpenDatabase | None = field(default=None, init=False)
    #: The optimizations.
    optimizations: DurableOptimizations = field(init=False)
    #: The ledger of trials.
    ledger: PostgresLedger = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._database = Database(self.url)
        self._in_thread = self._call or _threads()
        # Not a bound method: the store would be freed by the garbage collector alone.
        session = partial(_kept_by, ref(self))
        self.ledger = PostgresLedger(session)
        self.optimizations = DurableOptimizations(
            rows, session, self._in_thread, self.keep_runs, self.keep_days
        )

    def __repr__(self) -> str:
        return describe(self, self.address, "closed" if self._open is None else "open")

    @property
    def address(self) -> str:
        """The URL without its password."""
        return self._database.name

    @property
    def cluster(self) -> PostgresCluster | None:
        """The gateways that share the database; None while this store is closed."""
        return None if self._open is None else self._open.cluster

    @property
    def durability(self) -> Durability:
        """`power`: what can be read survives a power cut, if the server of the database says so."""
        return "power"

    @property
    def writable(self) -> bool:
        """False from a commit that failed to the next one that did not."""
        return self._open is None or self._kept.writer.problem is None

    @asynccontextmanager
    async def opened(
        self, strategies: StrategyRegistry, memory: Memory | None = None
    ) -> AsyncIterator[None]:
        """Keep connections to the database open, and a task that writes to it.

        Args:
            strategies: Those that the requests of kept runs may name.
            memory: Its accounts are told of the results and the ends of logs that are at hand.

        Raises:
            StoreError: This store is open in another gateway; the database cannot be reached, read
                or written; it is of a newer version, or another program's.
        """
        if self._in_use:
            raise StoreError("This store is open in another gateway: give each one of its own")
        self._in_use = True
        try:
            session_of = make_session(strategies, memory or Memory())
            opened = self._open = await OpenDatabase.open(
                Reader(self._database, self._call),
                self.commit_interval_s,
                session_of,
                self._find_log,
                self._in_thread,
            )
            async with opened.watch.running(), running(opened.tasks, partial(self._close, opened)):
                yield
        finally:
            self._in_use = False

    async def _close(self, opened: OpenDatabase) -> None:
        """Write what is left, and leave the cluster."""
        try:
            await opened.session.writer.close()
        except StoreError as error:
            _log.error("Not everything was written: %s", error)
            raise
        finally:
            self._open = None
            await opened.close()

    def _find_log(self, named: Named) -> DurableLog | None:
        kind, identity = named
        if kind == "optimization":
            return self.optimizations.newest_log(identity)
        return self._kept.logs.get(identity)

    @property
    def _kept(self) -> Session:
        if self._open is None:
            raise StoreError(f"The store {self.address} is closed")
        return self._open.session

    async def flush(self) -> None:
        """Wait until all that was handed over so far is as durable as the store promises.

        Raises:
            StoreError: It cannot be written at the moment.
        """
        await self._kept.writer.flush()

    async def wait_room(self) -> None:
        """Wait while too much is waiting to be written."""
        await self._kept.writer.wait_room()

    async def run_ids(self) -> Sequence[str]:
        """Return the ids of all runs, oldest first."""
        return await self._kept.run_ids()

    async def resident_ids(self) -> Sequence[str]:
        """Return the ids of the runs that have not ended, oldest first."""
        return await self._kept.resident_ids()

    async def statuses(self, only: RunFilter, before: str | None, limit: int) -> Sequence[Status]:
        """Return statuses as they are written, newest first.

        Raises:
            UnknownRunError: There is no run `before`.
        """
        return await self._kept.statuses(only, before, limit)

    async def find_key(self, key: str) -> str | None:
        """Return the id of the run that was opened with an idempotency key."""
        return await self._kept.find_key(key)

    async def reopen(self, run_id: str, on_durable: Callable[[], None]) -> StoredRun:
        """Give back a run.

        Raises:
            UnknownRunError: It was never opened, or is gone.
            InvalidRequestError: Its request cannot be read.
            StoreError: It cannot be read.
        """
        return await self._kept.reopen(run_id, on_durable)

    def open_log(
        self,
        run_id: str,
        request: BacktestRequest,
        on_durable: Callable[[], None],
        key: str | None = None,
    ) -> DurableLog:
        """Begin a run's log. A run that had this id is forgotten."""
        return self._kept.open_log(run_id, request, on_durable, key)

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
        await self._kept.import_run(run_id, request, events, result)

    def label(self, run_id: str, labels: Labels) -> None:
        """Replace a run's labels."""
        self._kept.label(run_id, labels)

    def note_pause(self, run_id: str, *, paused: bool) -> None:
        """Note whether a run is paused."""
        self._kept.note_pause(run_id, paused=paused)

    async def keep_result(self, run_id: str, result: Result) -> None:
        """Keep a result, unless its run has been forgotten meanwhile."""
        await self._kept.keep_result(run_id, result)

    def result_nowait(self, run_id: str) -> Result | None:
        """Return a result that is in memory."""
        return self._kept.result_at_hand(run_id)

    async def result(self, run_id: str) -> Result:
        """Return a result.

        Raises:
            UnknownRunError: It was never kept, or is gone.
            StoreError: It cannot be read.
        """
        return await self._kept.result(run_id)

    def retire(self, run_id: str) -> Sequence[str]:
        """Let a finished run's events leave memory, and name the runs that should. None is lost."""
        return self._kept.retire(run_id)

    @property
    def expires(self) -> bool:
        """True if one of the `keep` arguments is given."""
        return (self.keep_runs, self.keep_days, self.keep_bytes) != (None, None, None)

    async def expired(self, now: datetime) -> Sequence[str]:
        """Return the ids of finished runs that are not to be kept any more, oldest first."""
        keeping = Keeping.at(now, self.keep_runs, self.keep_days, self.keep_bytes)
        return await self._kept.expired(keeping)

    def forget(self, run_id: str) -> None:
        """Drop a run. Those who read its log can go on; its rows are removed afterwards."""
        self._kept.forget(run_id)


def _kept_by(store: ref[PostgresStore]) -> Session:
    found = store()
    if found is None:
        raise StoreError("The store is closed")
    return found._kept  # noqa: SLF001 - a part of the store
