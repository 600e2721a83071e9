"""Rounds of a cluster's life with one fault each, and what must be true after each of them."""

from __future__ import annotations

import random
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import psycopg
import trio
from attrs import define, field
from support.cluster.gateways import Cluster, Gateway
from support.cluster.wanderers import Wanderers, request_by
from support.cluster.writers import check_writers
from support.watcher import event_of

from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import INTERRUPTED, State

__all__ = ["FAULTS", "Rounds"]

#: Longer than a lease lives, and shorter than that.
LONG_S, SHORT_S = (17.0, 25.0), (1.0, 8.0)
#: Within so many seconds of its end nobody may be left in the name of a gateway.
TAKEOVER_S = 20.0


@define(eq=False)
class Rounds:
    """Rounds on one cluster.

    Args:
        cluster: The cluster, which lives.
        wanderers: Its clients.
        clients: How many there are in a round.
        runs: How many they start in a round.
        request: Returns a request for one of them.

    Attributes:
        takeovers: How long it took after each kill until no run was held by the killed gateway.
    """

    cluster: Cluster
    wanderers: Wanderers
    clients: int = 200
    runs: int = 12
    request: Callable[[random.Random], dict[str, Any]] = request_by
    takeovers: list[float] = field(factory=list, init=False)
    _number: int = field(default=0, init=False)

    @property
    def rng(self) -> random.Random:
        return self.wanderers.rng

    async def live(self, fault: str) -> Mapping[str, Any]:
        """Let clients work while something fails; heal it; check; return figures of the round."""
        self._number += 1
        before = self.wanderers.counted.copy()
        keys = [f"round-{self._number}-{number}" for number in range(self.runs)]
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            for key in keys:
                nursery.start_soon(self._use, key, self.clients // self.runs + 1)
            await trio.sleep(0.5 + 3 * self.rng.random())
            await FAULTS[fault](self)
        states = self.check(keys, may_fail=fault in ("kill", "pause"))
        seconds = round(trio.current_time() - began, 1)
        counted = dict(self.wanderers.counted - before)
        self.wanderers.received.clear()
        return {"round": self._number, "fault": fault, "seconds": seconds, **states, **counted}

    async def _use(self, key: str, followers: int) -> None:
        """Submit a run, let clients follow it, and perhaps meddle with it."""
        run_id = await self.wanderers.submit(key, self.request(self.rng))
        async with trio.open_nursery() as nursery:
            for _ in range(followers):
                nursery.start_soon(self.wanderers.follow, run_id)
            if (what := self.rng.choice(("pause", "cancel", None, None, None))) is not None:
                await trio.sleep(self.rng.random() * 5)
                await self.wanderers.command(run_id, what)

    def check(self, keys: list[str], *, may_fail: bool) -> Mapping[str, int]:
        """Compare what clients have with the database; return how many runs ended how.

        Args:
            keys: Of the round's requests.
            may_fail: Whether runs may have been interrupted that are not to be computed again.
        """
        ended: dict[str, int] = {}
        for key in keys:
            run_id, request = self.wanderers.started[key], self.wanderers.requests[key]
            log = self.cluster.log_of(run_id)
            for received in self.wanderers.received[run_id]:
                assert received == log, f"{run_id}: a client has another log"
            events = [event_of(data) for data in log]
            assert_sound(events)
            state, error = events[-1].payload["state"], events[-1].payload.get("error")
            if state == State.FAILED:
                assert may_fail, f"{run_id} failed: {error}"
                assert (request["on_restart"], error) == ("fail", INTERRUPTED), (run_id, error)
            ended[str(state)] = ended.get(str(state), 0) + 1
        stored = self.cluster.ask("SELECT run_id FROM runs WHERE run_id IS NOT NULL")
        more = {run_id for (run_id,) in stored} - set(self.wanderers.started.values())
        assert not more, f"requests have started two runs, of which clients do not know {more}"
        check_writers(self.cluster)
        return ended

    async def kill(self) -> None:
        """Kill a gateway, and start it again before or after others have taken over."""
        gateway = self.rng.choice(self.cluster.gateways)
        epoch = self._epoch_of(gateway)
        await gateway.end(signal.SIGKILL)
        killed = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._see_takeover, epoch, killed)
            await trio.sleep(self.rng.choice((0.0, 5.0, 20.0)))
            await gateway.start()

    async def pause(self) -> None:
        """Stop a gateway for longer than its lease lives, or shorter."""
        gateway = self.rng.choice(self.cluster.gateways)
        gateway.pause()
        await trio.sleep(self.rng.uniform(*self.rng.choice((LONG_S, LONG_S, SHORT_S))))
        gateway.resume()

    async def restart_database(self) -> None:
        """Restart the database, in order or as after a crash."""
        server, mode = self.cluster.server, self.rng.choice(("fast", "immediate"))
        await trio.to_thread.run_sync(server.stop, mode)
        await trio.sleep(self.rng.choice((0.0, 3.0, 20.0)))
        await trio.to_thread.run_sync(server.start)

    async def freeze_database(self) -> None:
        """Let the database stand still with its connections, longer than a lease or shorter."""
        server = self.cluster.server
        await trio.to_thread.run_sync(server.pause)
        await trio.sleep(self.rng.uniform(*self.rng.choice((LONG_S, SHORT_S))))
        await trio.to_thread.run_sync(server.resume)

    async def cut_backends(self) -> None:
        """Cut connections to the database by chance, several times."""
        for _ in range(10):
            with suppress(psycopg.OperationalError):  # it may have cut its own
                await trio.to_thread.run_sync(self._cut_some)
            await trio.sleep(self.rng.random())

    async def part(self) -> None:
        """Let peers not reach one gateway, or none at all, for a while."""
        gateways = self.rng.choice(
            ([self.rng.choice(self.cluster.gateways)], self.cluster.gateways)
        )
        for each in gateways:
            each.link.fail(self.rng.choice(("cut", "silent")))
        await trio.sleep(self.rng.uniform(3, 20))
        for each in gateways:
            each.link.heal()

    async def upgrade(self) -> None:
        """End all gateways in order, one after the other, and start each again."""
        for gateway in self.cluster.gateways:
            epoch = self._epoch_of(gateway)
            await gateway.end(signal.SIGTERM)
            assert not await self._held_by(epoch), f"{gateway.name} has handed over nothing"
            await gateway.start()

    async def nothing(self) -> None:
        """Let nothing fail."""

    def _cut_some(self) -> None:
        self.cluster.ask(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s "
            "AND pid <> pg_backend_pid() AND random() < 0.5",
            self.cluster.database_name,
        )

    def _epoch_of(self, gateway: Gateway) -> int:
        rows = self.cluster.ask(
            "SELECT max(epoch) FROM gateways WHERE address = %s AND NOT fenced", gateway.link.url
        )
        assert isinstance(rows[0][0], int), f"{gateway.name} has no lease"
        return rows[0][0]

    async def _held_by(self, epoch: int) -> bool:
        statement = "SELECT 1 FROM runs WHERE held_by = %s AND finished_at IS NULL LIMIT 1"
        return bool(await trio.to_thread.run_sync(self.cluster.ask, statement, epoch))

    async def _see_takeover(self, epoch: int, since: float) -> None:
        """Wait until a gateway that is dead holds nothing any more."""
        with trio.fail_after(3 * TAKEOVER_S):
            while await self._held_by(epoch):  # noqa: ASYNC110 - no bell rings in a database
                await trio.sleep(0.1)
        self.takeovers.append(trio.current_time() - since)


FAULTS: Mapping[str, Callable[[Rounds], Awaitable[None]]] = {
    "kill": Rounds.kill,
    "pause": Rounds.pause,
    "restart": Rounds.restart_database,
    "freeze": Rounds.freeze_database,
    "backends": Rounds.cut_backends,
    "part": Rounds.part,
    "upgrade": Rounds.upgrade,
    "nothing": Rounds.nothing,
}
