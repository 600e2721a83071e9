"""Store: where the events and results of runs are kept.

Belongs here: the store protocol, and the stores that keep it, each held to one conformance suite.
Never here: what a run is in the middle of, where work is carried out, HTTP.
May be imported by: `compute`, `actors`, `server`, `cli` and `testing`.
"""

from glowback_trio.store.memory import MemoryLog, MemoryStore
from glowback_trio.store.protocol import EVENT_OVERHEAD, Durability, EventLog, Store, StoredRun
from glowback_trio.store.run_filter import RunFilter

__all__ = [
    "EVENT_OVERHEAD",
    "Durability",
    "EventLog",
    "MemoryLog",
    "MemoryStore",
    "RunFilter",
    "Store",
    "StoredRun",
]
