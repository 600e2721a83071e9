"""The writing end of a run's log: the one place where a run's events are made."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime

import trio
from attrs import define, evolve, field

from glowback_trio.errors import FailureTraceback
from glowback_trio.model.events import EventDraft, EventType, encode
from glowback_trio.model.instant import stamp, start_instant
from glowback_trio.model.invariants import Digest
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import QUEUED_PAYLOAD, State, Status, step
from glowback_trio.model.request import BacktestRequest
from glowback_trio.store import EventLog
from glowback_trio.wire.json_text import dumps

__all__ = ["LogWriter", "log_failure", "log_late_error"]

_log = logging.getLogger(__name__)

_READ_AT_ONCE = 256


@define(eq=False)
class LogWriter:
    """Checks, numbers, dates, encodes and appends a run's events, and keeps its status.

    Whatever appends is synchronous, so that no task ever sees half of an event. When the log
    refuses an event, nothing has changed.

    Args:
        log: The run's log.
        clock: Gives the time, with its zone.
        announced: The status as of the last change of state.
    """

    _log: EventLog
    _clock: Callable[[], datetime]
    _announced: Status
    #: What has come since the last change of state. Folding it into `_announced` at each event
    #: would cost more than encoding the event.
    _count: int = field(default=0, init=False)
    _progress: float = field(default=0.0, init=False)
    _digest: Digest = field(factory=Digest, init=False)
    _latest: datetime = field(init=False)
    #: The status as of the last change that is durable, and changes that are not, with their ids.
    _durable: Status = field(init=False)
    _ahead: deque[tuple[int, Status]] = field(factory=deque, init=False)

    def __attrs_post_init__(self) -> None:
        self._latest = self._announced.created_at
        self._durable = self._announced

    @classmethod
    def begin(
        cls, log: EventLog, run_id: str, request: BacktestRequest, clock: Callable[[], datetime]
    ) -> LogWriter:
        """Write the first event of a new run, so that no run is ever seen without one."""
        queued = Status.queued(run_id, request, clock())
        writer = cls(log, clock, queued)
        payload = dumps(QUEUED_PAYLOAD)
        writer._append("state", payload, queued.created_at)
        return writer

    @classmethod
    async def resume(
        cls, log: EventLog, status: Status, clock: Callable[[], datetime]
    ) -> LogWriter:
        """Go on with a log that a store gave back.

        Args:
            log: The log.
            status: What folding it gives.
            clock: Gives the time, with its zone.
        """
        writer = cls(log, clock, status)
        writer._count, writer._progress = status.event_count, status.progress
        if not status.finished:  # nothing may follow an end, so that log need not be read
            await writer._replay()
        return writer

    async def _replay(self) -> None:
        """Read the log for its digest and its latest time."""
        cursor = 0
        while events := await self._log.read(cursor, _READ_AT_ONCE):
            for event in events:
                self._digest.add(event.data)
            await trio.lowlevel.checkpoint()
            cursor = events[-1].event_id
            self._latest = start_instant(events[-1].decode()["timestamp"])

    @property
    def count(self) -> int:
        """How many events have been appended."""
        return self._count

    @property
    def announced(self) -> State:
        """The state that was announced last, durable or not."""
        return self._announced.state

    @property
    def finished(self) -> bool:
        """True if the terminal event has been appended."""
        return self._announced.finished

    @property
    def state(self) -> State:
        """The state of the status, which is a copy at each call."""
        self._catch_up(max(self._log.watermark, 1))
        return self._durable.state

    def status(self, labels: Labels, *, paused: bool = False) -> Status:
        """Return the run's status: a fold over the events that are durable, and always the first.

        Computed at each call. It leaves out what a store may still lose.
        """
        newest = max(self._log.watermark, 1)
        self._catch_up(newest)
        return evolve(
            self._durable,
            event_count=newest,
            paused=paused,
            name=labels.name,
            tags=labels.tags,
            note=labels.note,
        )

    def _note_change(self, status: Status) -> None:
        """Let this be the status once the newest event is durable."""
        self._ahead.append((self._count, status))
        self._catch_up(self._log.watermark)

    def _catch_up(self, newest: int) -> None:
        while self._ahead and self._ahead[0][0] <= newest:
            self._durable = self._ahead.popleft()[1]

    def emit(self, draft: EventDraft) -> None:
        """Append an event of the simulation.

        Raises:
            InvalidTransitionError: The run's state does not allow it.
        """
        # Checked before anything changes: an illegal event leaves no trace.
        step(self._announced.state, draft.type)
        self._append(draft.type, draft.payload, self._now())
        if draft.progress is not None:
            self._progress = draft.progress
            self._note_change(evolve(self._announced, progress=draft.progress))

    def announce(self, state: State, error: str | None = None, **more: object) -> None:
        """Append a change of state.

        Args:
            state: The new state.
            error: Why the run failed or was cancelled.
            more: Further fields of the event's payload.

        Raises:
            InvalidTransitionError: The lifecycle table does not lead there.
        """
        moment = self._now()
        before = evolve(self._announced, event_count=self._count, progress=self._progress)
        status = before.announcing(state, moment, error)
        self._append("state", dumps({"state": state, "error": error, **more}), moment)
        self._announced = status
        self._note_change(status)

    def end(self, state: State, error: str | None = None) -> int:
        """Append the terminal event, with the count and digest of the log; return its id."""
        # The digest covers all events before this one, so that a client can check what it got.
        count = self._count + 1
        self.announce(state, error, event_count=count, digest=str(self._digest))
        return count

    def _append(self, kind: EventType, payload: bytes, moment: datetime) -> None:
        # The log comes first: what it refuses must not count.
        event = encode(self._count + 1, self._announced.run_id, kind, stamp(moment), payload)
        self._log.append(event)
        self._digest.add(event.data)
        self._latest = moment
        self._count += 1

    def _now(self) -> datetime:
        """Return the clock's time, but never one before the previous event's (log law 4)."""
        return max(self._clock(), self._latest)


def log_failure(run_id: str, error: str, traceback: str) -> None:
    """Write a run's failure to the log of the program, if foreign code has a traceback for it.

    Args:
        run_id: The run's id.
        error: Why it failed, as a sentence.
        traceback: The traceback as text; empty: there is none.
    """
    if not traceback:
        return
    cause = FailureTraceback(traceback)
    # On one line: an exception's text may hold what a client sent, which must not look like
    # another line of the log.
    _log.error(
        "Run %s failed: %s", run_id, " ".join(error.split()), exc_info=(type(cause), cause, None)
    )


def log_late_error(run_id: str, error: BaseException) -> None:
    """Write an error of a run that has ended already to the log of the program."""
    _log.error("An error after the end of run %s", run_id, exc_info=error)
