"""The changes that events make to the status of an optimization's attempt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import orjson
from attrs import define, evolve, field

from glowback_trio.actors.log_writer import Life, LogWriter
from glowback_trio.model.events import AnyEventType, Event, EventDraft
from glowback_trio.model.lifecycle import transition
from glowback_trio.model.optimization.lifecycle import (
    OPTIMIZATION_TRANSITIONS,
    OptimizationState,
    OptimizationStatus,
)
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.store import EventLog, OptimizationShelf
from glowback_trio.wire.optimizations.trials import parse_trial

__all__ = ["AttemptFold", "begin_attempt_log", "resume_attempt_log"]

_Writer = LogWriter[OptimizationStatus]


@define(eq=False)
class AttemptFold:
    """Folds the events of one attempt into its status.

    Attributes:
        trials: The trials in what was collected.
        validations: How many validations are in it.
    """

    trials: list[Trial] = field(factory=list, init=False)
    validations: int = field(default=0, init=False)
    #: The payload of the newest trial: few of them are the best, and only those are read.
    _newest: Mapping[str, Any] | None = field(default=None, init=False)

    def check(self, status: OptimizationStatus, kind: AnyEventType) -> None:
        """Check that the state allows an event of this type."""
        transition(OPTIMIZATION_TRANSITIONS, status.state, kind)

    def after(self, status: OptimizationStatus, draft: EventDraft) -> OptimizationStatus:
        """Return the status after an event that changes no state."""
        if draft.type in ("trial", "best", "progress"):
            return self._folded(status, draft.type, orjson.loads(draft.payload))
        return status

    def forget(self) -> None:
        """Begin to collect anew."""
        self.trials, self.validations = [], 0

    def collect(self, event: Event) -> None:
        """Take note of an event of a log that is read again, whose status is known already."""
        if event.type == "trial":
            self._newest = payload = event.payload
            self.trials.append(parse_trial(payload))
        self.validations += event.type == "validation"

    def _folded(
        self, status: OptimizationStatus, kind: AnyEventType, payload: Mapping[str, Any]
    ) -> OptimizationStatus:
        if kind == "trial":
            self._newest = payload
            completed = status.trials_completed + (payload["status"] == "completed")
            failed = status.trials_failed + (payload["status"] == "failed")
            return evolve(status, trials_completed=completed, trials_failed=failed)
        if kind == "best":
            return evolve(status, best_trial=self._best(payload))
        if kind == "progress":
            return evolve(status, progress=float(payload["progress"]))
        return status

    def _best(self, payload: Mapping[str, Any]) -> Trial:
        # It follows the event of its trial.
        newest, number = self._newest, payload["trial_number"]
        if newest is not None and newest["trial_number"] == number:
            return parse_trial(newest)
        return parse_trial({"status": "completed", **payload})


def begin_attempt_log(
    shelf: OptimizationShelf,
    log: EventLog,
    status: OptimizationStatus,
    clock: Callable[[], datetime],
) -> _Writer:
    """Write the first event of an attempt, and return what writes the others.

    Args:
        shelf: Keeps the status at every change of state.
        log: The attempt's log.
        status: The status after that event.
        clock: Gives the time, with its zone.
    """
    fold = AttemptFold()
    life = Life(fold.check, fold.after, shelf.note_status)
    writer = LogWriter(log, status.optimization_id, clock, life, status)
    taken_over = status.trials_completed + status.trials_failed
    payload = {
        "state": OptimizationState.PENDING,
        "message": "Optimization queued",
        "attempt": status.attempt,
        "trials_taken_over": taken_over,
    }
    # Not before the optimization was made, whatever a clock that was set back says.
    writer.begin(payload, max(clock(), status.created_at))
    shelf.note_status(status)
    return writer


async def resume_attempt_log(
    shelf: OptimizationShelf,
    log: EventLog,
    status: OptimizationStatus,
    clock: Callable[[], datetime],
) -> tuple[_Writer, AttemptFold]:
    """Go on with the log of an attempt that a store gave back.

    Args:
        shelf: Keeps the status at every change of state.
        log: The log.
        status: The status that was noted last.
        clock: Gives the time, with its zone.

    Returns:
        What writes the further events, and what its events say, where it has not ended.
    """
    fold = AttemptFold()
    life = Life(fold.check, fold.after, shelf.note_status)
    writer = LogWriter(log, status.optimization_id, clock, life, status)
    await writer.resume(status.event_count, fold.collect)
    return writer, fold
