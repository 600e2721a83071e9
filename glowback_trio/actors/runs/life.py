"""The changes that events make to the status of a run."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from glowback_trio.actors.log_writer import Life, LogWriter
from glowback_trio.model.events import AnyEventType, EventDraft
from glowback_trio.model.lifecycle import QUEUED_PAYLOAD, Status, step
from glowback_trio.model.request import BacktestRequest
from glowback_trio.store import EventLog

__all__ = ["RUN_LIFE", "begin_run_log"]


def _check(status: Status, kind: AnyEventType) -> None:
    step(status.state, kind)


def _after(status: Status, draft: EventDraft) -> Status:
    return status if draft.progress is None else evolve(status, progress=draft.progress)


RUN_LIFE = Life(_check, _after)


def begin_run_log(
    log: EventLog, run_id: str, request: BacktestRequest, clock: Callable[[], datetime]
) -> LogWriter[Status]:
    """Write the first event of a new run, and return what writes the others."""
    queued = Status.queued(run_id, request, clock())
    writer = LogWriter(log, run_id, clock, RUN_LIFE, queued)
    writer.begin(QUEUED_PAYLOAD, queued.created_at)
    return writer
