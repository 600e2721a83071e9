"""The life of a run as a table.

Rules of this file: whatever decides what may happen to a run stands here; code elsewhere only walks
the table. A step that the table lacks is refused, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from attrs import evolve, frozen

from glowback_trio.errors import InvalidTransitionError

__all__ = ["TERMINAL", "TRANSITIONS", "State", "Status", "step"]


class State(StrEnum):
    """Where a run stands."""

    #: Accepted, waiting for a place.
    QUEUED = "queued"
    #: Loading bars, simulating, or telling at its pace.
    RUNNING = "running"
    #: Ended with a result, which was stored before anybody could see this state.
    COMPLETED = "completed"
    #: Ended by its data, its strategy or its arithmetic.
    FAILED = "failed"
    #: Ended because somebody asked, with the reason.
    CANCELLED = "cancelled"


TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})

_ENDS = {
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}

#: State before -> what happens -> state after. State events are named by the state they announce,
#: all others by their type. A run starts from None, by being queued.
TRANSITIONS: Mapping[State | None, Mapping[str, State]] = {
    None: {"queued": State.QUEUED},
    State.QUEUED: {"running": State.RUNNING, **_ENDS},
    State.RUNNING: {
        **dict.fromkeys(("progress", "metric", "trade", "order", "log"), State.RUNNING),
        "completed": State.COMPLETED,
        **_ENDS,
    },
    State.COMPLETED: {},
    State.FAILED: {},
    State.CANCELLED: {},
}


def step(state: State | None, trigger: str) -> State:
    """Look up where a trigger leads.

    Args:
        state: Where the run stands; None before its first event.
        trigger: The announced state for state events, the event type for all others.

    Raises:
        InvalidTransitionError: The table has no such step.
    """
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        allowed = ", ".join(TRANSITIONS[state]) or "nothing: it has ended"
        message = f"{trigger!r} cannot happen to a run that is {state}; what may happen: {allowed}"
        raise InvalidTransitionError(message) from None


@frozen(kw_only=True)
class Status:
    """A run's status: a fold over its log.

    Attributes:
        run_id: Its name.
        state: Where it stands.
        progress: From 0 to 1; exactly 1.0 once completed.
        created_at: When it was queued.
        started_at: When it began to run; None while it never did.
        finished_at: When it ended; None while it has not.
        error: Why it failed or was cancelled.
        strategy: Name of its strategy.
        symbols: The symbols it was asked for.
        event_count: Events in its log so far.
        paused: Whether somebody holds it.
    """

    run_id: str
    state: State
    created_at: datetime
    strategy: str
    symbols: tuple[str, ...]
    progress: float = 0.0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    error: str | None = None
    event_count: int = 1
    paused: bool = False

    @property
    def finished(self) -> bool:
        """Whether the run has ended, one way or another."""
        return self.state in TERMINAL

    def announcing(self, state: State, moment: datetime, error: str | None = None) -> Status:
        """The status once a change of state is announced.

        Raises:
            InvalidTransitionError: The table does not lead there.
        """
        changed = evolve(self, state=step(self.state, state), event_count=self.event_count + 1)
        if state not in TERMINAL:
            return evolve(changed, started_at=moment)
        reached = 1.0 if state is State.COMPLETED else self.progress
        return evolve(changed, finished_at=moment, error=error, progress=reached)
