"""Events: what happened to a run, encoded once.

The canonical bytes *are* the event. Everything that streams, stores or counts events passes these
bytes on untouched; whoever wants the fields decodes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import orjson
from attrs import frozen

__all__ = ["EVENT_TYPES", "Event", "EventDraft", "EventType", "encode"]

EventType = Literal["state", "progress", "metric", "trade", "order", "log"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


@frozen
class EventDraft:
    """Something a simulation has to tell, before a run numbers and dates it.

    Attributes:
        type: The event type it will have.
        payload: The payload's JSON.
        bar: Index of the bar it belongs to; pace is kept by it.
        progress: How far the run is, from 0 to 1; None unless it is a progress draft.
    """

    type: EventType
    payload: bytes
    bar: int
    progress: float | None = None


@frozen
class Event:
    """One entry of a run's log.

    Attributes:
        event_id: 1, 2, 3 … within its run.
        type: What sort of event it is.
        data: The canonical bytes: compact JSON with the keys `event_id`, `run_id`, `type`,
            `timestamp`, `payload`, in this order.
    """

    event_id: int
    type: EventType
    data: bytes

    @property
    def payload(self) -> Mapping[str, Any]:
        """The payload, decoded anew at each call."""
        payload: Mapping[str, Any] = self.decode()["payload"]
        return payload

    def decode(self) -> Mapping[str, Any]:
        """The whole event as a mapping, decoded anew at each call."""
        fields: Mapping[str, Any] = orjson.loads(self.data)
        return fields


def encode(event_id: int, run_id: str, kind: EventType, timestamp: str, payload: bytes) -> Event:
    """Write an event's canonical bytes.

    Args:
        event_id: Its number.
        run_id: Letters, digits and hyphens: it is not escaped.
        kind: Its type.
        timestamp: UTC, as `model.instant.stamp` writes it.
        payload: JSON.
    """
    data = b'{"event_id":%d,"run_id":"%s","type":"%s","timestamp":"%s","payload":%s}' % (
        event_id,
        run_id.encode(),
        kind.encode(),
        timestamp.encode(),
        payload,
    )
    return Event(event_id, kind, data)
