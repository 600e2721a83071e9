"""Memory: event logs and results. Synchronous inside, no tasks."""

from glowback_trio.store.log import EventLog, Store
from glowback_trio.store.memory import MemoryStore

__all__ = ["EventLog", "MemoryStore", "Store"]
