"""The state of an open store: its connections, and what it remembers of its runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from weakref import WeakValueDictionary

import trio
from attrs import define, field

from glowback_trio.errors import StoreError, UnknownRunError
from glowback_trio.memory import Holding, Memory
from glowback_trio.model.result import Result
from glowback_trio.model.strategies.registry import StrategyRegistry
from glowback_trio.store.sizes import result_bytes
from glowback_trio.store.sqlite import queries, statements
from glowback_trio.store.sqlite.database import connect, failures_of
from glowback_trio.store.sqlite.log import SqliteLog
from glowback_trio.store.sqlite.reader import Reader
from glowback_trio.store.sqlite.schema import upgrade
from glowback_trio.store.sqlite.upkeep.checkpointer import Checkpointer
from glowback_trio.store.sqlite.upkeep.cleaner import Cleaner
from glowback_trio.store.sqlite.writer import CallInThread, LogTable, Writer
from glowback_trio.wire.converter import Converter, make_converter

__all__ = ["Session"]

# Results are fetched right after their runs, if at all.
_RESULTS_AT_HAND = 8
# Finished runs that a gateway may hold, each with the end of its log.
_RUNS_AT_HAND = 256


@define(eq=False)
class Session:
    """An open store.

    Args:
        writer: Changes the database.
        checkpointer: Copies what the writer has committed into the file.
        cleaner: Removes the rows of runs that were forgotten.
        reader: Asks it.
        converter: Reads requests.
        last_seq: Number of the newest row of a run or an attempt.
    """

    writer: Writer
    checkpointer: Checkpointer
    cleaner: Cleaner
    reader: Reader
    converter: Converter
    last_seq: int
    #: Its accounts are told of what is at hand.
    memory: Memory = field(factory=Memory, init=False)
    #: One import at a time, so that no two have the same id.
    importing: trio.Lock = field(factory=trio.Lock, init=False)
    #: The newest results, each with what it holds of the memory.
    _results: OrderedDict[str, tuple[Result, Holding]] = field(factory=OrderedDict, init=False)
    #: The logs that somebody holds.
    logs: WeakValueDictionary[str, SqliteLog] = field(factory=WeakValueDictionary, init=False)
    #: The finished runs that were used last, the one that was used longest ago first.
    _finished: OrderedDict[str, None] = field(factory=OrderedDict, init=False)
    #: Runs that were forgotten, with the count of changes that must be written until no query finds
    #: them.
    _forgotten: dict[str, int] = field(factory=dict, init=False)
    #: How often a run was forgotten.
    _forgets: int = field(default=0, init=False)

    @classmethod
    def open(
        cls,
        path: Path,
        synchronous: str,
        interval_s: float,
        strategies: StrategyRegistry,
        call: CallInThread,
    ) -> Session:
        """Open a store's file. Blocks.

        Raises:
            StoreError: It cannot be opened, or is no store that this package knows.
        """
        with failures_of(path), ExitStack() as opened:
            connection = opened.enter_context(closing(connect(path, synchronous=synchronous)))
            upgrade(connection)
            copying = opened.enter_context(closing(connect(path, synchronous=synchronous)))
            checkpointer = Checkpointer(path, copying, call)
            writer = Writer(path, connection, call, interval_s, checkpointer.note)
            reader = Reader(path, call)
            cleaner = Cleaner(writer, reader, checkpointer)
            if queries.any_forgotten(connection):
                cleaner.wake()
            last_seq = queries.last_seq(connection)
            opened.pop_all()
        return cls(writer, checkpointer, cleaner, reader, make_converter(strategies), last_seq)

    def close(self) -> None:
        """Close all connections. Blocks.

        Raises:
            StoreError: The disk reports an error. Whatever is durable stays so.
        """
        # In reverse order: each is closed, whatever becomes of the others.
        with failures_of(self.writer.path), ExitStack() as closed:
            closed.callback(self.writer.connection.close)
            closed.callback(self.checkpointer.connection.close)
            closed.callback(self.reader.close)

    def begin(
        self, run_id: str, seq: int, watermark: int, on_durable: Callable[[], None]
    ) -> SqliteLog:
        """Make the log of a run."""
        log = self.logs[run_id] = self.make_log(seq, watermark, on_durable)
        return log

    def make_log(
        self, seq: int, watermark: int, on_durable: Callable[[], None], of: LogTable = "runs"
    ) -> SqliteLog:
        """Make the log of a run or an attempt."""
        held = Holding(self.memory.account("logs"))
        return SqliteLog(seq, watermark, self.writer, self.reader, on_durable, held, of)

    def next_seq(self) -> int:
        """Return the number of the next row of a run or an attempt, which share their numbers."""
        self.last_seq += 1
        return self.last_seq

    async def catch_up(self) -> None:
        """Wait until what was handed over can be queried, if it can be written at all."""
        if self.writer.problem is None:
            with suppress(StoreError):
                await self.writer.flush()

    def replace(self, run_id: str) -> int:
        """Make room for a new run of this id; return the number of its row."""
        self.forget(run_id)
        del self._forgotten[run_id]
        return self.next_seq()

    async def find(self, run_id: str) -> queries.RunRow:
        """Return a run's row.

        Raises:
            UnknownRunError: It was never opened, or is gone.
            StoreError: It cannot be read.
        """
        while True:
            self.check(run_id)
            forgets = self._forgets
            row = await self.reader.ask(queries.find_run, run_id)
            if self._forgets == forgets:  # otherwise it may have been forgotten meanwhile
                return row

    def forget(self, run_id: str) -> None:
        """Drop a run; its rows stay for as long as somebody holds its log."""
        self._results.pop(run_id, None)
        self._finished.pop(run_id, None)
        self.writer.add(statements.forget_run(run_id))
        if (log := self.logs.pop(run_id, None)) is None:
            self.cleaner.wake()
        else:
            self.cleaner.wake_after(log)
        written = self.writer.written
        self._forgotten = {each: n for each, n in self._forgotten.items() if n > written}
        self._forgotten[run_id] = self.writer.handed_over
        self._forgets += 1

    def retire(self, run_id: str) -> Sequence[str]:
        """Count a run as finished and just used; return those that should leave memory."""
        if (log := self.logs.get(run_id)) is None:
            return ()
        log.shrink()
        self._finished[run_id] = None
        self._finished.move_to_end(run_id)
        excess = max(0, len(self._finished) - _RUNS_AT_HAND)
        return [self._finished.popitem(last=False)[0] for _ in range(excess)]

    def knows(self, run_id: str) -> bool:
        """Return False for a run that was forgotten, though queries may still find it."""
        return self._forgotten.get(run_id, 0) <= self.writer.written

    def known(self, run_ids: Iterable[str]) -> list[str]:
        """Return these ids without those that were forgotten."""
        return [run_id for run_id in run_ids if self.knows(run_id)]

    def check(self, run_id: str) -> None:
        """Check that a run was not forgotten.

        Raises:
            UnknownRunError: It was.
        """
        if not self.knows(run_id):
            raise UnknownRunError(run_id)

    def keep_at_hand(self, run_id: str, result: Result) -> None:
        """Keep the result of a run that goes on, as one of the newest few, if memory is left."""
        held = Holding(self.memory.account("results"))
        if run_id in self.logs and held.try_grow_to(result_bytes(result)):
            self._results[run_id] = result, held
        while len(self._results) > _RESULTS_AT_HAND:
            self._results.popitem(last=False)

    def result_at_hand(self, run_id: str) -> Result | None:
        """Return a result that is in memory."""
        return self._results.get(run_id, (None,))[0]
