"""Clients of a cluster that ask any gateway, and go to another one whenever they like or must."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

import trio
from attrs import define, field

from glowback_trio.client import Client, open_client
from glowback_trio.errors import (
    GlowbackError,
    InvalidTransitionError,
    ServerRefusedError,
    UnreachableError,
)
from glowback_trio.model.lifecycle import Status

__all__ = ["Wanderers", "open_wanderers", "request_by"]

#: Seconds without an event or an answer until a client tries another gateway.
PATIENCE_S = 6.0
#: Seconds within which everything that was asked for must have come, from anywhere.
GIVE_UP_S = 150.0
_T = TypeVar("_T")


@define(eq=False)
class Wanderers:
    """Clients, what they have started, and what they have received.

    Attributes:
        clients: One for each gateway.
        rng: Decides where clients go, and when.
        requests: What was asked for, by idempotency key.
        started: The run that each key has started.
        received: The log that each client has received, by run.
        counted: How often what has happened.
    """

    clients: Sequence[Client]
    rng: random.Random
    requests: dict[str, dict[str, Any]] = field(factory=dict)
    started: dict[str, str] = field(factory=dict)
    received: dict[str, list[list[bytes]]] = field(factory=dict)
    counted: Counter[str] = field(factory=Counter)

    async def submit(self, key: str, request: dict[str, Any]) -> str:
        """Send a request with its key to two gateways at once, and return the one run's id."""
        self.requests[key] = request
        ids: list[str] = []

        async def send(at: int) -> None:
            def ask(client: Client) -> Awaitable[Status]:
                return client.submit(request, idempotency_key=key)

            ids.append((await self.insist(ask, at)).run_id)

        async with trio.open_nursery() as nursery:
            for at in self.rng.sample(range(len(self.clients)), 2):
                nursery.start_soon(send, at)
        assert len(set(ids)) == 1, f"{key} was carried out twice: {ids}"
        self.started[key] = ids[0]
        return ids[0]

    async def follow(self, run_id: str) -> None:
        """Receive a whole log, over as many streams of as many gateways as it takes."""
        log: list[bytes] = []
        self.received.setdefault(run_id, []).append(log)
        with _within(f"the log of {run_id}"):
            while not (log and b'"digest"' in log[-1]):
                client = self.rng.choice(self.clients)
                try:
                    await self._receive(client, run_id, log)
                except GlowbackError as error:
                    self._note(error)
                    await trio.sleep(0.1 + self.rng.random() / 2)

    async def _receive(self, client: Client, run_id: str, log: list[bytes]) -> None:
        """Receive from one gateway, until the end, or until this client goes elsewhere."""
        leaves_after = self.rng.choice((10, 100, 10_000))
        async with client.stream(run_id, after=len(log), retry_for=0.0) as events:
            for _ in range(leaves_after):
                with trio.move_on_after(PATIENCE_S) as patience:
                    event = await anext(events, None)
                if patience.cancelled_caught:
                    self.counted["silent"] += 1
                    return
                if event is None:
                    return
                assert event.event_id == len(log) + 1, (run_id, event.event_id, len(log))
                log.append(event.data)

    async def command(self, run_id: str, what: str) -> None:
        """Cancel a run, or pause it for a while, each by any gateway."""
        await self.insist(lambda client: _command(client, run_id, what))
        if what == "pause":
            await trio.sleep(self.rng.random() * 2)
            await self.insist(lambda client: _command(client, run_id, "resume"))
        self.counted[what] += 1

    async def insist(self, ask: Callable[[Client], Awaitable[_T]], first: int | None = None) -> _T:
        """Ask one gateway after the other until one answers."""
        client = self.rng.choice(self.clients) if first is None else self.clients[first]
        with _within("an answer"):
            while True:
                try:
                    with trio.move_on_after(PATIENCE_S):
                        return await ask(client)
                    self.counted["no answer"] += 1
                except GlowbackError as error:
                    self._note(error)
                    await trio.sleep(0.1 + self.rng.random() / 2)
                client = self.rng.choice(self.clients)

    def _note(self, error: GlowbackError) -> None:
        """Count what a client has to bear with; all else is a fault."""
        if isinstance(error, ServerRefusedError):
            # The server is asked too much or ends, or the database is away.
            assert error.status in (429, 503, 1011, 1012, 1013), error
            assert error.status < 1000 or error.status != 503 or error.retry_after is not None
            self.counted[str(error.status)] += 1
        else:
            assert isinstance(error, UnreachableError), repr(error)
            self.counted["unreachable"] += 1


async def _command(client: Client, run_id: str, what: str) -> None:
    with suppress(InvalidTransitionError):  # it has ended meanwhile
        await getattr(client, what)(run_id)


@contextmanager
def _within(what: str) -> Iterator[None]:
    with trio.move_on_after(GIVE_UP_S) as scope:
        yield
    assert not scope.cancelled_caught, f"a client waited {GIVE_UP_S:g} s for {what}"


def request_by(rng: random.Random) -> dict[str, Any]:
    """Return a request for a run that takes some time, and is shipped prices' only."""
    return {
        "symbols": rng.sample(("AAPL", "IBM", "SPY"), 2),
        "start_date": "2017-01-02",
        "end_date": rng.choice(("2017-06-30", "2017-12-29", "2018-06-29")),
        "strategy": {"name": rng.choice(("buy_and_hold", "ma_crossover", "rsi"))},
        "stream": {
            "orders": True,
            "metrics_every": 1,
            "pace_bars_per_s": rng.choice((None, 20.0, 20.0, 40.0)),
        },
        "on_restart": rng.choice(("fail", "rerun", "rerun")),
    }


@asynccontextmanager
async def open_wanderers(urls: Sequence[str], rng: random.Random) -> AsyncIterator[Wanderers]:
    """Open clients of gateways for the length of a block."""
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(open_client(url, silent_for=PATIENCE_S)) for url in urls
        ]
        yield Wanderers(clients, rng)
