"""Subscriptions in a thousand orders of tasks.

Doctrine: whoever subscribes, drops and resumes while a run appends receives every event once and in
order, in whatever order the tasks run and whoever is held back or cancelled. A fault that is
planted here is found by the search, not by luck: see `tests/extended/mutants.py`.
"""

from __future__ import annotations

import trio
from attrs import define, field
from support.broken_programs import Program

from glowback_trio.actors.broadcaster import Bell, Broadcaster, Subscription
from glowback_trio.model.events import Event
from glowback_trio.model.request import BacktestRequest
from glowback_trio.store import MemoryStore
from glowback_trio.testing.sim import find

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")
EVENTS = 12


@define(eq=False)
class Stream:
    """A log that is being written, and what each client has of it."""

    broadcaster: Broadcaster = field(init=False)
    received: dict[str, list[int]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        bell = Bell()
        self.broadcaster = Broadcaster(MemoryStore().open_log("r", REQUEST, bell.ring), bell)

    async def append(self) -> None:
        log = self.broadcaster.log
        for number in range(1, EVENTS + 1):
            log.append(Event(number, "metric" if number < EVENTS else "state", b"{}"))
            if number % 3:
                await trio.lowlevel.checkpoint()
        self.broadcaster.announce_end(EVENTS)

    async def follow(self, client: str, reads_before_drop: int) -> None:
        """Read, drop the subscription after some reads, resume behind what has come."""
        got = self.received.setdefault(client, [])
        is_at_end = False
        while not is_at_end:
            with Subscription(self.broadcaster, None, got[-1] if got else 0) as subscription:
                for _ in range(reads_before_drop):
                    events = await subscription.read(limit=3)
                    got += [event.event_id for event in events]
                is_at_end = subscription.ended


def subscribe_append_drop_resume() -> Program:
    streams: list[Stream] = []

    async def scenario() -> None:
        streams[:] = [stream] = [Stream()]
        async with trio.open_nursery() as nursery:
            for reads in (1, 2, 100):
                nursery.start_soon(stream.follow, f"{reads} reads", reads)
            nursery.start_soon(stream.append)
        assert all(len(got) == EVENTS for got in stream.received.values())

    def check() -> None:
        (stream,) = streams
        assert stream.broadcaster.subscribers == 0
        for client, got in stream.received.items():
            assert got == list(range(1, len(got) + 1)), f"the client of {client} has {got}"

    return Program(scenario, check)


def test_every_client_has_every_event_once_whatever_the_order() -> None:
    program = subscribe_append_drop_resume()
    for strategy in ("random", "pct"):
        finding = find(*program, strategy=strategy, faults=("cancel", "slow"), rounds=100)
        assert finding is None, str(finding)
