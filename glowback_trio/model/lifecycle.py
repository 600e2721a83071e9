"""The life of a run: a table of transitions, and the status that follows from a log.

Rules of this file: everything that decides what may happen to a run stands here; code elsewhere
only walks the table. A step that the table lacks raises, and nothing has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar, assert_never

from attrs import evolve, frozen

from glowback_trio.errors import (
    InvalidTransitionError,
    LogError,
    NotReadyError,
    ResultUnavailableError,
    RunCancelledError,
    RunFailedError,
)
from glowback_trio.model.events import EVENT_TYPES, Event
from glowback_trio.model.instant import start_instant
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.short_repr import describe, listed

__all__ = ["INTERRUPTED", "QUEUED_PAYLOAD", "TERMINAL", "TRANSITIONS"]
__all__ += ["Headline", "State", "Status", "fold", "step", "transition"]


class State(StrEnum):
    """State of a run."""

    #: Accepted, waiting for a slot.
    QUEUED = "queued"
    #: Loading bars, simulating, or emitting events at its pace.
    RUNNING = "running"
    #: Ended with a result, which was stored before this state could be seen.
    COMPLETED = "completed"
    #: Ended by an error of its data, its strategy or its arithmetic.
    FAILED = "failed"
    #: Ended by a request to cancel it, with the reason.
    CANCELLED = "cancelled"


#: Payload of every run's first event.
QUEUED_PAYLOAD: Mapping[str, str] = {"state": State.QUEUED, "message": "Run queued"}

#: Error of a run that was running when its server ended, and was not to be computed again.
INTERRUPTED = "interrupted by restart"

TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})

_ENDS = {
    "failed": State.FAILED,
    "cancelled": State.CANCELLED,
}

#: State before -> trigger -> state after. The trigger of a state event is the state it announces,
#: that of any other event is its type. A run starts from None, by being queued.
TRANSITIONS: Mapping[State | None, Mapping[str, State]] = {
    None: {"queued": State.QUEUED},
    State.QUEUED: {"running": State.RUNNING, **_ENDS},
    State.RUNNING: {
        **{kind: State.RUNNING for kind in EVENT_TYPES if kind != "state"},
        "completed": State.COMPLETED,
        **_ENDS,
    },
    State.COMPLETED: {},
    State.FAILED: {},
    State.CANCELLED: {},
}


def step(state: State | None, trigger: str) -> State:
    """Return the state that a trigger leads to.

    Args:
        state: The state of the run; None before its first event.
        trigger: The announced state for state events, the event type for all others.

    Raises:
        InvalidTransitionError: The table has no such step.
    """
    return transition(TRANSITIONS, state, trigger)


S = TypeVar("S", bound=StrEnum)


def transition(table: Mapping[S | None, Mapping[str, S]], state: S | None, trigger: str) -> S:
    """Return the state that a trigger leads to in a table of the form of `TRANSITIONS`.

    Raises:
        InvalidTransitionError: The table has no such step.
    """
    try:
        return table[state][trigger]
    except KeyError:
        allowed = ", ".join(table[state]) or "nothing: it has ended"
        message = f"{trigger!r} cannot happen to what is {state}; what may happen: {allowed}"
        raise InvalidTransitionError(message) from None


@frozen
class Headline:
    """The metrics by which a list shows a completed run, in the units of its result.

    Attributes:
        total_return: Percent; like all of them, None where it is undefined.
        sharpe_ratio: Per year.
        max_drawdown: Percent.
        num_trades: Number of fills.
    """

    total_return: float | None
    sharpe_ratio: float | None
    max_drawdown: float | None
    num_trades: int | None

    @classmethod
    def of(cls, metrics: Mapping[str, Any]) -> Headline:
        """Return the headline of a result's metrics."""
        names = ("total_return", "sharpe_ratio", "max_drawdown", "total_trades")
        return cls(*map(metrics.get, names))


@frozen(kw_only=True, repr=False)
class Status:
    """Status of a run, as `fold` works it out from the run's log and request.

    Attributes:
        run_id: The run's id.
        state: The run's state.
        created_at: Time at which it was queued.
        strategy: Name of its strategy.
        symbols: The symbols of its request.
        progress: From 0 to 1; exactly 1.0 once completed.
        started_at: Time at which it began to run; None if it never did.
        finished_at: Time at which it ended; None before.
        error: Why it failed or was cancelled; None otherwise.
        event_count: Number of events in its log so far.
        paused: True while it is paused. A pause leaves no event, so no log says it.
        name: Its name; empty: none. Like `tags` and `note`, no log says it.
        tags: Its tags.
        note: Its note; empty: none.
        metrics: The headline of its result, which no log says either; None unless it has completed.
        pace_bars_per_s: Its pace, in bars per second; None: as fast as possible, or it has ended.
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
    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""
    metrics: Headline | None = None
    pace_bars_per_s: float | None = None

    def __repr__(self) -> str:
        what = f"{self.strategy} on {listed(self.symbols)}"
        state = "paused" if self.paused else str(self.state)
        error = {} if self.error is None else {"error": self.error}
        reached = f"{self.progress:.0%}"
        return describe(self, self.run_id, state, reached, what, events=self.event_count, **error)

    @classmethod
    def queued(cls, run_id: str, request: BacktestRequest, moment: datetime) -> Status:
        """Return the status after the first event, which announces that the run is queued.

        Args:
            run_id: The run's id.
            request: Names the strategy, the symbols and the first labels, which no event does.
            moment: Time of the event.
        """
        return cls(
            run_id=run_id,
            state=step(None, State.QUEUED),
            created_at=moment,
            strategy=request.strategy.name,
            symbols=request.symbols,
            name=request.name,
            tags=request.tags,
            note=request.note,
            pace_bars_per_s=request.stream.pace_bars_per_s,
        )

    @property
    def labels(self) -> Labels:
        """The labels that people have given to the run."""
        return Labels(name=self.name, tags=self.tags, note=self.note)

    def labelled(self, labels: Labels) -> Status:
        """Return the status with these labels."""
        return evolve(self, name=labels.name, tags=labels.tags, note=labels.note)

    @property
    def finished(self) -> bool:
        """True if the run has completed, failed or been cancelled."""
        return self.state in TERMINAL

    @property
    def result_error(self) -> ResultUnavailableError | None:
        """Error to raise where the run's result is wanted; None if it has completed."""
        match self.state:
            case State.QUEUED | State.RUNNING:
                return NotReadyError()
            case State.FAILED:
                return RunFailedError(f"Run failed: {self.error}")
            case State.CANCELLED:
                return RunCancelledError(f"Run cancelled: {self.error}")
            case State.COMPLETED:
                return None
            case never:
                assert_never(never)

    def announcing(self, state: State, moment: datetime, error: str | None = None) -> Status:
        """Return the status after one more event, which announces a change of state.

        Args:
            state: The announced state.
            moment: Time of the event.
            error: Why the run failed or was cancelled.

        Raises:
            InvalidTransitionError: The table does not lead there.
        """
        # The table comes first: if it raises, nothing has changed.
        changed = evolve(self, state=step(self.state, state), event_count=self.event_count + 1)
        if state not in TERMINAL:
            return evolve(changed, started_at=moment)
        reached = 1.0 if state is State.COMPLETED else self.progress
        changed = evolve(changed, finished_at=moment, error=error, progress=reached)
        return evolve(changed, pace_bars_per_s=None)


def fold(events: Iterable[Event], request: BacktestRequest) -> Status:
    """Work a run's status out from its log.

    Args:
        events: The log from its first event on; it may end anywhere after that one.
        request: The run's request: no event names the strategy and the symbols.

    Returns:
        The status, never paused, since a pause leaves no event, and with the request's labels.

    Raises:
        InvalidTransitionError: The lifecycle table does not allow the events.
        LogError: There is no event.
    """
    status, count = None, 0
    # Only changes of state and progress are decoded: a log may hold a hundred thousand events.
    for event in events:
        count += 1
        if status is None or event.type == "state":
            status = _after(status, event, request)
            continue
        step(status.state, event.type)
        if event.type == "progress":
            status = evolve(status, progress=event.payload["progress"])
    if status is None:
        raise LogError("law 2: a log holds at least the event that announces the queued run")
    return evolve(status, event_count=count)


def _after(status: Status | None, event: Event, request: BacktestRequest) -> Status:
    """Return the status after a state event; None stands for that of a run without events."""
    fields = event.decode()
    moment, payload = start_instant(fields["timestamp"]), fields["payload"]
    if status is not None:
        return status.announcing(State(payload["state"]), moment, payload.get("error"))
    step(None, payload["state"] if event.type == "state" else event.type)
    return Status.queued(fields["run_id"], request, moment)
