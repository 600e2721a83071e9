"""Clients that do to a server all that clients do, by chance, and check what they receive."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import trio
from attrs import define, field
from support.misbehaving import RAISED

from glowback_trio.client import Client
from glowback_trio.errors import (
    GlowbackError,
    InvalidTransitionError,
    ServerRefusedError,
    UnknownRunError,
)
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound

__all__ = ["SoakClients"]

CLIENTS, DOWNLOADERS = 6, 3
#: What a strategy does, besides raising.
DEEDS = (*RAISED, "exits", "crashes", "ignores")
BAD = (
    b"",
    b"timestamp,open,high,low,close,volume\n2016-01-04,1,1\n",
    b"timestamp,open,high,low,close,volume\n" + b"," * 100_000,
    b"\0" * 100_000,
    b"PAR1junkPAR1",
)
NONSENSE = (
    b"GET /\0 HTTP/1.1\r\n\r\n",
    b"POST /backtests HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n{{{{{",
    b"junk\r\n\r\n",
    b"GET /healthz HTT",
    b"GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    b"GET /healthz HTTP/1.1\r\nHost: a..b\r\n\r\n",
)
DOWNLOADS = ("results", "equity.csv", "equity.parquet", "trades.ndjson", "events", "export")


@define(eq=False)
class SoakClients:
    """What clients do, and how often they have done it.

    Args:
        data: The server's price files, of which some become bad.
        rng: Decides what clients do.
    """

    data: Path
    rng: random.Random
    counted: Counter[str] = field(factory=Counter, init=False)
    _runs: list[str] = field(factory=list, init=False)

    def start(self, nursery: trio.Nursery, client: Client, port: int, until: float) -> None:
        """Let clients work until a moment of trio's clock."""
        for _ in range(CLIENTS):
            nursery.start_soon(self._follow_runs, client, until)
        for _ in range(DOWNLOADERS):
            nursery.start_soon(self._download, port, until)
        nursery.start_soon(self._send_nonsense, port, until)
        nursery.start_soon(self._spoil_files, until)

    async def _follow_runs(self, client: Client, until: float) -> None:
        while trio.current_time() < until:
            self.counted["submitted"] += 1
            key = f"soak-{self.counted['submitted']}"
            status = await _insist(client.submit, self._request(), idempotency_key=key)
            self._runs = [*self._runs[-20:], status.run_id]
            log = await self._follow(client, status.run_id)
            assert_sound(log)
            self.counted["followed"] += 1
            self.counted[str(log[-1].payload["state"])] += 1
            if self.rng.random() < 0.9:
                await _insist(client.delete, status.run_id)

    def _request(self) -> dict[str, Any]:
        name = self.rng.choice(("buy_and_hold", "ma_crossover", "rsi", "misbehaving"))
        strategy: dict[str, Any] = {"name": name}
        if name == "misbehaving":
            strategy["params"] = {"deed": self.rng.choice(DEEDS)}
        pace = self.rng.choice((None, None, 200.0))
        request = {
            "symbols": self.rng.sample(("AAPL", "IBM", "SPY"), 2),
            "start_date": "2017-01-02",
            "end_date": self.rng.choice(("2017-06-30", "2018-12-31")),
            "strategy": strategy,
            "stream": {"orders": True, "metrics_every": 1, "pace_bars_per_s": pace},
            "on_restart": "rerun",
        }
        if self.rng.random() < 0.1:
            request["symbols"] = ["BAD"]
        if self.rng.random() < 0.1:
            request |= {"symbols": [f"S{n}" for n in range(40)], "data_source": "sample"}
        return request

    async def _follow(self, client: Client, run_id: str) -> list[Event]:
        """Receive a whole log, over as many streams as it takes."""
        log: list[Event] = []
        while not (log and log[-1].type == "state" and "digest" in log[-1].payload):
            leaves_after = self.rng.choice((10, 100, 10_000))
            async with client.stream(run_id, after=len(log)) as events:
                async for event in events:
                    log.append(event)
                    leaves_after -= 1
                    if leaves_after == 0:
                        break
            await self._meddle(client, run_id)
        return log

    async def _meddle(self, client: Client, run_id: str) -> None:
        chance = self.rng.random()
        if chance < 0.1:
            await _insist(client.cancel, run_id)
        elif chance < 0.3:
            await _insist(client.pause, run_id)
            await trio.sleep(self.rng.random() * 0.3)
            await _insist(client.resume, run_id)

    async def _download(self, port: int, until: float) -> None:
        """Ask for results, read a part of them or nothing, and leave after a while."""
        while trio.current_time() < until:
            await trio.sleep(0.1)
            if not self._runs:
                continue
            what = self.rng.choice(DOWNLOADS)
            path = f"/backtests/{self.rng.choice(self._runs)}/{what}"
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            await self._send(port, request, self.rng.choice((0, 100, 1 << 20)))
            self.counted["downloads"] += 1

    async def _send_nonsense(self, port: int, until: float) -> None:
        while trio.current_time() < until:
            await self._send(port, self.rng.choice(NONSENSE), 1 << 16)
            await trio.sleep(0.05)

    async def _send(self, port: int, data: bytes, reads: int) -> None:
        """Send bytes, read so many at most, wait, and leave."""
        try:
            async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                await stream.send_all(data)
                if reads:
                    with trio.move_on_after(1):
                        await stream.receive_some(reads)
                await trio.sleep(self.rng.random())
        except (trio.BrokenResourceError, OSError):  # the server is away, or has cut it
            await trio.sleep(0.2)

    async def _spoil_files(self, until: float) -> None:
        """Replace a good file by itself, and a bad one by another."""
        good = (self.data / "AAPL_1d.csv").read_bytes()
        while trio.current_time() < until:
            for name, text in (("AAPL_1d.csv", good), ("BAD_1d.csv", self.rng.choice(BAD))):
                new = self.data / f"{name}.new"
                new.write_bytes(text)
                new.replace(self.data / name)
            await trio.sleep(0.5)


async def _insist(call: Any, *args: Any, **more: Any) -> Any:
    """Do what a client does while its server is away: try again."""
    with trio.fail_after(120):
        while True:
            try:
                return await call(*args, **more)
            except (UnknownRunError, InvalidTransitionError):
                return None  # it has ended, or has been deleted, meanwhile
            except GlowbackError as error:
                if isinstance(error, ServerRefusedError) and error.status < 500:
                    raise
            await trio.sleep(0.2)
