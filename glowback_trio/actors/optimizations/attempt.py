"""An attempt of an optimization: a log of its own, from its first event to its last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial

from attrs import define, evolve

from glowback_trio.actors.broadcaster import Bell, Broadcaster, Subscription
from glowback_trio.actors.cluster.following import FollowedEnd
from glowback_trio.actors.cluster.peers import LogName
from glowback_trio.actors.cluster.tenure import Tenure
from glowback_trio.actors.course import Course
from glowback_trio.actors.log_writer import LogWriter
from glowback_trio.actors.optimizations.life import (
    AttemptFold,
    begin_attempt_log,
    resume_attempt_log,
)
from glowback_trio.errors import InvalidRequestError, NotReadyError, Problem
from glowback_trio.model.events import OPTIMIZATION_EVENT_TYPES, Event, OptimizationEventType
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.short_repr import describe
from glowback_trio.model.stream_protocol import checked_types
from glowback_trio.store import Store

__all__ = ["Attempt"]


@define(eq=False, repr=False)
class Attempt:
    """One attempt. Made by `Gateway.optimize` and `Optimization.resume`."""

    number: int
    _broadcaster: Broadcaster
    _writer: LogWriter[OptimizationStatus]
    #: How it ends.
    course: Course[OptimizationStatus]
    #: What an earlier gateway has told of it.
    told: AttemptFold

    def __repr__(self) -> str:
        status = self.status
        return describe(self, f"attempt {self.number}", str(status.state), events=self.count)

    @classmethod
    def begin(
        cls,
        store: Store,
        request: OptimizationRequest,
        before: OptimizationStatus,
        clock: Callable[[], datetime],
    ) -> Attempt:
        """Open the log of a new attempt.

        Args:
            store: The store.
            request: The optimization's request.
            before: The status to begin with, in which the number of the attempt is right.
            clock: Gives the time, with its zone.
        """
        bell, shelf = Bell(), store.optimizations
        log = shelf.open_attempt(before.optimization_id, before.attempt, bell.ring)
        writer = begin_attempt_log(shelf, log, before, clock)
        return cls._made(store, request, Broadcaster(log, bell), writer, AttemptFold())

    @classmethod
    async def restored(
        cls,
        store: Store,
        request: OptimizationRequest,
        status: OptimizationStatus,
        clock: Callable[[], datetime],
    ) -> Attempt:
        """Reopen an attempt that a store kept."""
        bell = Bell()
        log = await store.optimizations.reopen_attempt(
            status.optimization_id, status.attempt, bell.ring
        )
        writer, told = await resume_attempt_log(store.optimizations, log, status, clock)
        attempt = cls._made(store, request, Broadcaster(log, bell), writer, told)
        if writer.finished:
            attempt.course.close_log(writer.count)
        return attempt

    @classmethod
    def _made(
        cls,
        store: Store,
        request: OptimizationRequest,
        broadcaster: Broadcaster,
        writer: LogWriter[OptimizationStatus],
        told: AttemptFold,
    ) -> Attempt:
        status = writer.newest
        what = f"Optimization {status.optimization_id}"
        tenure = Tenure(("optimization", status.optimization_id), store.cluster)
        course = Course(what, broadcaster, writer, partial(_lasts, store, request), tenure)
        return cls(status.attempt, broadcaster, writer, course, told)

    @property
    def status(self) -> OptimizationStatus:
        """The status: a fold over what is durable of the log. Computed each time."""
        return self._writer.status()

    @property
    def newest(self) -> OptimizationStatus:
        """The status after all events, durable or not."""
        return evolve(self._writer.newest, event_count=self._writer.count)

    @property
    def writer(self) -> LogWriter[OptimizationStatus]:
        """The writing end of its log, for its task."""
        return self._writer

    @property
    def count(self) -> int:
        """Number of events that can be read."""
        return self._broadcaster.log.watermark

    @property
    def finished(self) -> bool:
        """True if it has completed, failed or been cancelled, and its end is durable."""
        return self._writer.ended

    @property
    def needs_task(self) -> bool:
        """True if it has not ended."""
        return not self._writer.finished

    @property
    def tenure(self) -> Tenure:
        """Whether this gateway computes it, or another one of the cluster."""
        return self.course.tenure

    @property
    def followed(self) -> FollowedEnd[OptimizationStatus]:
        """Its log, for following what another gateway appends to it."""
        name = LogName(self.tenure.named, self.number)
        ended = self.course.close_log
        return FollowedEnd(name, self._broadcaster, self._writer, self.tenure, ended)

    async def go_back(self) -> None:
        """Go back to what is durable of the log: nothing else of it will ever be."""
        self.course.begin_again()
        async with self.tenure.reading:
            if self.tenure.taking or not self._writer.whole:
                self.told.forget()
                await self._writer.recall(self.told.collect)

    def leave(self) -> None:
        """Tell the readers that this gateway adds nothing more."""
        self.course.leave()

    @property
    def survives(self) -> bool:
        """True if the next gateway on its store goes on with it."""
        return self.course.survives

    @property
    def broadcaster(self) -> Broadcaster:
        """The log as its readers see it, for readers that keep their own cursors."""
        return self._broadcaster

    def subscribe(
        self, after: int = 0, types: Collection[OptimizationEventType] | None = None
    ) -> Subscription:
        """Subscribe to the log from a cursor on: to events that happened, then to those that come.

        Args:
            after: Id of the last event already known; 0 for none.
            types: Only events of these types, and the terminal one; None: all.

        Raises:
            InvalidRequestError: `after` is negative, `types` is empty or names an unknown type.
            CursorAheadError: The log has not reached `after`.
        """
        checked_types(after, None)
        return Subscription(self._broadcaster, _checked(types), after)

    def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events that are in memory: at most `limit`, with ids above `after`.

        Raises:
            InvalidRequestError: `after` is negative.
            CursorAheadError: The log has not reached `after`.
            NotReadyError: The events after `after` have left memory for the store.
        """
        subscription = self.subscribe(after)
        events = subscription.read_nowait(limit)
        if not events and subscription.behind:
            raise NotReadyError("These events have left memory: use `load_events`")
        return events

    async def load_events(
        self,
        after: int = 0,
        limit: int = 1000,
        types: Collection[OptimizationEventType] | None = None,
    ) -> Sequence[Event]:
        """Return events that have happened: at most `limit`, with ids above `after`.

        Raises:
            InvalidRequestError: `after` is negative, `types` is empty or names an unknown type.
            CursorAheadError: The log has not reached `after`.
        """
        self._broadcaster.loop.check("attempt.load_events")
        return await self.subscribe(after, types).read_stored(limit)


def _checked(
    types: Collection[OptimizationEventType] | None,
) -> Collection[OptimizationEventType] | None:
    if types is None:
        return None
    wanted = tuple(types)
    known = ", ".join(OPTIMIZATION_EVENT_TYPES)
    problems = [
        Problem("literal_error", ("types", index), f"Input should be one of {known}", kind)
        for index, kind in enumerate(wanted)
        if isinstance(types, str) or kind not in OPTIMIZATION_EVENT_TYPES
    ]
    if not wanted:
        problems = [Problem("too_short", ("types",), "Name at least one event type", types)]
    if problems:
        raise InvalidRequestError(problems)
    return wanted


def _lasts(store: Store, request: OptimizationRequest, status: OptimizationStatus) -> bool:
    """Return whether the next gateway on a store goes on with an attempt."""
    pending = status.state is OptimizationState.PENDING
    return store.durability != "memory" and (pending or request.on_restart == "rerun")
