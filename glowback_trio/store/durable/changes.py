"""What events change in the row of their run or attempt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from glowback_trio.model.events import Event
from glowback_trio.model.lifecycle import TERMINAL, State

__all__ = ["Row", "attempt_changes", "status_changes"]

Row = tuple[Any, ...]


def attempt_changes(events: Sequence[Event]) -> Row:
    """Return what events change in the row of an attempt.

    Returns:
        Their bytes, the number of events now, and when the attempt has ended, if it has.
    """
    last = events[-1]
    fields = last.decode() if last.type == "state" else {}
    finished = fields["timestamp"] if fields and fields["payload"]["state"] in TERMINAL else None
    return sum([len(event.data) + 1 for event in events]), last.event_id, finished


def status_changes(events: Sequence[Event]) -> Row:
    """Return what events change in the row of a run; None: nothing.

    Returns:
        Their bytes, the number of events now, progress, state, the times of the submission, the
        start and the end, and the error.
    """
    progress: float | None = None
    state = created = started = finished = error = None
    # Of many, only the last one counts, so the others are not decoded.
    last = next((event for event in reversed(events) if event.type == "progress"), None)
    if last is not None:
        progress = float(last.payload["progress"])
    for event in events:
        if event.type != "state":
            continue
        fields = event.decode()
        state, time = fields["payload"]["state"], fields["timestamp"]
        if state in TERMINAL:
            finished, error = time, fields["payload"].get("error")
        elif state == State.QUEUED:
            created = time
        else:
            started = time
    if state == State.COMPLETED:
        progress = 1.0
    size = sum([len(event.data) + 1 for event in events])
    return size, events[-1].event_id, progress, state, created, started, finished, error
