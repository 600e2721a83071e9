"""The difference of two logs: the first event at which they part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import trio
from attrs import frozen

from glowback_trio.actors.broadcaster import Subscription
from glowback_trio.model.events import Event

__all__ = ["LogDifference", "difference_of"]

# Some milliseconds of a thread.
_COMPARED_AT_ONCE = 2048
_PAYLOAD = b'"payload":'


@frozen
class LogDifference:
    """The first event at which the logs of two runs part.

    Attributes:
        there: The first events that differ, one of each log; None for a log that has ended by then.
    """

    there: tuple[Event | None, Event | None]

    @property
    def equal(self) -> bool:
        """True if no event differs."""
        return self.at is None

    @property
    def at(self) -> int | None:
        """The id of the first events that differ; None: none does."""
        return next((event.event_id for event in self.there if event is not None), None)


async def difference_of(
    one: Subscription, two: Subscription, threads: trio.CapacityLimiter | None = None
) -> LogDifference:
    """Return where two logs part that are read from their beginning.

    Args:
        one: The first log.
        two: The second log.
        threads: Limits the threads in which events are compared; None: trio's own limit.
    """
    while True:
        here, there = await _next(one), await _next(two)
        index = await trio.to_thread.run_sync(_parting, here, there, limiter=threads)
        if index < max(len(here), len(there)):
            return LogDifference((_at(here, index), _at(there, index)))
        if not here:
            return LogDifference((None, None))


async def _next(log: Subscription) -> list[Event]:
    events: list[Event] = []
    while log.behind and len(events) < _COMPARED_AT_ONCE:
        events += await log.read_stored(_COMPARED_AT_ONCE - len(events))
    return events


def _at(events: Sequence[Event], index: int) -> Event | None:
    return events[index] if index < len(events) else None


def _parting(one: Sequence[Event], two: Sequence[Event]) -> int:
    """Return the index of the first events that differ; the shorter length if there are none."""
    for index, (left, right) in enumerate(zip(one, two, strict=False)):
        if left.type != right.type or _told(left) != _told(right):
            return index
    return min(len(one), len(two))


def _told(event: Event) -> Any:
    if event.type == "state":
        return {name: value for name, value in event.payload.items() if name != "digest"}
    return event.data[event.data.index(_PAYLOAD) :]
