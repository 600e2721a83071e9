"""Sights: what a list shows of a run or an optimization."""

from __future__ import annotations

from functools import partial

from attrs import evolve

from glowback_trio.actors.changes.change_log import Sight
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.wire.optimizations.statuses import optimization_status_document
from glowback_trio.wire.statuses import status_document

__all__ = ["optimization_sight", "run_sight"]


def run_sight(status: Status) -> Sight:
    """Return how a run stands."""
    # Not all of the status: what never changes need not be compared a thousand times a second.
    essence = (
        status.state,
        status.progress,
        status.paused,
        status.pace_bars_per_s,
        status.name,
        status.tags,
        status.note,
        status.metrics,
    )
    return Sight(essence, partial(status_document, status))


def optimization_sight(status: OptimizationStatus) -> Sight:
    """Return how an optimization stands."""
    return Sight(evolve(status, event_count=0), partial(optimization_status_document, status))
