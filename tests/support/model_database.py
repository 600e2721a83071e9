"""A model of what a database promises to the gateways that share it, in one event loop.

A commit is atomic, takes a while, and is refused if its gateway's lease has been fenced. Time is
trio's. The database may be away, and may lose hints; each gateway's link to it (`Link`) may stand
still, as if that gateway were stopped, or be cut for good, as if it had been killed. An answer may
be lost though its commit was not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator
from typing import TypeVar

import trio
from attrs import define, field
from support.model_shared import ModelTables

from glowback_trio.errors import StoreError
from glowback_trio.model.events import Event
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import TERMINAL
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Result
from glowback_trio.store import TrialNote
from glowback_trio.store.cluster import LEASE_S, Held, Named
from glowback_trio.store.memory_ledger import MemoryLedger

__all__ = ["AttemptRow", "LeaseRow", "Link", "ModelDatabase", "OptimizationRow", "RunRow"]
__all__ += ["Shared", "ended"]

T = TypeVar("T")

ENDS = frozenset(str(state) for state in TERMINAL)


def ended(events: Collection[Event]) -> bool:
    """Return whether a log has its terminal event."""
    *_, last = events
    return last.type == "state" and last.payload["state"] in ENDS


@define(eq=False)
class Shared:
    """What runs and optimizations have in common."""

    key: str | None
    owner: str
    held_by: int | None
    #: Who wrote its second event.
    begun_by: str | None = field(default=None, init=False)
    begun: bool = field(default=False, init=False)
    paused: bool = field(default=False, init=False)
    fingerprint: str | None = field(default=None, init=False)
    #: Number of the commit that changed it last, and the gateway that did.
    changed: tuple[int, int | None] = field(default=(0, None), init=False)

    def held(self, named: Named) -> Held:
        """Return it as a gateway is told of it."""
        return Held(named, self.owner, self.paused, self.fingerprint)


@define(eq=False)
class RunRow(Shared):
    """A run."""

    request: BacktestRequest
    labels: Labels
    events: list[Event] = field(factory=list, init=False)
    result: Result | None = field(default=None, init=False)

    @property
    def log(self) -> list[Event]:
        """Its events."""
        return self.events


@define(eq=False)
class AttemptRow:
    """An attempt of an optimization."""

    events: list[Event] = field(factory=list)
    status: OptimizationStatus | None = None


@define(eq=False)
class OptimizationRow(Shared):
    """An optimization."""

    request: OptimizationRequest
    attempts: list[AttemptRow] = field(factory=list, init=False)
    notes: dict[int, TrialNote] = field(factory=dict, init=False)
    result: OptimizationResult | None = field(default=None, init=False)

    @property
    def log(self) -> list[Event]:
        """The events of the newest attempt."""
        return self.attempts[-1].events if self.attempts else []


@define(eq=False)
class LeaseRow:
    """A gateway."""

    epoch: int
    name: str
    until: float
    began: float
    address: str | None = None
    fenced: bool = False
    #: Number of its last commit: an answer may be lost.
    commits: int = 0


@define(eq=False)
class ModelDatabase:
    """The database.

    Args:
        seed: Of the times that messages take, and of what is lost.
        delay_s: The most that a message takes.
    """

    seed: int = 0
    delay_s: float = 0.0
    lost_hints: float = 0.0
    lost_answers: float = 0.0
    #: True while nobody reaches it.
    away: bool = False
    runs: dict[str, RunRow] = field(factory=dict, init=False)
    optimizations: dict[str, OptimizationRow] = field(factory=dict, init=False)
    leases: dict[int, LeaseRow] = field(factory=dict, init=False)
    ledger: MemoryLedger = field(factory=MemoryLedger, init=False)
    #: Keys, tickets and rates.
    tables: ModelTables = field(factory=ModelTables, init=False)
    #: What must never happen, and has.
    violations: list[str] = field(factory=list, init=False)
    links: list[Link] = field(factory=list, init=False)
    commits: int = field(default=0, init=False)
    _epochs: int = field(default=0, init=False)
    _random: random.Random = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def travel(self) -> None:
        """Take the time of a message."""
        if self.delay_s:
            await trio.sleep(self._random.uniform(0, self.delay_s))
        else:
            await trio.lowlevel.checkpoint()

    def loses(self, share: float) -> bool:
        """Return whether a message is lost."""
        return self._random.random() < share

    def join(self, name: str, address: str | None) -> LeaseRow:
        """Give a gateway a lease."""
        self._epochs += 1
        now = trio.current_time()
        lease = LeaseRow(self._epochs, name, now + LEASE_S, now, address)
        self.leases[lease.epoch] = lease
        return lease

    def fence(self, epoch: int) -> list[Held]:
        """Fence a lease; return what it held."""
        self.leases[epoch].fenced = True
        held = []
        for named, row in self.everything():
            if row.held_by == epoch:
                row.held_by, row.begun = None, row.begun and not self.queued(named)
                held.append(row.held(named))
        return held

    def everything(self) -> Iterator[tuple[Named, RunRow | OptimizationRow]]:
        """Yield all that has not ended, oldest first."""
        for run_id, run in self.runs.items():
            if run.events and not ended(run.events):
                yield ("run", run_id), run
        for optimization_id, optimization in self.optimizations.items():
            if optimization.log and not ended(optimization.log):
                yield ("optimization", optimization_id), optimization

    def queued(self, named: Named) -> bool:
        """Return whether something is a run that has not begun."""
        return named[0] == "run" and len(self.runs[named[1]].events) == 1

    def find(self, named: Named) -> RunRow | OptimizationRow | None:
        """Return a row."""
        rows = self.runs if named[0] == "run" else self.optimizations
        return rows.get(named[1])

    def touch(self, row: Shared, epoch: int | None) -> None:
        """Note that something has changed."""
        self.commits += 1
        row.changed = self.commits, epoch

    def append(self, row: Shared, log: list[Event], events: Collection[Event], epoch: int) -> None:
        """Append to a log within a commit."""
        if row.held_by != epoch:
            self.violations.append(f"gateway {epoch} wrote to a log that {row.held_by} holds")
            return
        for event in events:
            if event.event_id != len(log) + 1 or (log and ended(log)):
                self.violations.append(f"event {event.event_id} after {len(log)} from {epoch}")
                return
            log.append(event)
            if event.event_id == 2:
                row.begun_by = self.leases[epoch].name
        self.touch(row, epoch)

    def tell(self, named: Collection[Named], sender: Link) -> None:
        """Send a hint to all other gateways."""
        for link in self.links:
            if link is not sender and not self.loses(self.lost_hints):
                link.hear(named)


@define(eq=False)
class Link:
    """A gateway's way to the database.

    Args:
        database: The database.
        name: Whose it is.
    """

    database: ModelDatabase
    name: str
    #: True for good once the gateway has been killed.
    dead: bool = field(default=False, init=False)
    #: Set while the gateway is stopped: nothing that it does has an effect before it goes on.
    _stopped: trio.Event | None = field(default=None, init=False)
    _heard: dict[Named, None] = field(factory=dict, init=False)
    _hint: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self.database.links.append(self)

    def stop(self) -> None:
        """Let everything stand still until `go_on`."""
        if self._stopped is None:
            self._stopped = trio.Event()

    def go_on(self) -> None:
        """Let everything go on."""
        if self._stopped is not None:
            self._stopped.set()
            self._stopped = None

    @property
    def stopped(self) -> bool:
        """True while everything stands still."""
        return self._stopped is not None

    def kill(self) -> None:
        """Cut it for good."""
        self.dead = True
        self.go_on()

    async def send(self) -> None:
        """Bring a message to the database.

        Raises:
            StoreError: It does not arrive.
        """
        await self.database.travel()
        await self.wait_going()
        if self.dead or self.database.away:
            raise StoreError("The database cannot be reached")

    async def wait_going(self) -> None:
        """Wait while everything stands still."""
        while self._stopped is not None:
            await self._stopped.wait()

    async def receive(self) -> None:
        """Bring an answer back.

        Raises:
            StoreError: It is lost.
        """
        lost = self.database.loses(self.database.lost_answers)
        await self.database.travel()
        await self.wait_going()
        if self.dead or self.database.away or lost:
            raise StoreError("The database's answer was lost")

    async def ask(self, function: Callable[[], T]) -> T:
        """Carry something out in the database; it happens at one moment.

        Raises:
            StoreError: It did not happen, or the answer was lost.
        """
        await self.send()
        answer = function()
        await self.receive()
        return answer

    def hear(self, named: Collection[Named]) -> None:
        """Take a hint."""
        self._heard.update(dict.fromkeys(named))
        self._hint.set()

    async def wait_hint(self) -> Collection[Named]:
        """Wait for hints."""
        await self._hint.wait()
        await self.wait_going()
        self._hint = trio.Event()
        heard, self._heard = self._heard, {}
        return list(heard)
