from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from attrs import evolve

from glowback_trio.errors import InvalidTransitionError
from glowback_trio.model.lifecycle import TERMINAL, TRANSITIONS, State, Status, step

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


def fresh() -> Status:
    return Status(
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
