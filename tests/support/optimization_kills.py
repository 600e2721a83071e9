"""Optimizations of a real server that is killed in the middle of them.

A round is the life of one server: a client begins an optimization, or goes on with those of earlier
rounds, and follows them until it has received as many trials as the seed says; then the server is
killed with SIGKILL. At the end a last server completes them all.
"""

from __future__ import annotations

import random
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import trio
from attrs import define, field
from support.kill_rounds import served
from support.optimizations import search_request

from glowback_trio.client import Client, open_client
from glowback_trio.errors import GlowbackError
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.store.sqlite.maintenance import check_store

__all__ = ["OptimizationKills"]

TRIALS = 60
MOST_TRIALS = 90
#: Such as an attempt number, and the events of its log that a client received.
Received = dict[int, list[bytes]]


@define(eq=False)
class OptimizationKills:
    """Rounds on one file.

    Args:
        path: The store's file.
        seed: Decides what is asked for and when the server is killed.
    """

    path: Path
    seed: int
    #: What clients received, by optimization and attempt.
    received: dict[str, Received] = field(factory=lambda: defaultdict(lambda: defaultdict(list)))
    _random: random.Random = field(init=False)
    _left: int = field(default=0, init=False)
    _enough: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def live_and_die(self) -> None:
        """Be one round: serve, search, kill."""
        self._left, self._enough = self._random.randrange(1, MOST_TRIALS), trio.Event()
        with served(self.path) as (process, url):
            async with open_client(url) as client, trio.open_nursery() as nursery:
                nursery.start_soon(self._search, client)
                await self._enough.wait()
                process.kill()
                nursery.cancel_scope.cancel()

    async def _search(self, client: Client) -> None:
        # Whatever goes wrong comes from the kill.
        with suppress(GlowbackError):
            for optimization_id in list(self.received):
                await self._go_on(client, optimization_id)
            while True:
                request = search_request(
                    max_trials=TRIALS,
                    random_seed=len(self.received),
                    on_restart=self._random.choice(["rerun", "fail"]),
                    concurrency=self._random.randrange(1, 5),
                    validation_mode="walk_forward",
                )
                begun = await client.optimize(request)
                await self._follow(client, begun.optimization_id)
        self._enough.set()

    async def _go_on(self, client: Client, optimization_id: str) -> None:
        """Resume what has failed, and follow it to its end."""
        found = client.optimization(optimization_id)
        status = await found.status()
        if status.state in (OptimizationState.FAILED, OptimizationState.CANCELLED):
            await found.resume()
        if status.state is not OptimizationState.COMPLETED:
            await self._follow(client, optimization_id)

    async def _follow(self, client: Client, optimization_id: str) -> None:
        found = client.optimization(optimization_id)
        attempt = (await found.status()).attempt
        known = self.received[optimization_id][attempt]
        async with found.stream(attempt=attempt, after=len(known), retry_for=0) as events:
            async for event in events:
                known.append(event.data)
                self._left -= event.type == "trial"
                if self._left <= 0:
                    self._enough.set()

    async def live_on(self) -> None:
        """Serve once more: every optimization completes, and has told each trial exactly once."""
        with served(self.path) as (_, url):
            async with open_client(url) as client:
                for optimization_id, received in self.received.items():
                    await self._go_on(client, optimization_id)
                    await self._check(client, optimization_id, received)
        assert list(check_store(self.path)) == []

    async def _check(self, client: Client, optimization_id: str, received: Received) -> None:
        found = client.optimization(optimization_id)
        status = await found.status()
        assert status.state is OptimizationState.COMPLETED, status
        numbers: list[int] = []
        for attempt in range(1, status.attempt + 1):
            async with found.stream(attempt=attempt) as events:
                log = [event async for event in events]
            assert_sound(log, kind="optimization")
            known = received.get(attempt, [])
            assert [event.data for event in log[: len(known)]] == known
            assert log[0].payload["trials_taken_over"] == len(numbers)
            numbers += [each.payload["trial_number"] for each in log if each.type == "trial"]
        assert numbers == list(range(1, TRIALS + 1))
