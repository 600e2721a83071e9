"""Subscriptions: cursors, filters and ends, compared with a plain list, under many schedules.

Mutants that these tests and `test_run.py` must kill stand in `tests/extended/mutants.py`.
"""

from __future__ import annotations

from collections.abc import Collection

import pytest
import trio
from attrs import define, field
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from trio.testing import wait_all_tasks_blocked

from glowback_trio.actors.broadcaster import Bell, Broadcaster, Subscription
from glowback_trio.errors import CursorAheadError
from glowback_trio.model.events import EVENT_TYPES, Event, EventType
from glowback_trio.model.request import BacktestRequest
from glowback_trio.store import MemoryStore
from glowback_trio.testing import find

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")


class Writer:
    """A log with its broadcaster, written the way a run writes it."""

    def __init__(self) -> None:
        bell = Bell()
        self.log = MemoryStore().open_log("r", REQUEST, bell.ring)
        self.broadcaster = Broadcaster(self.log, bell)

    def append(self, kind: EventType) -> Event:
        event = Event(self.log.watermark + 1, kind, b"{}")
        self.log.append(event)
        return event

    def end(self) -> Event:
        event = self.append("state")
        self.broadcaster.announce_end(event.event_id)
        return event

    def subscribe(self, after: int, types: Collection[EventType] | None = None) -> Subscription:
        return Subscription(self.broadcaster, types, after)


@define(eq=False)
class Chain:
    """One client over any number of connections: where it began, and what it received."""

    start: int
    subscription: Subscription
    filters: list[tuple[int, Collection[EventType] | None]]
    received: list[Event] = field(factory=list)


kinds = st.sampled_from(EVENT_TYPES)
filters = st.none() | st.frozensets(kinds, min_size=1)


class StreamMachine(RuleBasedStateMachine):
    """Everything a client can do to a log, in any order, compared with a list of all events."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = Writer()
        self.written: list[Event] = []
        self.ended = False
        self.chains: list[Chain] = []

    @precondition(lambda self: not self.ended)
    @rule(kind=kinds)
    def append(self, kind: EventType) -> None:
        self.written.append(self.writer.append(kind))

    @precondition(lambda self: not self.ended)
    @rule()
    def end(self) -> None:
        self.written.append(self.writer.end())
        self.ended = True

    @rule(data=st.data(), types=filters)
    def subscribe(self, data: st.DataObject, types: Collection[EventType] | None) -> None:
        start = data.draw(st.integers(0, len(self.written)))
        self.chains.append(Chain(start, self.writer.subscribe(start, types), [(start, types)]))

    @rule(ahead=st.integers(1, 5))
    def subscribe_ahead(self, ahead: int) -> None:
        with pytest.raises(CursorAheadError):
            self.writer.subscribe(len(self.written) + ahead)

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), limit=st.integers(1, 7))
    def read(self, data: st.DataObject, limit: int) -> None:
        chain = data.draw(st.sampled_from(self.chains))
        events = chain.subscription.read_nowait(limit)
        assert len(events) <= limit
        assert events or chain.subscription.cursor == len(self.written)
        chain.received += events

    @precondition(lambda self: self.chains)
    @rule(data=st.data(), types=filters)
    def resume(self, data: st.DataObject, types: Collection[EventType] | None) -> None:
        chain = data.draw(st.sampled_from(self.chains))
        cursor = chain.subscription.cursor
        chain.subscription = self.writer.subscribe(cursor, types)
        chain.filters.append((cursor, types))

    @precondition(lambda self: self.chains)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        self.chains.remove(data.draw(st.sampled_from(self.chains)))

    @invariant()
    def each_client_has_exactly_what_its_filter_lets_through(self) -> None:
        for chain in self.chains:
            cursor = chain.subscription.cursor
            assert chain.received == self._wanted(chain, cursor)
            assert chain.subscription.ended == (self.ended and cursor == len(self.written))

    def _wanted(self, chain: Chain, cursor: int) -> list[Event]:
        """What the filters in force let through, event by event; the end always."""
        bounds = [*(start for start, _ in chain.filters[1:]), cursor]
        return [
            event
            for (start, types), stop in zip(chain.filters, bounds, strict=True)
            for event in self.written[start:stop]
            if types is None
            or event.type in types
            or (self.ended and event.event_id == len(self.written))
        ]


TestStreamMachine = StreamMachine.TestCase
TestStreamMachine.settings = settings(max_examples=60, stateful_step_count=40)


def test_events_of_other_types_are_passed_over_in_one_read() -> None:
    writer = Writer()
    for _ in range(5):
        writer.append("metric")
    subscription = writer.subscribe(0, ["log"])
    assert list(subscription.read_nowait(limit=2)) == []
    assert subscription.cursor == 5
    wanted = writer.append("log")
    assert list(subscription.read_nowait(limit=2)) == [wanted]


def test_a_reader_that_comes_at_any_point_of_the_writing_misses_nothing() -> None:
    """One writer, one reader for every event that has been written, a thousand schedules."""
    events = 10
    received: list[list[int]] = []

    async def scenario() -> None:
        received.clear()
        writer = Writer()

        async def read_from_here() -> None:
            ids: list[int] = []
            subscription = writer.subscribe(after=writer.log.watermark)
            ids.append(subscription.cursor)
            while read := await subscription.read(limit=3):
                ids += [event.event_id for event in read]
            received.append(ids)

        async with trio.open_nursery() as nursery:
            for _ in range(events):
                nursery.start_soon(read_from_here)
                await trio.lowlevel.checkpoint()
                writer.append("metric")
                await trio.lowlevel.checkpoint()
            writer.end()

    def check() -> None:
        assert len(received) == events
        for ids in received:
            assert ids == list(range(ids[0], events + 2))

    for strategy in ("random", "pct"):
        finding = find(scenario, check, strategy=strategy, faults=("slow",), rounds=500)
        assert finding is None, str(finding)


async def test_a_ring_wakes_any_number_of_readers_a_hundred_at_a_time() -> None:
    bell, woken = Bell(), [0, 0]

    async def wait(which: int) -> None:
        await bell.wait()
        woken[which] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(1000):
            nursery.start_soon(wait, 0)
        await wait_all_tasks_blocked()
        bell.ring()
        nursery.start_soon(wait, 1)
        most = before = 0
        while woken[0] < 1000:
            await trio.lowlevel.checkpoint()
            most, before = max(most, woken[0] - before), woken[0]
        await wait_all_tasks_blocked()
        assert woken == [1000, 0], "who waits after the ring waits for the next one"
        assert most <= 200
        bell.ring()


async def test_a_reader_that_is_cancelled_after_the_ring_leaves_nobody_asleep() -> None:
    bell, woken = Bell(), [0]
    with_scope: list[trio.CancelScope] = []

    async def wait() -> None:
        with trio.CancelScope() as scope:
            with_scope.append(scope)
            await bell.wait()
        woken[0] += 1

    async with trio.open_nursery() as nursery:
        for _ in range(500):
            nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        bell.ring()
        for scope in with_scope[::2]:
            scope.cancel()
        await wait_all_tasks_blocked()
        assert woken == [500]


async def test_one_ring_wakes_each_reader_once() -> None:
    bell, woken = Bell(), [0] * 5

    async def read(number: int) -> None:
        while True:
            await bell.wait()
            woken[number] += 1

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(read, number)
        for rings in range(1, 4):
            await wait_all_tasks_blocked()
            bell.ring()
            with trio.fail_after(5):
                await wait_all_tasks_blocked()
            assert woken == [rings] * 5
        nursery.cancel_scope.cancel()
