"""The life of an optimization's attempt: its table of transitions, and its status."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import evolve, frozen

from glowback_trio.model.lifecycle import transition
from glowback_trio.model.optimization.objectives import Direction
from glowback_trio.model.optimization.request import OptimizationRequest, Search
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.short_repr import describe

__all__ = [
    "OPTIMIZATION_EVENTS",
    "OPTIMIZATION_TRANSITIONS",
    "OptimizationState",
    "OptimizationStatus",
]


class OptimizationState(StrEnum):
    """State of an optimization's attempt."""

    #: Accepted, waiting for a slot.
    PENDING = "pending"
    #: Evaluating trials.
    RUNNING = "running"
    #: Ended with a result.
    COMPLETED = "completed"
    #: Ended by an error; every trial failed, for example.
    FAILED = "failed"
    #: Ended by a request to cancel it.
    CANCELLED = "cancelled"


#: Types of its events.
OPTIMIZATION_EVENTS = ("state", "progress", "trial", "best", "generation", "validation", "log")

_S = OptimizationState
_ENDS = {"failed": _S.FAILED, "cancelled": _S.CANCELLED}

#: State before -> trigger -> state after, as `model.lifecycle.TRANSITIONS` for runs.
OPTIMIZATION_TRANSITIONS: Mapping[OptimizationState | None, Mapping[str, OptimizationState]] = {
    None: {"pending": _S.PENDING},
    _S.PENDING: {"running": _S.RUNNING, **_ENDS},
    _S.RUNNING: {
        **{kind: _S.RUNNING for kind in OPTIMIZATION_EVENTS if kind != "state"},
        "completed": _S.COMPLETED,
        **_ENDS,
    },
    _S.COMPLETED: {},
    _S.FAILED: {},
    _S.CANCELLED: {},
}

_ENDED = frozenset({_S.COMPLETED, _S.FAILED, _S.CANCELLED})


@frozen(kw_only=True, repr=False)
class OptimizationStatus:
    """Status of an optimization: a fold over the log of its newest attempt, and its request.

    Attributes:
        optimization_id: Its id.
        name: Its name.
        state: The state of the newest attempt.
        strategy: How it searches.
        objective_metric: The (first) metric that is sought.
        direction: Whether more of it is better.
        max_trials: Trials at most.
        trials_completed: Trials that ended with metrics, those taken over included.
        trials_failed: Trials that failed, likewise.
        trials_running: Trials under way; no log says it.
        best_trial: The best trial so far; None before the first.
        created_at: Time at which it was first accepted.
        started_at: Time at which the attempt began; None if it has not.
        finished_at: Time at which the attempt ended; None before.
        error: Why it failed or was cancelled; None otherwise.
        progress: From 0 to 1; exactly 1.0 once completed.
        attempt: Number of the attempt, from 1.
        event_count: Events in the attempt's log so far.
        paused: True while it is paused; no log says it.
    """

    optimization_id: str
    name: str
    state: OptimizationState
    strategy: Search
    objective_metric: str
    direction: Direction
    max_trials: int
    created_at: datetime
    trials_completed: int = 0
    trials_failed: int = 0
    trials_running: int = 0
    best_trial: Trial | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    progress: float = 0.0
    attempt: int = 1
    event_count: int = 1
    paused: bool = False

    def __repr__(self) -> str:
        state = "paused" if self.paused else str(self.state)
        done = f"{self.trials_completed + self.trials_failed} of {self.max_trials} trials"
        return describe(self, self.optimization_id, state, done)

    @classmethod
    def pending(
        cls,
        optimization_id: str,
        request: OptimizationRequest,
        moment: datetime,
        attempt: int = 1,
        created_at: datetime | None = None,
    ) -> OptimizationStatus:
        """Return the status after the first event of an attempt.

        Args:
            optimization_id: Its id.
            request: Its request.
            moment: Time of the event.
            attempt: Number of the attempt.
            created_at: Time of the first event of the first attempt; None: this is it.
        """
        first, *_ = request.scored_by
        return cls(
            optimization_id=optimization_id,
            name=request.name,
            state=transition(OPTIMIZATION_TRANSITIONS, None, "pending"),
            strategy=request.strategy,
            objective_metric=first.metric,
            direction=first.direction,
            max_trials=request.max_trials,
            created_at=created_at or moment,
            attempt=attempt,
        )

    @property
    def finished(self) -> bool:
        """True if the attempt has completed, failed or been cancelled."""
        return self.state in _ENDED

    def announcing(
        self, state: OptimizationState, moment: datetime, error: str | None = None
    ) -> OptimizationStatus:
        """Return the status after one more event, which announces a change of state.

        Args:
            state: The announced state.
            moment: Time of the event.
            error: Why it failed or was cancelled.

        Raises:
            InvalidTransitionError: The table does not lead there.
        """
        reached = transition(OPTIMIZATION_TRANSITIONS, self.state, state)
        changed = evolve(self, state=reached, event_count=self.event_count + 1)
        if state not in _ENDED:
            return evolve(changed, started_at=moment)
        progress = 1.0 if state is _S.COMPLETED else self.progress
        return evolve(changed, finished_at=moment, error=error, progress=progress)
