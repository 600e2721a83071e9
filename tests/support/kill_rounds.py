"""Clients of a real server that is killed in the middle of their work, and what they then know.

A round is the life of one server: clients submit runs, repeat requests of this and of earlier
rounds, follow runs, cancel, pause and delete some, until they have received as many events as the
seed says; then the server is killed with SIGKILL. What the clients know is compared with the file
that is left.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import trio
from attrs import define, field

import glowback_trio
from glowback_trio import SqliteStore
from glowback_trio.client import Client, open_client
from glowback_trio.errors import GlowbackError, UnknownRunError
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store.sqlite.maintenance import check_store

__all__ = ["KillRounds", "served"]

CLIENTS = 6
MOST_EVENTS = 600


@contextmanager
def served(path: Path, durability: str = "process") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Serve with a store's file in a process of its own; yield that and the URL."""
    command = [sys.executable, "-m", "glowback_trio", "serve", "--port", "0"]
    store = ["--store", f"sqlite:{path}", "--durability", durability]
    environment = {**os.environ, "PYTHONPATH": str(Path(glowback_trio.__file__).parents[1])}
    with subprocess.Popen(
        [*command, *store, "--log-level", "ERROR"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("listening on "), line
            yield process, line.removeprefix("listening on ").strip()
        finally:
            process.kill()


@define(eq=False)
class KillRounds:
    """Rounds on one file.

    Args:
        path: The store's file.
        seed: Decides what is asked for and when the server is killed.
        durability: The server's setting.
    """

    path: Path
    seed: int
    durability: str = "process"
    #: What was asked for, by idempotency key, and the run that it started, where a client knows it.
    asked: dict[str, dict[str, Any]] = field(factory=dict)
    started: dict[str, str] = field(factory=dict)
    #: The events that clients received, by run.
    received: dict[str, list[bytes]] = field(factory=lambda: defaultdict(list))
    #: Runs that a client has asked to delete: they may be there or not, until the server has said
    #: that they are gone.
    deleted: set[str] = field(factory=set)
    gone: set[str] = field(factory=set)
    _random: random.Random = field(init=False)
    #: How many events are still received before the kill.
    _left: int = field(default=0, init=False)
    _enough: trio.Event = field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        self._random = random.Random(self.seed)

    async def live_and_die(self) -> None:
        """Be one round: serve, load, kill, compare."""
        self._left, self._enough = self._random.randrange(1, MOST_EVENTS), trio.Event()
        with served(self.path, self.durability) as (process, url):
            async with open_client(url) as client, trio.open_nursery() as nursery:
                for _ in range(CLIENTS):
                    nursery.start_soon(self._be_client, client)
                await self._enough.wait()
                process.kill()
                nursery.cancel_scope.cancel()
        await self._compare()

    async def live_on(self) -> None:
        """Serve once more: every run ends, and no request is carried out twice."""
        with served(self.path, self.durability) as (_, url):
            async with open_client(url) as client:
                for key in self.asked:
                    run_id = await self._submit(client, key)
                    # A server may have been killed after it had paused a run: it is paused still.
                    await client.resume(run_id)
                    async with client.stream(run_id) as events:
                        log = [event async for event in events]
                    assert_sound(log)
                    received = self.received.get(run_id, [])
                    assert [event.data for event in log[: len(received)]] == received
        assert list(check_store(self.path)) == []
        ids = await self._stored_ids()
        assert set(ids) - self.deleted == set(self.started.values()) - self.deleted

    async def _be_client(self, client: Client) -> None:
        # Whatever goes wrong comes from the kill.
        with suppress(GlowbackError):
            while True:
                await self._repeat(client)
                key = f"{self.seed}-{len(self.asked)}"
                self.asked[key] = self._request()
                run_id = await self._submit(client, key)
                what = self._random.choice(["follow", "cancel", "pause", "delete"])
                await self._follow(client, run_id, what)

    async def _repeat(self, client: Client) -> None:
        """Send a request again that was sent before, perhaps to an earlier server."""
        if self.asked:
            key = self._random.choice(list(self.asked))
            if self.started.get(key) not in self.deleted:
                await self._submit(client, key)

    async def _submit(self, client: Client, key: str) -> str:
        known = self.started.get(key)
        run_id = (await client.submit(self.asked[key], idempotency_key=key)).run_id
        # It may have been deleted meanwhile, and is a new request then.
        if known not in self.deleted:
            assert known in (None, run_id), "a request was carried out twice"
        self.started[key] = run_id
        return run_id

    async def _follow(self, client: Client, run_id: str, what: str) -> None:
        until = self._random.randrange(1, 40)
        async with client.stream(run_id, retry_for=0.0) as events:
            async for event in events:
                self._note(run_id, event.data)
                if event.event_id == until and what == "cancel":
                    await client.cancel(run_id)
                if event.event_id == until and what == "pause":
                    await client.pause(run_id)
                    await client.resume(run_id)
                if event.event_id == until and what == "delete":
                    self.deleted.add(run_id)
                    await client.delete(run_id)
                    self.gone.add(run_id)

    def _note(self, run_id: str, data: bytes) -> None:
        if self._enough.is_set():
            return
        self.received[run_id].append(data)
        self._left -= 1
        if self._left == 0:
            self._enough.set()

    def _request(self) -> dict[str, Any]:
        pace = self._random.choice((None, None, 100.0, 400.0))
        return {
            "symbols": self._random.sample(("AAPL", "MSFT", "SPY"), 2),
            "start_date": "2024-01-02",
            "end_date": self._random.choice(("2024-02-01", "2024-06-28", "2024-12-31")),
            "strategy": {"name": self._random.choice(("buy_and_hold", "ma_crossover", "rsi"))},
            "stream": {"orders": True, "metrics_every": 1, "pace_bars_per_s": pace},
            "on_restart": self._random.choice(("fail", "rerun")),
        }

    async def _compare(self) -> None:
        """Compare what clients know with the file that the killed server has left."""
        assert list(check_store(self.path)) == []
        store = SqliteStore(self.path)
        async with store.opened(make_registry()):
            ids = set(await store.run_ids())
            known = set(self.started.values()) | self.received.keys()
            assert known - ids <= self.deleted, "a run that a client knows is gone"
            assert not self.gone & ids, "a run that was deleted is back"
            for run_id, events in self.received.items():
                with suppress(UnknownRunError):
                    log = (await store.reopen(run_id, lambda: None)).log
                    stored = await log.read(0, len(events))
                    assert [event.data for event in stored] == events

    async def _stored_ids(self) -> list[str]:
        store = SqliteStore(self.path)
        async with store.opened(make_registry()):
            return list(await store.run_ids())
