"""Memory: event logs and results. Synchronous inside, no tasks."""

from glowback_trio.store.log import EVENT_OVERHEAD, EventLog, Store
from glowback_trio.store.memory import MemoryStore

__all__ = ["EVENT_OVERHEAD", "EventLog", "MemoryStore", "Store"]
