"""Rounds of a cluster in virtual time: gateways on one model of a database, under faults.

Gateways are killed, closed and started again, and stand still for longer than a lease lives. The
database is away; peers are cut off from each other. Clients submit runs and optimizations, cancel
some, and each reads one log to its end, on whatever gateway lives. When all is healed and has
ended, each log must be sound, each reader must have got it once and in order, and no log may have
been written by two gateways. In some rounds gateways have different bars of one symbol: a run of it
that was queued must have begun where the bars are that it was submitted with.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
import trio
from attrs import define, evolve, field
from support.model_database import ModelDatabase, OptimizationRow, RunRow, ended
from support.model_peers import Network, PeersOf
from support.model_store import ModelStore
from support.optimizations import search_request
from trio.testing import MockClock

from glowback_trio import BacktestRequest, Event, Gateway, InlineCompute, MaCrossover, Run
from glowback_trio.actors import Attempt, open_gateway
from glowback_trio.compute import UNSHARED, BacktestJob, Job, Step, Turn
from glowback_trio.data import Catalogue, MemoryCatalogue
from glowback_trio.errors import (
    CursorAheadError,
    GatewayClosedError,
    GlowbackError,
    QueueFullError,
    StoreError,
    UnknownRunError,
)
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import State
from glowback_trio.model.request import Stream
from glowback_trio.testing.gateway import virtual_now
from glowback_trio.testing.sim import seeded_schedule

__all__ = ["DIFFERING", "in_the_loop", "play", "source_of"]

#: A symbol of which gateways may have different bars.
DIFFERING = "MSFT"
_FAULTS_S = 90.0
_HEALED_S = 240.0


@define(eq=False)
class Member:
    """A gateway of the round."""

    address: str
    store: ModelStore
    gateway: Gateway | None = None
    closing: trio.Event = field(factory=trio.Event)
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    gone: trio.Event = field(factory=trio.Event)


@define(eq=False)
class SlowCompute(InlineCompute):
    """Takes so many seconds before it begins with a run, so that others wait for its slot."""

    delay_s: float

    async def run_job(
        self, job: Job, send: trio.MemorySendChannel[Step], turn: Turn = UNSHARED
    ) -> None:
        if isinstance(job, BacktestJob):
            await trio.sleep(self.delay_s)
        await super().run_job(job, send, turn)


@define(eq=False)
class Round:
    """One round.

    Args:
        seed: Of all that happens.
    """

    seed: int
    database: ModelDatabase = field(init=False)
    network: Network = field(factory=Network)
    members: dict[str, Member] = field(factory=dict)
    rng: random.Random = field(init=False)
    #: What clients were told is kept, and what each reader got.
    kept: dict[str, None] = field(factory=dict)
    got: dict[str, list[list[Event]]] = field(factory=dict)
    searches: dict[str, None] = field(factory=dict)
    #: Which bars of `DIFFERING` a gateway has, by its address; and those of runs of it.
    bars: dict[str, int] = field(factory=dict)
    needed: dict[str, int] = field(factory=dict)
    differs: bool = field(init=False)
    slowness: list[float] = field(init=False)
    ids: Callable[[], str] = field(init=False)
    nursery: trio.Nursery = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.database = ModelDatabase(
            self.seed,
            delay_s=self.rng.choice([0.0, 0.02, 0.2]),
            lost_hints=self.rng.choice([0.0, 0.3, 1.0]),
            lost_answers=self.rng.choice([0.0, 0.02]),
        )
        self.differs = self.rng.random() < 0.6
        self.slowness = self.rng.choice([[0.0], [0.0, 10.0], [20.0]])
        numbers = count(1)
        self.ids = lambda: f"id-{next(numbers)}"

    async def run(self) -> None:
        """Play it."""
        async with trio.open_nursery() as nursery:
            self.nursery = nursery
            for number in range(self.rng.choice([2, 3])):
                address = f"http://g{number}"
                self.bars[address] = number % 2 if self.differs else 0
                self.start(address)
            nursery.start_soon(self._submit)
            with trio.move_on_after(_FAULTS_S):
                await self._make_faults()
            self._heal()
            with trio.fail_after(_HEALED_S):
                await self._until(self._over)
            for member in [*self.members.values()]:
                member.closing.set()
                await member.gone.wait()
            nursery.cancel_scope.cancel()
        self.check()

    def start(self, address: str) -> None:
        """Start a gateway at an address."""
        member = Member(address, ModelStore(self.database, address, address))
        self.members[address] = member
        self.nursery.start_soon(self._be, member)

    async def _be(self, member: Member) -> None:
        with member.scope:
            async with open_gateway(
                data=source_of(self.bars[member.address]),
                store=member.store,
                compute=SlowCompute(self.rng.choice(self.slowness)),
                clock=virtual_now,
                new_id=self.ids,
                epoch="epoch",
                max_running=self.rng.choice([1, 2, 4]),
                peers=PeersOf(member.address, self.network),
            ) as gateway:
                member.gateway = gateway
                self.network.gateways[member.address] = gateway, member.store.link
                await member.closing.wait()
                del self.network.gateways[member.address]
                member.gateway = None
        member.gateway = None
        self.network.gateways.pop(member.address, None)
        member.gone.set()

    def living(self) -> list[Member]:
        """Return the gateways that serve."""
        return [each for each in self.members.values() if each.gateway is not None]

    def pick(self) -> Gateway | None:
        """Return a gateway as a load balancer does."""
        member = self._pick_member()
        return None if member is None else member.gateway

    def _pick_member(self) -> Member | None:
        found = [each for each in self.living() if not each.store.link.stopped]
        return self.rng.choice(found) if found else None

    async def _make_faults(self) -> None:
        faults = [self._kill, self._close, self._stop, self._stop, self._away, self._part]
        while True:
            await trio.sleep(self.rng.uniform(2, 12))
            await self.rng.choice(faults)()

    async def _kill(self) -> None:
        if len(living := self.living()) < 2:
            return
        member = self.rng.choice(living)
        member.store.link.kill()
        member.scope.cancel()
        await member.gone.wait()
        await trio.sleep(self.rng.uniform(0, 10))
        self.start(member.address)

    async def _close(self) -> None:
        if len(living := self.living()) < 2:
            return
        member = self.rng.choice(living)
        member.closing.set()
        await member.gone.wait()
        self.start(member.address)

    async def _stop(self) -> None:
        if living := self.living():
            link = self.rng.choice(living).store.link
            link.stop()
            self.nursery.start_soon(self._go_on_later, link.go_on, self.rng.uniform(3, 40))

    async def _go_on_later(self, go_on: Callable[[], None], wait_s: float) -> None:
        await trio.sleep(wait_s)
        go_on()

    async def _away(self) -> None:
        self.database.away = True
        await trio.sleep(self.rng.uniform(1, 35))
        self.database.away = False

    async def _part(self) -> None:
        if len(self.members) < 2:
            return
        one, other = self.rng.sample(sorted(self.members), 2)
        pair = frozenset((one, other))
        self.network.silent = self.rng.choice([True, False])
        self.network.cut.add(pair)
        self.nursery.start_soon(
            self._go_on_later, lambda: self.network.cut.discard(pair), self.rng.uniform(3, 30)
        )

    def _heal(self) -> None:
        self.database.away = False
        self.network.cut.clear()
        for member in self.members.values():
            member.store.link.go_on()

    async def _until(self, holds: Callable[[], bool]) -> None:
        while True:
            if holds():
                return
            await trio.sleep(1)

    def _over(self) -> bool:
        rows: list[RunRow | OptimizationRow] = [
            *self.database.runs.values(),
            *self.database.optimizations.values(),
        ]
        return all(row.log and ended(row.log) for row in rows) and self._all_read()

    def _all_read(self) -> bool:
        return all(log and ended(log) for logs in self.got.values() for log in logs)

    async def _submit(self) -> None:
        for number in range(self.rng.randint(4, 12)):
            await trio.sleep(self.rng.uniform(0, 8))
            member = self._pick_member()
            if member is None or (gateway := member.gateway) is None:
                continue
            try:
                if self.rng.random() < 0.25:
                    await self._submit_search(gateway)
                else:
                    await self._submit_run(gateway, number, self.bars[member.address])
            except (StoreError, GatewayClosedError, QueueFullError):
                continue  # a client tries again

    async def _submit_run(self, gateway: Gateway, number: int, bars: int) -> None:
        run = gateway.submit(self._request(), key=f"key-{number}")
        if run.request.symbols == (DIFFERING,):
            self.needed[run.run_id] = bars
        await run.wait_stored()
        self.kept[run.run_id] = None
        for _ in range(3):
            log: list[Event] = []
            self.got.setdefault(run.run_id, []).append(log)
            self.nursery.start_soon(self._read, run.run_id, log)
        if self.rng.random() < 0.2:
            self.nursery.start_soon(self._cancel, run.run_id)

    def _request(self) -> BacktestRequest:
        return BacktestRequest(
            symbols=[self.rng.choice(["AAPL", DIFFERING])],
            start_date="2024-01-01",
            end_date="2024-02-15",
            strategy=MaCrossover(short_period=2, long_period=5),
            stream=Stream(pace_bars_per_s=self.rng.choice([None, 1.0, 2.0, 10.0])),
            on_restart=self.rng.choice(["rerun", "rerun", "fail"]),
        )

    async def _submit_search(self, gateway: Gateway) -> None:
        request = search_request(on_restart=self.rng.choice(["rerun", "fail"]))
        if self.rng.random() < 0.5:
            base = evolve(request.base_backtest, symbols=[DIFFERING])
            request = evolve(request, base_backtest=base)
        search = gateway.optimize(request)
        await search.wait_stored()
        self.searches[search.optimization_id] = None
        log: list[Event] = []
        self.got.setdefault(search.optimization_id, []).append(log)
        self.nursery.start_soon(self._read, search.optimization_id, log)

    async def _cancel(self, run_id: str) -> None:
        await trio.sleep(self.rng.uniform(0, 20))
        await self._until(lambda: self.pick() is not None)
        if (gateway := self.pick()) is None:
            return
        try:
            run = await gateway.load_run(run_id)
            await run.hold()
            run.cancel("by a client")
        except GlowbackError:
            pass  # it is held elsewhere, or the store is away: a client would ask again

    async def _read(self, name: str, log: list[Event]) -> None:
        """Be a client that reads one log, on one gateway after another."""
        while not (log and ended(log)):
            if (gateway := self.pick()) is None:
                await trio.sleep(1)
                continue
            try:
                with trio.move_on_after(self.rng.uniform(5, 60)):  # it goes elsewhere at times
                    await self._read_at(gateway, name, log)
            except UnknownRunError:
                await trio.sleep(1)
            except (StoreError, GatewayClosedError, CursorAheadError):
                await trio.sleep(1)

    async def _read_at(self, gateway: Gateway, name: str, log: list[Event]) -> None:
        source: Run | Attempt
        if name in self.searches:
            source = (await gateway.load_optimization(name)).attempt()
        else:
            source = await gateway.load_run(name)
        if gateway.membership is not None:
            await gateway.membership.catch_up(source)
        with source.subscribe(len(log)) as subscription:
            while events := await subscription.read(16):
                for event in events:
                    assert event.event_id == len(log) + 1, (name, event.event_id, len(log))
                    log.append(event)

    def check(self) -> None:
        """Check what is left."""
        assert not self.database.violations, self.database.violations
        for run_id in self.kept:
            assert_sound(self.database.runs[run_id].events)
            self._check_begun(run_id)
        for name in self.searches:
            assert_sound(self.database.optimizations[name].log, kind="optimization")
        for name, logs in self.got.items():
            row = self.database.find(("optimization" if name in self.searches else "run", name))
            assert row is not None
            for log in logs:
                assert [each.data for each in log] == [each.data for each in row.log], name

    def _check_begun(self, run_id: str) -> None:
        """Check that a run that has begun did so where its bars are."""
        row = self.database.runs[run_id]
        begun = row.events[1].payload["state"] == State.RUNNING
        if begun and run_id in self.needed:
            assert row.begun_by is not None
            assert self.bars[row.begun_by] == self.needed[run_id], run_id


def source_of(bars: int) -> MemoryCatalogue:
    """Return a source that differs from others in the bars of `DIFFERING`."""
    request = BacktestRequest(
        symbols=["AAPL", DIFFERING],
        start_date="2023-01-01",
        end_date="2024-12-31",
        strategy=MaCrossover(),
    )
    one, other = Catalogue().load(request).bars
    return MemoryCatalogue([one, evolve(other, close=other.close * (1 + bars / 100))])


async def in_the_loop(function: Callable[..., Any], *args: Any, **_more: Any) -> Any:
    """Call a function as `trio.to_thread.run_sync` does, with no thread for which time waits."""
    await trio.lowlevel.checkpoint()
    return function(*args)


def play(seed: int) -> None:
    """Play the round of a seed."""
    with pytest.MonkeyPatch.context() as patch, seeded_schedule(seed):
        # Virtual time does not wait for a thread: how long one takes would decide what happens.
        patch.setattr(trio.to_thread, "run_sync", in_the_loop)
        trio.run(Round(seed).run, clock=MockClock(autojump_threshold=0))
