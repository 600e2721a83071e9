"""Read logs of events in a test."""

from __future__ import annotations

from collections.abc import AsyncIterable

from glowback_trio.actors import Run
from glowback_trio.model.events import Event

__all__ = ["collect"]


async def collect(events: Run | AsyncIterable[Event], most: int | None = None) -> list[Event]:
    """Return the events of a run or of a stream, up to its end or to `most` of them.

    Args:
        events: A run, which is read from its first event, or a subscription or a client's stream.
        most: How many to return at most; all of them if not given.
    """
    if isinstance(events, Run):
        with events.subscribe() as subscription:
            return await collect(subscription, most)
    collected: list[Event] = []
    if most == 0:
        return collected
    async for event in events:
        collected.append(event)
        if len(collected) == most:
            break
    return collected
