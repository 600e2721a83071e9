"""Store: where the events and results of runs are kept.

Belongs here: the store protocol, and the stores that keep it, each held to one conformance suite.
Never here: what a run is in the middle of, where work is carried out, HTTP.
May be imported by: `compute`, `actors`, `server`, `cli` and `testing`.
"""

from glowback_trio.store.event_log import EVENT_OVERHEAD, EventLog, FollowedLog
from glowback_trio.store.ledger_shelf import LedgerShelf
from glowback_trio.store.memory import MemoryStore
from glowback_trio.store.memory_log import MemoryLog
from glowback_trio.store.optimization_shelf import (
    OptimizationShelf,
    StoredOptimization,
    TrialNote,
)
from glowback_trio.store.protocol import Durability, Store, StoredRun
from glowback_trio.store.run_filter import RunFilter

__all__ = [
    "EVENT_OVERHEAD",
    "Durability",
    "EventLog",
    "FollowedLog",
    "LedgerShelf",
    "MemoryLog",
    "MemoryStore",
    "OptimizationShelf",
    "RunFilter",
    "Store",
    "StoredOptimization",
    "StoredRun",
    "TrialNote",
]
