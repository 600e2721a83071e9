"""Optimizations in every store, held to the same promises.

Doctrine: what a store gives back is compared with what was handed to it, in the same store and,
where it survives its process, in one that was opened anew.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from attrs import evolve
from support.backends import ALL_STORES
from support.optimizations import search_request
from support.sqlite_files import inline_store, new_path

from glowback_trio.model.events import Event, encode
from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import EventLog, Store, TrialNote
from glowback_trio.wire.optimizations.results import kept_result_document

REQUEST = search_request()
MOMENT = datetime(2024, 1, 1, tzinfo=UTC)
PENDING = OptimizationStatus.pending("o", REQUEST, MOMENT)


@pytest.fixture(params=ALL_STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    made = ALL_STORES[request.param]()
    async with made.opened(make_registry()):
        yield made


@asynccontextmanager
async def reopened(store: Store) -> AsyncIterator[Store]:
    async with store.opened(make_registry()):
        yield store


def nobody() -> None:
    """Care about nothing."""


def event(number: int, kind: str = "log", payload: bytes = b"{}") -> Event:
    return encode(number, "o", kind, "2024-01-01T00:00:00.000000Z", payload)  # type: ignore[arg-type]  # any text


def opened(store: Store, optimization_id: str = "o", key: str | None = None) -> EventLog:
    shelf = store.optimizations
    shelf.open(optimization_id, REQUEST, key)
    log = shelf.open_attempt(optimization_id, 1, nobody)
    log.append(event(1, "state", b'{"state":"pending"}'))
    shelf.note_status(evolve(PENDING, optimization_id=optimization_id))
    return log


def ended(store: Store, optimization_id: str, log: EventLog) -> None:
    log.append(event(2, "state", b'{"state":"failed","error":"x"}'))
    status = evolve(PENDING, optimization_id=optimization_id, event_count=2)
    store.optimizations.note_status(
        evolve(status.announcing(OptimizationState.FAILED, MOMENT, "x"), event_count=2)
    )


async def test_an_optimization_is_given_back_as_it_was(store: Store) -> None:
    log = opened(store)
    trial = Trial(trial_number=1, status="completed", parameters={"x": 1.5}, objective=0.1)
    log.append(event(2))
    store.optimizations.note_status(evolve(PENDING, best_trial=trial, trials_completed=1))
    store.optimizations.note_pause("o", paused=True)
    await store.flush()
    kept = await store.optimizations.reopen("o")
    assert kept.request == REQUEST
    expected = evolve(PENDING, best_trial=trial, trials_completed=1, event_count=2, paused=True)
    assert kept.statuses == [expected]
    again = await store.optimizations.reopen_attempt("o", 1, nobody)
    assert [each.event_id for each in await again.read(0, 10)] == [1, 2]


async def test_attempts_have_logs_of_their_own(store: Store) -> None:
    ended(store, "o", opened(store))
    second = store.optimizations.open_attempt("o", 2, nobody)
    second.append(event(1, "state", b'{"state":"pending"}'))
    store.optimizations.note_status(evolve(PENDING, attempt=2))
    await store.flush()
    kept = await store.optimizations.reopen("o")
    assert [each.attempt for each in kept.statuses] == [1, 2]
    assert [each.event_count for each in kept.statuses] == [2, 1]
    assert list(await store.optimizations.resident_ids()) == ["o"]


async def test_notes_on_trials_are_given_back_by_number(store: Store) -> None:
    opened(store)
    store.optimizations.note_trials("o", [TrialNote(2, 0.5, b"two"), TrialNote(3, 0.25)])
    store.optimizations.note_trials("o", [TrialNote(1, 1.5, b"one")])
    await store.flush()
    notes = await store.optimizations.notes("o")
    assert notes == [TrialNote(1, 1.5, b"one"), TrialNote(2, 0.5, b"two"), TrialNote(3, 0.25)]


async def test_the_newest_result_is_given_back(store: Store) -> None:
    opened(store)
    await store.flush()
    assert await store.optimizations.result("o") is None
    trial = Trial(trial_number=1, status="completed", parameters={"x": ("A", "B")}, objective=0.1)
    result = OptimizationResult(
        optimization_id="o",
        state=OptimizationState.COMPLETED,
        best_trial=trial,
        trials=[trial],
        front=(1,),
        replay_backtest={"a": 1},
        diagnostics={"pbo": 0.1},
        validation={},
        manifest=None,
        kept_runs=("r",),
        attempt=2,
    )
    await store.optimizations.keep_result(evolve(result, attempt=1))
    await store.optimizations.keep_result(result)
    found = await store.optimizations.result("o")
    assert found is not None
    assert kept_result_document(found) == kept_result_document(result)


async def test_a_key_finds_the_newest_that_has_it(store: Store) -> None:
    opened(store, "a", "key")
    opened(store, "b", "key")
    await store.flush()
    assert await store.optimizations.find_key("key") == "b"
    assert await store.optimizations.find_key("other") is None
    assert list(await store.optimizations.ids()) == ["a", "b"]


async def test_what_was_forgotten_is_found_by_nothing(store: Store) -> None:
    log = opened(store, key="key")
    await store.flush()
    store.optimizations.forget("o")
    store.optimizations.note_status(PENDING)
    store.optimizations.note_pause("o", paused=True)
    store.optimizations.note_trials("o", [TrialNote(1, 1.0)])
    assert list(await store.optimizations.ids()) == []
    with pytest.raises(UnknownOptimizationError):
        await store.optimizations.reopen("o")
    await store.flush()
    assert await store.optimizations.find_key("key") is None
    assert log.watermark == 1
    opened(store)
    await store.flush()
    assert list(await store.optimizations.ids()) == ["o"]


async def test_a_file_gives_all_back_to_the_next_process() -> None:
    path = new_path()
    first = inline_store(path)
    async with reopened(first):
        ended(first, "a", opened(first, "a"))
        opened(first, "b")
        first.optimizations.note_trials("b", [TrialNote(1, 1.0, b"x")])
    async with reopened(inline_store(path)) as second:
        assert list(await second.optimizations.resident_ids()) == ["b"]
        found = await second.optimizations.statuses(None, 10)
        assert found is not None
        assert [(each.optimization_id, str(each.state)) for each in found] == [
            ("b", "pending"),
            ("a", "failed"),
        ]
        older = await second.optimizations.statuses("b", 10)
        assert older is not None
        assert [each.optimization_id for each in older] == ["a"]
        with pytest.raises(UnknownOptimizationError):
            await second.optimizations.statuses("c", 10)
        # Attempts and runs are numbered together.
        opened(second, "c")


async def test_a_file_lets_finished_ones_go_by_its_rules() -> None:
    store = inline_store()
    store.keep_runs = 1
    async with reopened(store):
        pass
    async with reopened(inline_store(store.path)) as kept:
        for name in "abc":
            ended(kept, name, opened(kept, name))
        opened(kept, "d")
        await kept.flush()
        assert list(await kept.optimizations.expired(MOMENT)) == []
    counted = type(store)(store.path, keep_runs=1, call_in_thread=store._call, commit_interval_s=0)
    async with reopened(counted):
        assert list(await counted.optimizations.expired(MOMENT)) == ["a", "b"]
    aged = type(store)(store.path, keep_days=1, call_in_thread=store._call, commit_interval_s=0)
    async with reopened(aged):
        assert list(await aged.optimizations.expired(MOMENT)) == []
        later = MOMENT + timedelta(days=2)
        assert list(await aged.optimizations.expired(later)) == ["a", "b", "c"]
