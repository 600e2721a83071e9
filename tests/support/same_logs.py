"""Random requests, and the logs that they leave on every backend and in every store."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from support.engine_bars import make_request
from support.random_runs import STRATEGIES, market
from support.sqlite_files import new_path

from glowback_trio import (
    BacktestRequest,
    InlineCompute,
    MemoryCatalogue,
    MemoryStore,
    ProcessCompute,
    RayCompute,
    Run,
    SqliteStore,
    Stream,
    ThreadCompute,
    open_gateway,
)
from glowback_trio.compute import Compute
from glowback_trio.model.invariants import assert_sound
from glowback_trio.store import Store

__all__ = ["PAIRS", "logs_of", "random_requests"]

#: What no two runs have in common: the digest of a log covers its times and ids.
_DIGEST = re.compile(rb',"digest":"sha256:[0-9a-f]{64}"')

BARS = market(1, symbols=9, rows=150, gaps=0.1, spread=0.03)

COMPUTES: Mapping[str, Callable[[], Compute]] = {
    "inline": InlineCompute,
    "thread": ThreadCompute,
    "process": lambda: ProcessCompute(workers=2),
    "ray": lambda: RayCompute("auto"),
}
STORES: Mapping[str, Callable[[], Store]] = {
    "memory": lambda: MemoryStore(keep_runs=10_000),
    "sqlite": lambda: SqliteStore(new_path()),
}
#: All but Ray, which has a session of nox of its own.
PAIRS = [(compute, store) for compute in COMPUTES if compute != "ray" for store in STORES]

_EXECUTIONS: Mapping[str, Sequence[Any]] = {
    "slippage_bps": (0.5, 50.0),
    "commission_bps": (1.5, 100.0),
    "commission_per_share": (0.01,),
    "latency_ms": (1, 86_400_000),
    "whole_shares": (True,),
    "max_volume_participation": (0.01, 0.5),
    "borrow_rate": (0.5,),
    "on_data_end": ("close",),
}


def random_requests(count: int, seed: int) -> list[BacktestRequest]:
    """Requests of all built-in strategies, with random markets, costs and streams."""
    return [_request(random.Random(f"{seed}-{number}")) for number in range(count)]


def _request(rng: random.Random) -> BacktestRequest:
    symbols = rng.sample([one.symbol for one in BARS], rng.choice((1, 2, 9)))
    names = rng.sample(list(_EXECUTIONS), rng.randrange(4))
    return make_request(
        symbols,
        rng.choice(STRATEGIES),
        execution={name: rng.choice(_EXECUTIONS[name]) for name in names},
        start_date=rng.choice(("2024-01-01", "2024-01-15")),
        end_date=rng.choice(("2024-01-20", "2024-03-31", "2024-12-31")),
        warmup_bars=rng.choice((0, 12)),
        stream=Stream(
            orders=rng.random() < 0.5,
            trades=rng.random() < 0.8,
            metrics_every=rng.choice((1, 7, 50)),
            progress_steps=rng.choice((1, 9)),
        ),
    )


async def logs_of(
    pair: tuple[str, str], requests: Sequence[BacktestRequest], *, together: bool
) -> list[list[bytes]]:
    """Carry out requests, all at once or one after the other; return their logs, bare.

    Args:
        pair: Names of a backend and of a store.
        requests: The requests.
        together: Whether they are all submitted before the first one ends.
    """
    compute, store = COMPUTES[pair[0]](), STORES[pair[1]]()
    async with open_gateway(
        data=MemoryCatalogue(BARS), compute=compute, store=store, max_queued=10_000
    ) as gateway:
        runs = []
        for request in requests:
            runs.append(gateway.submit(request))
            if not together:
                await runs[-1].wait_finished()
        return [await _bare_log(run) for run in runs]


async def _bare_log(run: Run) -> list[bytes]:
    status = await run.wait_finished()
    log = await run.load_events(limit=100_000)
    assert len(log) == status.event_count
    assert_sound(log)
    return [b"%d %b" % (event.event_id, _bare(event.type, event.data)) for event in log]


def _bare(kind: str, data: bytes) -> bytes:
    payload = data.partition(b',"payload":')[2]
    return kind.encode() + b" " + _DIGEST.sub(b"", payload)
