"""The stores and compute backends that the gateway's tests are run with: each test once per pair.

A module that opens its gateways with `open_virtual_gateway` from here, and uses the fixture
`backends`, is run in memory, and with a store and a compute backend that see nothing but bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from typing import Any

import trio
from attrs import frozen
from support.bytes_store import BytesStore
from support.model_store import ModelStore
from support.pickling_compute import PicklingCompute
from support.postgres_stores import inline_postgres_store
from support.sqlite_files import inline_store
from trio.testing import MockClock

from glowback_trio import Gateway, InlineCompute, MemoryStore, testing
from glowback_trio.compute import Compute
from glowback_trio.store import Store

__all__ = [
    "ALL_STORES",
    "BACKENDS",
    "SERVED_STORES",
    "STORES",
    "Backends",
    "chosen",
    "in_virtual_time",
    "open_virtual_gateway",
]


@frozen
class Backends:
    """Makes what a gateway stands on."""

    store: Callable[[], Store]
    compute: Callable[[], Compute]


BACKENDS = {
    "memory": Backends(MemoryStore, InlineCompute),
    "bytes": Backends(BytesStore, PicklingCompute),
    "sqlite": Backends(inline_store, InlineCompute),
}

#: Every store that the package has, and doubles with the habits that a store may have.
STORES: dict[str, Callable[[], Store]] = {
    "MemoryStore": MemoryStore,
    "SqliteStore": inline_store,
    "PostgresStore": inline_postgres_store,
    "bytes": BytesStore,
    "bytes that leave memory": partial(BytesStore, at_hand=2),
    "bytes written late": partial(BytesStore, lag=True),
    "bytes written late that leave memory": partial(BytesStore, at_hand=2, lag=True),
}

#: The same, and the double that several gateways share.
ALL_STORES: dict[str, Callable[[], Store]] = {**STORES, "model of a database": ModelStore}

#: Stores that a server must answer the same from. No test waits for the real clock, and a store
#: that writes late would need that.
SERVED_STORES: dict[str, Callable[[], Store]] = {
    "memory": MemoryStore,
    "bytes that leave memory": partial(BytesStore, at_hand=4),
    "sqlite": inline_store,
}

_chosen = [BACKENDS["memory"]]


@contextmanager
def chosen(backends: Backends) -> Iterator[None]:
    """Open gateways on these backends for the length of a block."""
    _chosen.append(backends)
    try:
        yield
    finally:
        _chosen.pop()


def open_virtual_gateway(**options: Any) -> AbstractAsyncContextManager[Gateway]:
    """Open a gateway in virtual time on the chosen backends; options name others."""
    backends = _chosen[-1]
    defaults = {"store": backends.store(), "compute": backends.compute()}
    return testing.open_virtual_gateway(**{**defaults, **options})


def in_virtual_time(scenario: Callable[[], Any]) -> Any:
    """Run a scenario in a loop of its own, whose clock jumps ahead when all tasks wait."""
    return trio.run(scenario, clock=MockClock(autojump_threshold=0))
