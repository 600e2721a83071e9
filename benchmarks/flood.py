"""A job that only emits, for measuring how fast events travel. A module that workers can import."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from attrs import frozen

from glowback_trio.compute import Failed, Progressed, Step
from glowback_trio.model.events import EventDraft

__all__ = ["Flood"]

# A metric event of a real run is as long.
PAYLOAD = (
    b'{"timestamp":"2024-01-02T00:00:00+00:00","value":1000000.0,"cash":1000000.0,'
    b'"positions":0.0,"total_pnl":0.0,"returns":0.0,"daily_return":0.0,"drawdown":0.0}'
)
PER_STEP = 100


@frozen
class Flood:
    """Emits this many metric events in steps of 100."""

    count: int

    def steps(self, checkpoint: Callable[[], object]) -> Iterator[Step]:
        """Emit them, and end as a job that has no result."""
        for start in range(0, self.count, PER_STEP):
            yield Progressed(
                [EventDraft("metric", PAYLOAD, bar) for bar in range(start, start + PER_STEP)]
            )
        yield Failed("nothing was computed")
