"""Events: what happened to a run or an optimization, encoded once.

The canonical bytes *are* the event. Code that streams, stores or counts events passes these bytes
on unchanged, and a reader that wants the fields decodes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, get_args

import orjson
from attrs import frozen

from glowback_trio.model.short_repr import describe

__all__ = ["EVENT_TYPES", "OPTIMIZATION_EVENT_TYPES", "AnyEventType", "Event", "EventDraft"]
__all__ += ["EventType", "OptimizationEventType", "encode"]

#: Types of the events of a run, and of an optimization.
EventType = Literal["state", "progress", "metric", "trade", "order", "log"]
OptimizationEventType = Literal[
    "state", "progress", "trial", "best", "generation", "validation", "log"
]
AnyEventType = EventType | OptimizationEventType
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)
OPTIMIZATION_EVENT_TYPES: tuple[OptimizationEventType, ...] = get_args(OptimizationEventType)


@frozen(repr=False)
class EventDraft:
    """An event as the simulation makes it, before a run numbers and dates it.

    Attributes:
        type: The type of the event.
        payload: The payload as JSON.
        bar: Index of the bar it belongs to, which a paced run waits for.
        progress: Progress of the run from 0 to 1; None for any type but `progress`.
    """

    type: AnyEventType
    payload: bytes
    bar: int
    progress: float | None = None

    def __repr__(self) -> str:
        return describe(self, self.type, bar=self.bar, payload=self.payload)


@frozen(repr=False)
class Event:
    """One entry of a run's log.

    Attributes:
        event_id: 1, 2, 3 … within its run.
        type: The type of the event.
        data: The canonical bytes: compact JSON with the keys `event_id`, `run_id`, `type`,
            `timestamp`, `payload`, in this order.
    """

    event_id: int
    type: AnyEventType
    data: bytes

    def __repr__(self) -> str:
        # From the undecoded bytes, which need not be JSON.
        return describe(self, str(self.event_id), self.type, data=self.data)

    @property
    def timestamp(self) -> datetime:
        """The time at which it was emitted, UTC, decoded again at each use."""
        return datetime.fromisoformat(self.decode()["timestamp"])

    @property
    def payload(self) -> Mapping[str, Any]:
        """The payload, decoded again at each use."""
        payload: Mapping[str, Any] = self.decode()["payload"]
        return payload

    def decode(self) -> Mapping[str, Any]:
        """Return all fields of the event, decoded again at each call."""
        # Not kept: the log of a long run is held in memory, and decoded it is many times as large.
        fields: Mapping[str, Any] = orjson.loads(self.data)
        return fields


def encode(event_id: int, run_id: str, kind: AnyEventType, timestamp: str, payload: bytes) -> Event:
    """Make an event by writing its canonical bytes.

    Args:
        event_id: Number of the event within its run, from 1.
        run_id: Letters, digits and hyphens; it is not escaped.
        kind: The type of the event.
        timestamp: UTC, as `model.instant.stamp` writes it.
        payload: The payload as JSON.
    """
    # Formatting bytes takes a fraction of the time of encoding a dict, and a run emits thousands.
    data = b'{"event_id":%d,"run_id":"%s","type":"%s","timestamp":"%s","payload":%s}' % (
        event_id,
        run_id.encode(),
        kind.encode(),
        timestamp.encode(),
        payload,
    )
    return Event(event_id, kind, data)
