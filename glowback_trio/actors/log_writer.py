"""The writing end of a log: the one place where events of runs and optimizations are made."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import trio
from attrs import define, evolve, field, frozen

from glowback_trio.errors import FailureTraceback, GlowbackError, LogError
from glowback_trio.model.events import AnyEventType, Event, EventDraft, encode
from glowback_trio.model.instant import stamp, start_instant
from glowback_trio.model.invariants import Digest
from glowback_trio.store import EventLog
from glowback_trio.store.cluster import HeldElsewhereError
from glowback_trio.wire.json_text import dumps

__all__ = ["Announced", "Life", "LogWriter", "S", "log_failure", "log_late_error"]

_log = logging.getLogger(__name__)

_READ_AT_ONCE = 256


class Announced(Protocol):
    """The status of what has a log, such as a run: an attrs class."""

    @property
    def created_at(self) -> datetime:
        """Time of the first event."""

    @property
    def state(self) -> Any:
        """The state, of the enumeration of its lifecycle table."""

    @property
    def finished(self) -> bool:
        """True if nothing may follow."""

    def announcing(self, state: Any, moment: datetime, error: str | None = None) -> Self:
        """Return the status after one more event, which announces a change of state."""


S = TypeVar("S", bound=Announced)


def _ignore(_status: object) -> None:
    """Do nothing."""


@frozen
class Life(Generic[S]):
    """The changes that events make to the status of a run or an attempt.

    Attributes:
        check: Raises `InvalidTransitionError` if the lifecycle table allows no event of this type.
        after: Returns the status after an event that changes no state; the same object if that
            changes nothing of it but the number of events.
        announced: Called with the status after a change of state.
    """

    check: Callable[[S, AnyEventType], object]
    after: Callable[[S, EventDraft], S]
    announced: Callable[[S], object] = _ignore


@define(eq=False)
class LogWriter(Generic[S]):
    """Checks, numbers, dates, encodes and appends the events of one log, and keeps the status.

    Whatever appends is synchronous, so that no task ever sees half of an event. When the log
    refuses an event, nothing has changed.

    Args:
        log: The log.
        log_id: The id that every event names, such as a run's.
        clock: Gives the time, with its zone.
        life: What events do to the status.
        newest: The status after all events but for their number. Counting each one in it would cost
            more than encoding the event.
    """

    _log: EventLog
    _log_id: str
    _clock: Callable[[], datetime]
    _life: Life[S]
    _newest: S
    _count: int = field(default=0, init=False)
    _digest: Digest = field(factory=Digest, init=False)
    _latest: datetime = field(init=False)
    #: The status as of the last change that is durable, and changes that are not, with their ids.
    _durable: S = field(init=False)
    _ahead: deque[tuple[int, S]] = field(factory=deque, init=False)
    #: The status that was asked for last, after what it was made of.
    _told: tuple[S, tuple[int, Mapping[str, object]], S] | None = field(default=None, init=False)

    #: True while another gateway appends.
    _shut: bool = field(default=False, init=False)
    #: False while the log is being read again.
    _whole: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._latest = self._newest.created_at
        self._durable = self._newest

    def begin(self, payload: Mapping[str, object], moment: datetime) -> None:
        """Write the first event, so that no log is ever seen without one."""
        self._append("state", dumps(payload), moment)

    async def resume(self, count: int, take: Callable[[Event], object] | None = None) -> None:
        """Go on with a log that a store gave back, whose status has been given already.

        Args:
            count: How many events it has.
            take: Called with each of them, if the log has not ended.
        """
        self._count = count
        if not self._newest.finished:  # nothing may follow an end, so that log need not be read
            await self._replay(take)

    async def _replay(self, take: Callable[[Event], object] | None) -> None:
        """Read the log for its digest and its latest time."""
        cursor, count = 0, self._count
        while events := await self._log.read(cursor, min(_READ_AT_ONCE, count - cursor)):
            for event in events:
                self._digest.add(event.data)
                if take is not None:
                    take(event)
            await trio.lowlevel.checkpoint()
            cursor = events[-1].event_id
            self._latest = start_instant(events[-1].decode()["timestamp"])

    async def recall(self, take: Callable[[Event], object] | None = None) -> None:
        """Go back to what is durable: the rest is never written, as another gateway goes on.

        Args:
            take: Called with each durable event, if the log has not ended.
        """
        self._whole = False
        self._newest = self.durable
        self._ahead.clear()
        self._digest = Digest()
        # What others have stored may be known only in part.
        await self.resume(min(self._count, self._log.watermark), take)
        self._whole = True

    @property
    def whole(self) -> bool:
        """True if it says what is durable, and nothing else: there is nothing to `recall`."""
        return self._whole and self._count <= self._log.watermark

    def shut(self) -> None:
        """Append nothing, until `reopen`: another gateway may."""
        self._shut = True

    def reopen(self) -> None:
        """Append again."""
        self._shut = False

    def take(self, event: Event) -> None:
        """Take note of the next event, which another gateway has appended.

        Raises:
            LogError: It is not the next one, the table does not allow it, or it is an end whose
                count or digest is not that of the log.
        """
        head = b'{"event_id":%d,"run_id":"%b",' % (self._count + 1, self._log_id.encode())
        if self.finished or not event.data.startswith(head):
            raise LogError(f"Event {event.event_id} does not follow event {self._count}")
        try:
            # What the first event says is known, stored or not.
            status = self._folded(event) if self._count else self._newest
        except (GlowbackError, ValueError, KeyError) as error:
            raise LogError(f"Event {event.event_id} cannot follow: {error}") from error
        self._count += 1
        self._digest.add(event.data)
        self._latest = start_instant(event.decode()["timestamp"])
        if status is not self._newest:
            self._note_change(status)

    def _folded(self, event: Event) -> S:
        """Return the status after one more event."""
        if event.type != "state":
            self._life.check(self._newest, event.type)
            progress = event.payload["progress"] if event.type == "progress" else None
            draft = EventDraft(event.type, _payload_of(event), 0, progress)
            return self._life.after(self._newest, draft)
        payload = event.payload
        before = _changed(self._newest, event_count=self._count)
        state = type(before.state)(payload["state"])
        status = before.announcing(state, event.timestamp, payload.get("error"))
        told = payload.get("event_count"), payload.get("digest")
        if status.finished and told != (event.event_id, str(self._digest)):
            raise LogError("its count or digest is not that of the events before it")
        return status

    @property
    def count(self) -> int:
        """How many events have been appended."""
        return self._count

    @property
    def newest(self) -> S:
        """The status after all events, durable or not, but for their number."""
        return self._newest

    @property
    def finished(self) -> bool:
        """True if the terminal event has been appended."""
        return self._newest.finished

    @property
    def ended(self) -> bool:
        """True if the terminal event is durable."""
        return self.finished and self._log.watermark >= self._count

    @property
    def durable(self) -> S:
        """The status as of the last change that is durable, but for the number of events."""
        self._catch_up(max(self._log.watermark, 1))
        return self._durable

    def status(self, **more: object) -> S:
        """Return the status: a fold over the events that are durable, and always the first.

        It leaves out what a store may still lose. While nothing changes it is the same object.

        Args:
            more: What no log says.
        """
        durable, count = self.durable, max(self._log.watermark, 1)
        told = self._told
        if told is None or told[0] is not durable or told[1] != (count, more):
            changed = _changed(durable, event_count=count, **more)
            told = self._told = durable, (count, more), changed
        return told[2]

    def _note_change(self, status: S) -> None:
        """Let this be the status once the newest event is durable."""
        self._newest = status
        self._ahead.append((self._count, status))
        self._catch_up(self._log.watermark)

    def _catch_up(self, newest: int) -> None:
        while self._ahead and self._ahead[0][0] <= newest:
            self._durable = self._ahead.popleft()[1]

    def emit(self, draft: EventDraft) -> None:
        """Append an event that changes no state.

        Raises:
            InvalidTransitionError: The state does not allow it.
        """
        # Checked before anything changes: an illegal event leaves no trace.
        self._life.check(self._newest, draft.type)
        self._append(draft.type, draft.payload, self._now())
        if (status := self._life.after(self._newest, draft)) is not self._newest:
            self._note_change(status)

    def announce(self, state: str, error: str | None = None, **more: object) -> None:
        """Append a change of state.

        Args:
            state: The new state.
            error: Why it failed or was cancelled.
            more: Further fields of the event's payload.

        Raises:
            InvalidTransitionError: The lifecycle table does not lead there.
        """
        moment = self._now()
        before = _changed(self._newest, event_count=self._count)
        status = before.announcing(state, moment, error)
        self._append("state", dumps({"state": state, "error": error, **more}), moment)
        self._note_change(status)
        self._life.announced(status)

    def end(self, state: str, error: str | None = None) -> int:
        """Append the terminal event, with the count and digest of the log; return its id."""
        # The digest covers all events before this one, so that a client can check what it got.
        count = self._count + 1
        self.announce(state, error, event_count=count, digest=str(self._digest))
        return count

    def _append(self, kind: AnyEventType, payload: bytes, moment: datetime) -> None:
        if self._shut:
            raise HeldElsewhereError(f"{self._log_id} is computed by another gateway now")
        # The log comes first: what it refuses must not count.
        event = encode(self._count + 1, self._log_id, kind, stamp(moment), payload)
        self._log.append(event)
        self._digest.add(event.data)
        self._latest = moment
        self._count += 1

    def _now(self) -> datetime:
        """Return the clock's time, but never one before the previous event's (log law 4)."""
        return max(self._clock(), self._latest)


def _payload_of(event: Event) -> bytes:
    # The payload ends the event; before it stand id, run, type and time.
    mark = b'"payload":'
    return event.data[event.data.index(mark) + len(mark) : -1]


def _changed(status: S, **changes: object) -> S:
    # A protocol cannot say that its classes are attrs classes.
    changed: S = evolve(cast(Any, status), **changes)
    return changed


def log_failure(what: str, error: str, traceback: str) -> None:
    """Write a failure to the log of the program, if foreign code has a traceback for it.

    Args:
        what: What has failed, such as `Run 7`.
        error: Why it failed, as a sentence.
        traceback: The traceback as text; empty: there is none.
    """
    if not traceback:
        return
    cause = FailureTraceback(traceback)
    # On one line: an exception's text may hold what a client sent, which must not look like
    # another line of the log.
    _log.error("%s failed: %s", what, " ".join(error.split()), exc_info=(type(cause), cause, None))


def log_late_error(what: str, error: BaseException) -> None:
    """Write an error of what has ended already to the log of the program."""
    _log.error("An error after the end of %s", what, exc_info=error)
