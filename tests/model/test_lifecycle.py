"""The life of a run: the table of transitions, the status, and the fold of a log into one.

Doctrine: the table is written out a second time by hand, and every pair of state and trigger is
tried. That the status of a real run is the fold of its log is tested in `tests/actors`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from attrs import evolve

from glowback_trio.errors import (
    InvalidTransitionError,
    LogError,
    NotReadyError,
    RunCancelledError,
    RunFailedError,
)
from glowback_trio.model.events import EVENT_TYPES, Event, EventType, encode
from glowback_trio.model.instant import stamp
from glowback_trio.model.lifecycle import TERMINAL, TRANSITIONS, State, Status, fold, step
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.strategies.parameters import Rsi
from glowback_trio.wire.json_text import dumps

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)

TRIGGERS = (
    "queued",
    "running",
    "completed",
    "failed",
    "cancelled",
    "progress",
    "metric",
    "trade",
    "order",
    "log",
)

# The whole table, written out a second time by hand: what may happen, and where it leads.
ALLOWED = {
    (None, "queued"): State.QUEUED,
    (State.QUEUED, "running"): State.RUNNING,
    (State.QUEUED, "failed"): State.FAILED,
    (State.QUEUED, "cancelled"): State.CANCELLED,
    (State.RUNNING, "progress"): State.RUNNING,
    (State.RUNNING, "metric"): State.RUNNING,
    (State.RUNNING, "trade"): State.RUNNING,
    (State.RUNNING, "order"): State.RUNNING,
    (State.RUNNING, "log"): State.RUNNING,
    (State.RUNNING, "completed"): State.COMPLETED,
    (State.RUNNING, "failed"): State.FAILED,
    (State.RUNNING, "cancelled"): State.CANCELLED,
}


@pytest.mark.parametrize(("state", "trigger"), list(product((None, *State), TRIGGERS)))
def test_the_table_allows_these_steps_and_no_others(state: State | None, trigger: str) -> None:
    if (state, trigger) in ALLOWED:
        assert step(state, trigger) is ALLOWED[state, trigger]
    else:
        with pytest.raises(InvalidTransitionError, match=trigger):
            step(state, trigger)


def test_every_state_has_a_row_and_only_the_ends_lead_nowhere() -> None:
    assert set(TRANSITIONS) == {None, *State}
    assert {state for state, row in TRANSITIONS.items() if not row} == TERMINAL


def test_every_event_type_but_state_is_a_trigger_of_its_name() -> None:
    assert {"state", *TRIGGERS} - set(State) == set(EVENT_TYPES)


REQUEST = BacktestRequest(
    symbols=["AAPL"], start_date="2024-01-01", end_date="2024-02-01", strategy=Rsi()
)


def fresh() -> Status:
    return Status.queued("r", REQUEST, NOON)


def test_a_queued_status_takes_strategy_and_symbols_from_the_request() -> None:
    assert fresh() == Status(
        run_id="r", state=State.QUEUED, created_at=NOON, strategy="rsi", symbols=("AAPL",)
    )


def test_a_status_follows_a_run_to_its_end() -> None:
    later = NOON + timedelta(seconds=1)
    running = evolve(fresh().announcing(State.RUNNING, NOON), progress=0.5, event_count=4)
    assert (running.started_at, running.finished) == (NOON, False)
    ended = running.announcing(State.COMPLETED, later)
    assert ended.finished
    assert (ended.progress, ended.finished_at, ended.error) == (1.0, later, None)
    assert ended.event_count == 5


def test_progress_stays_where_it_was_when_a_run_fails() -> None:
    running = evolve(fresh().announcing(State.RUNNING, NOON), progress=0.25)
    ended = running.announcing(State.FAILED, NOON, "no bars")
    assert (ended.progress, ended.error) == (0.25, "no bars")


def test_a_status_refuses_what_the_table_refuses() -> None:
    ended = fresh().announcing(State.CANCELLED, NOON, "why")
    with pytest.raises(InvalidTransitionError, match="it has ended"):
        ended.announcing(State.RUNNING, NOON)
    with pytest.raises(InvalidTransitionError):
        fresh().announcing(State.COMPLETED, NOON)


@pytest.mark.parametrize(
    ("state", "error", "sentence"),
    [
        (State.QUEUED, NotReadyError, "Results not ready"),
        (State.RUNNING, NotReadyError, "Results not ready"),
        (State.FAILED, RunFailedError, "Run failed: why"),
        (State.CANCELLED, RunCancelledError, "Run cancelled: why"),
    ],
)
def test_a_status_without_a_result_has_the_error_that_says_so(
    state: State, error: type[Exception], sentence: str
) -> None:
    found = evolve(fresh(), state=state, error="why").result_error
    assert type(found) is error
    assert str(found) == sentence


def test_a_completed_status_has_no_error() -> None:
    assert evolve(fresh(), state=State.COMPLETED).result_error is None


def log_of(*events: tuple[EventType, dict[str, object]]) -> list[Event]:
    """Number the events and date them a second apart."""
    moments = [stamp(NOON + timedelta(seconds=second)) for second in range(len(events))]
    return [
        encode(number, "r", kind, moment, dumps(payload))
        for number, ((kind, payload), moment) in enumerate(
            zip(events, moments, strict=True), start=1
        )
    ]


LOG = log_of(
    ("state", {"state": "queued", "message": "Run queued"}),
    ("state", {"state": "running", "error": None}),
    ("metric", {"value": 1.0}),
    ("progress", {"progress": 0.5}),
    ("trade", {}),
    ("state", {"state": "failed", "error": "no bars"}),
)


def test_a_log_folds_into_the_status_at_each_of_its_events() -> None:
    started, ended = NOON + timedelta(seconds=1), NOON + timedelta(seconds=5)
    running = evolve(fresh(), state=State.RUNNING, started_at=started)
    assert [fold(LOG[:count], REQUEST) for count in range(1, 7)] == [
        fresh(),
        evolve(running, event_count=2),
        evolve(running, event_count=3),
        evolve(running, event_count=4, progress=0.5),
        evolve(running, event_count=5, progress=0.5),
        evolve(
            running,
            state=State.FAILED,
            event_count=6,
            progress=0.5,
            finished_at=ended,
            error="no bars",
        ),
    ]


@pytest.mark.parametrize(
    "log", [LOG[1:], [LOG[0], LOG[2]], [*LOG, LOG[1]], [*LOG, LOG[2]], LOG[2:3], LOG[:1] * 2]
)
def test_a_log_that_the_table_does_not_allow_folds_into_nothing(log: list[Event]) -> None:
    with pytest.raises(InvalidTransitionError):
        fold(log, REQUEST)


def test_an_empty_log_folds_into_nothing() -> None:
    with pytest.raises(LogError, match="law 2"):
        fold([], REQUEST)
