"""The optimization: one request, and the attempts to carry it out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from weakref import ref

import trio
from attrs import define, evolve, field

from glowback_trio.actors.broadcaster import Broadcaster, Subscription
from glowback_trio.actors.optimizations.attempt import Attempt
from glowback_trio.actors.optimizations.results import result_so_far
from glowback_trio.actors.optimizations.trials import load_trials
from glowback_trio.actors.optimizations.work import Work
from glowback_trio.actors.runs.pacing import Pacer
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.errors import GatewayClosedError
from glowback_trio.lazy import late_part
from glowback_trio.model.events import Event, OptimizationEventType
from glowback_trio.model.lifecycle import INTERRUPTED
from glowback_trio.model.optimization.errors import OptimizationConflictError, UnknownAttemptError
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.short_repr import describe
from glowback_trio.store import Store

__all__ = ["Optimization", "Owner"]


class Owner(Protocol):
    """The owner of the tasks of optimizations, as far as an optimization needs it."""

    def admit(self, optimization_id: str | None) -> None:
        """Check that one more may begin.

        Raises:
            GlowbackError: It may not.
        """

    def start(self, optimization: Optimization, owner: str) -> None:
        """Start the task of the newest attempt."""


@define(eq=False, repr=False)
class Optimization:
    """One search over the parameters of a backtest. Made by `Gateway.optimize`.

    Each attempt has a log of its own and, until it ends, a task. Other tasks read the logs, or send
    the messages that there are: `cancel`, `pause` and `resume`. What changes or awaits something
    raises `EventLoopError` outside the gateway's event loop.
    """

    optimization_id: str
    request: OptimizationRequest
    _store: Store
    _clock: Callable[[], datetime]
    #: Not held: it holds this.
    _owner: ref[Owner]
    _attempts: list[Attempt]
    #: On whose account it works, with what it holds of the slots.
    account: str = ""
    _pacer: Pacer = field(factory=lambda: Pacer(None), init=False)
    _work: Work | None = field(default=None, init=False)

    def __repr__(self) -> str:
        status = self.status
        done = f"{status.trials_completed + status.trials_failed} of {status.max_trials} trials"
        state = "paused" if status.paused else str(status.state)
        return describe(self, self.optimization_id, state, done, attempts=self.attempts)

    @classmethod
    def queued(
        cls,
        optimization_id: str,
        request: OptimizationRequest,
        store: Store,
        clock: Callable[[], datetime],
        *,
        owner: Owner,
        key: str | None,
        account: str,
        fingerprint: str | None = None,
    ) -> Optimization:
        """Open the log of the first attempt of a new one."""
        store.optimizations.open(optimization_id, request, key)
        if store.cluster is not None:
            store.cluster.note_origin(("optimization", optimization_id), account, fingerprint)
        pending = OptimizationStatus.pending(optimization_id, request, clock())
        attempt = Attempt.begin(store, request, pending, clock)
        return cls(optimization_id, request, store, clock, ref(owner), [attempt], account)

    @classmethod
    async def restored(
        cls, optimization_id: str, store: Store, clock: Callable[[], datetime], owner: Owner
    ) -> Optimization:
        """Reopen one that a store kept. Its logs are left as they are: see `settle`.

        Raises:
            UnknownOptimizationError: The store does not have it.
            InvalidRequestError: Its request cannot be read.
            StoreError: It cannot be read.
        """
        kept = await store.optimizations.reopen(optimization_id)
        attempts = [
            await Attempt.restored(store, kept.request, status, clock) for status in kept.statuses
        ]
        found = cls(optimization_id, kept.request, store, clock, ref(owner), attempts)
        if kept.statuses[-1].paused:
            found._pacer.pause()
        return found

    def settle(self) -> None:
        """End the newest attempt if it was interrupted and shall not go on."""
        attempt = self.attempt()
        running = attempt.newest.state is OptimizationState.RUNNING
        if running and self.request.on_restart == "fail":
            attempt.course.end(OptimizationState.FAILED, INTERRUPTED)

    def go_on(self, *, paused: bool) -> None:
        """Go on with what another gateway has left, or end it: see `settle`.

        Args:
            paused: True if it was paused there.
        """
        self.attempt().writer.reopen()
        (self._pacer.pause if paused else self._pacer.resume)()
        self.settle()

    @property
    def held_here(self) -> bool:
        """False if another gateway of the cluster computes it, and it has not ended."""
        return self.finished or not self.attempt().tenure.elsewhere

    async def hold(self) -> None:
        """Make sure that this gateway holds it, before it is changed, unless it has ended.

        Raises:
            HeldElsewhereError: Another gateway of the cluster does.
            StoreError: The store cannot be asked.
        """
        course = self.attempt().course
        if self.needs_task:
            await course.tenure.claim_left(paused=self._pacer.paused)
        if self.needs_task and not await course.hold(self._store.flush):
            course.tenure.check("changed")

    def _check_held(self, command: str) -> None:
        if self.needs_task:
            self.attempt().tenure.check(command)

    @property
    def attempts(self) -> int:
        """Number of attempts."""
        return len(self._attempts)

    def attempt(self, number: int | None = None) -> Attempt:
        """Return an attempt.

        Args:
            number: Its number, from 1; None: the newest one.

        Raises:
            UnknownAttemptError: There is none of this number.
        """
        if number is None:
            return self._attempts[-1]
        if not 1 <= number <= len(self._attempts):
            raise UnknownAttemptError(self.optimization_id, number, len(self._attempts))
        return self._attempts[number - 1]

    @property
    def status(self) -> OptimizationStatus:
        """The status of the newest attempt: a fold over what is durable of its log, and pause."""
        attempt = self.attempt()
        live = attempt.needs_task
        under_way = self._work.under_way if live and self._work is not None else 0
        paused = live and self._pacer.paused
        return evolve(attempt.status, paused=paused, trials_running=under_way)

    @property
    def finished(self) -> bool:
        """True if the newest attempt has ended, and its end is durable."""
        return self.attempt().finished

    @property
    def needs_task(self) -> bool:
        """True if the newest attempt has not ended."""
        return self.attempt().needs_task

    @property
    def survives(self) -> bool:
        """True if the next gateway on its store goes on with it."""
        return self.attempt().survives

    @property
    def broadcaster(self) -> Broadcaster:
        """The log of the newest attempt as its readers see it."""
        return self.attempt().broadcaster

    def subscribe(
        self, after: int = 0, types: Collection[OptimizationEventType] | None = None
    ) -> Subscription:
        """Subscribe to the log of the newest attempt: see `Attempt.subscribe`."""
        return self.attempt().subscribe(after, types)

    def events(self, after: int = 0, limit: int = 1000) -> Sequence[Event]:
        """Return events of the newest attempt that are in memory: see `Attempt.events`."""
        return self.attempt().events(after, limit)

    async def load_events(
        self,
        after: int = 0,
        limit: int = 1000,
        types: Collection[OptimizationEventType] | None = None,
        *,
        attempt: int | None = None,
    ) -> Sequence[Event]:
        """Return events of an attempt, wherever the store has them: see `Attempt.load_events`.

        Raises:
            UnknownAttemptError: There is no such attempt.
        """
        return await self.attempt(attempt).load_events(after, limit, types)

    async def wait_stored(self) -> None:
        """Wait until the newest attempt, with the request, is as durable as the store promises.

        Raises:
            StoreError: The store cannot be written at the moment. It may keep it later.
        """
        course = self.attempt().course
        course.broadcaster.loop.check("optimization.wait_stored")
        await trio.lowlevel.checkpoint()
        await course.wait_stored(self._store.flush)

    async def wait_finished(self) -> OptimizationStatus:
        """Wait for the end of the newest attempt, and return the status.

        Raises:
            GatewayClosedError: The gateway has closed; the next one on the store goes on. One that
                failed or was cancelled is no error here.
        """
        attempt = self.attempt()
        attempt.broadcaster.loop.check("optimization.wait_finished")
        await attempt.course.wait_finished()
        return self.status

    def cancel(self, reason: str) -> None:
        """Cancel the newest attempt. The first reason counts; after its end this does nothing."""
        attempt = self.attempt()
        attempt.broadcaster.loop.check("optimization.cancel")
        self._check_held("cancelled")
        attempt.course.cancel(reason)

    def close(self, reason: str) -> None:
        """Stop without an end if it survives its gateway; otherwise cancel it."""
        self.attempt().course.close(reason)

    def pause(self) -> None:
        """Pause: no trial is evaluated or told until `resume`. The store keeps it, no log does.

        Raises:
            OptimizationConflictError: It has ended.
        """
        attempt = self.attempt()
        attempt.broadcaster.loop.check("optimization.pause")
        self._check_held("paused")
        if not attempt.needs_task:
            state = attempt.newest.state
            raise OptimizationConflictError(f"The optimization cannot be paused: it is {state}")
        self._store.optimizations.note_pause(self.optimization_id, paused=True)
        self._pacer.pause()
        if self._work is not None:
            self._work.pause()
        attempt.broadcaster.ring()

    def resume(self) -> None:
        """Let a paused one go on, or begin a new attempt of one that failed or was cancelled.

        A new attempt takes over every trial that was told.

        Raises:
            OptimizationConflictError: It runs, or has completed.
            OptimizationsFullError: As many have not ended as may.
            ResourceError: No memory is left of `max_memory`.
            StoreError: The store cannot be written at the moment.
            GatewayClosedError: The gateway is closing or closed.
        """
        attempt = self.attempt()
        attempt.broadcaster.loop.check("optimization.resume")
        self._check_held("resumed")
        state = attempt.newest.state
        if attempt.needs_task and self._pacer.paused:
            self._go_on()
        elif attempt.needs_task or state is OptimizationState.COMPLETED:
            raise OptimizationConflictError(
                f"The optimization cannot be resumed: it is {state}; only one that is paused, "
                "failed or cancelled can"
            )
        else:
            self._begin_again(attempt)

    def _go_on(self) -> None:
        self._store.optimizations.note_pause(self.optimization_id, paused=False)
        self._pacer.resume()
        if self._work is not None:
            self._work.resume()
        self.broadcaster.ring()

    def _begin_again(self, ended: Attempt) -> None:
        if (owner := self._owner()) is None:
            raise GatewayClosedError("No new optimizations are accepted: the gateway was closed")
        owner.admit(self.optimization_id)
        if self._pacer.paused:
            self._go_on()
        before = ended.newest
        moment = max(self._clock(), before.created_at)
        number = len(self._attempts) + 1
        pending = evolve(
            OptimizationStatus.pending(
                self.optimization_id, self.request, moment, number, before.created_at
            ),
            trials_completed=before.trials_completed,
            trials_failed=before.trials_failed,
            best_trial=before.best_trial,
            progress=before.progress,
        )
        self._attempts.append(Attempt.begin(self._store, self.request, pending, self._clock))
        owner.start(self, self.account)

    def employ(self, make: Callable[[Attempt, Sequence[Attempt], Pacer], Work]) -> Work:
        """Return the work of the newest attempt, which its task carries out."""
        *earlier, newest = self._attempts
        self._work = make(newest, earlier, self._pacer)
        return self._work

    def _repr_html_(self) -> str:
        card: str = late_part("notebook.cards").optimization_card(self)
        return card

    async def load_durations(self) -> Mapping[int, float]:
        """Return the seconds that trials took, by their numbers."""
        self.attempt().broadcaster.loop.check("optimization.load_durations")
        notes = await self._store.optimizations.notes(self.optimization_id)
        return {note.trial_number: note.duration_s for note in notes}

    async def load_result(self) -> OptimizationResult:
        """Return what it has found: so far, or in the end.

        Raises:
            UnknownOptimizationError: The store has let it go.
            StoreError: It cannot be read.
        """
        self.attempt().broadcaster.loop.check("optimization.load_result")
        attempt = self.attempt()
        if attempt.newest.state is OptimizationState.COMPLETED:
            kept = await self._store.optimizations.result(self.optimization_id)
            if kept is not None:
                return kept
        trials = await load_trials(self._attempts)
        notes = await self._store.optimizations.notes(self.optimization_id)
        sketches = {note.trial_number: ReturnsSketch(note.sketch) for note in notes if note.sketch}
        return await trio.to_thread.run_sync(
            result_so_far, self.request, self.status, trials, sketches
        )
