"""What every store must do, whatever it keeps its runs in.

Doctrine: each test is run on every store that the package has (`MemoryStore`, `SqliteStore`,
`PostgresStore`), and on doubles that keep bytes only, write late, or let events leave memory. A
store is held to what can be seen through its protocol: how it keeps things is not tested. Where a
store may write late, a test waits until all tasks are blocked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from support.backends import ALL_STORES, in_virtual_time
from support.results import plain, small_result
from trio.testing import wait_all_tasks_blocked

from glowback_trio import BacktestRequest, Event, MaCrossover
from glowback_trio.errors import RunExistsError, StoreError, UnknownRunError
from glowback_trio.model.events import EVENT_TYPES, EventType, encode
from glowback_trio.model.instant import stamp
from glowback_trio.model.labelling.labels import Labels
from glowback_trio.model.lifecycle import Headline, State, fold
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import EventLog, RunFilter, Store
from glowback_trio.wire.json_text import dumps

REQUEST = BacktestRequest(
    symbols=["A", "B"],
    start_date="2024-01-01",
    end_date="2024-02-01",
    strategy=MaCrossover(short_period=3, long_period=8),
)


@pytest.fixture(params=ALL_STORES)
def closed_store(request: pytest.FixtureRequest) -> Store:
    return ALL_STORES[request.param]()


@pytest.fixture
async def store(closed_store: Store) -> AsyncIterator[Store]:
    async with closed_store.opened(make_registry()):
        yield closed_store


def quiet() -> None:
    pass


def event(number: int, kind: EventType, payload: object, run_id: str = "r") -> Event:
    moment = datetime(2024, 1, 1, 0, 0, number % 60, tzinfo=UTC)
    return encode(number, run_id, kind, stamp(moment), dumps(payload))


def life(run_id: str = "r") -> list[Event]:
    """A short run's log, as far as a store cares."""
    return [
        event(1, "state", {"state": "queued"}, run_id),
        event(2, "state", {"state": "running", "error": None}, run_id),
        event(3, "progress", {"progress": 0.25}, run_id),
        event(4, "log", {"message": "half-way"}, run_id),
        event(5, "state", {"state": "failed", "error": "no bars"}, run_id),
    ]


async def written(store: Store, run_id: str = "r", events: int = 5) -> EventLog:
    log = store.open_log(run_id, REQUEST, quiet)
    for each in life(run_id)[:events]:
        log.append(each)
    await wait_all_tasks_blocked()
    return log


async def test_a_log_gives_back_what_it_took_from_any_cursor(store: Store) -> None:
    log = await written(store)
    assert log.watermark == 5
    for after in range(6):
        for limit in range(1, 7):
            assert list(await log.read(after, limit)) == life()[after : after + limit]


async def test_what_is_in_memory_begins_right_after_the_cursor(store: Store) -> None:
    log = await written(store)
    for after in range(6):
        at_hand = list(log.read_nowait(after, 3))
        assert at_hand in ([], life()[after : after + 3])
    assert log.read_nowait(4, 3), "the newest event is in memory"


async def test_events_of_some_types_are_found_from_any_cursor(store: Store) -> None:
    log = await written(store)
    choices: list[set[EventType]] = [{"state"}, {"log", "progress"}, {"order"}, set(EVENT_TYPES)]
    for types in choices:
        for after in range(6):
            wanted = [each for each in life()[after:] if each.type in types]
            for limit in range(1, 7):
                found, until = list[Event](), after
                while until < log.watermark and len(found) < limit:
                    some, moved = await log.select(until, limit - len(found), types)
                    assert moved > until
                    assert not some or some[-1].event_id <= moved
                    found, until = [*found, *some], moved
                assert found == wanted[:limit]
    assert await log.select(5, 3, {"state"}) == ([], 5)


async def test_events_of_some_types_in_memory_are_all_there_are_up_to_an_id(store: Store) -> None:
    log = await written(store)
    for after in range(6):
        found, until = log.select_nowait(after, 2, {"state"})
        wanted = [each for each in life()[after:until] if each.type == "state"]
        assert list(found) == wanted
        assert len(found) <= 2
    assert log.select_nowait(4, 3, {"state"}) == (life()[4:], 5), "the newest event is in memory"


async def test_an_event_is_readable_when_the_log_says_that_it_is_durable(store: Store) -> None:
    seen: list[int] = []

    def look() -> None:
        seen.append(log.watermark)
        assert log.read_nowait(log.watermark - 1, 10)[-1].event_id == log.watermark

    log = store.open_log("r", REQUEST, lambda: look() if opened else None)
    opened = True
    for each in life():
        log.append(each)
        assert len(await log.read(0, 10)) == log.watermark <= each.event_id
    await wait_all_tasks_blocked()
    assert seen == sorted(set(seen))
    assert seen[-1] == 5


async def test_runs_are_named_in_the_order_in_which_they_were_opened(store: Store) -> None:
    for run_id in ("c", "a", "b"):
        store.open_log(run_id, REQUEST, quiet)
    assert list(await store.run_ids()) == ["c", "a", "b"]
    store.forget("a")
    assert list(await store.run_ids()) == ["c", "b"]


@pytest.mark.parametrize("events", range(1, 6))
async def test_a_reopened_run_is_what_was_kept(store: Store, events: int) -> None:
    await written(store, "other")
    await written(store, "r", events)
    stored = await store.reopen("r", quiet)
    assert stored.request == REQUEST
    assert stored.log.watermark == events
    log = await stored.log.read(0, 10)
    assert list(log) == life()[:events]
    assert stored.status == fold(log, REQUEST)


async def test_a_completed_run_has_the_headline_of_its_result(store: Store) -> None:
    metrics = {"total_return": 12.5, "sharpe_ratio": None, "max_drawdown": 3.25}
    result = evolve(small_result(), metrics={**metrics, "total_trades": 7, "cagr": 1.0})
    log = await written(store, "r", 3)
    await store.keep_result("r", result)
    assert (await store.reopen("r", quiet)).status.metrics is None, "it has not completed"
    log.append(event(4, "state", {"state": "completed", "error": None}))
    await wait_all_tasks_blocked()
    headline = Headline(total_return=12.5, sharpe_ratio=None, max_drawdown=3.25, num_trades=7)
    status = (await store.reopen("r", quiet)).status
    assert (status.state, status.metrics) == (State.COMPLETED, headline)
    listed = await store.statuses(RunFilter(), None, 9)
    assert listed is None or list(listed) == [status]
    other = [*life("foreign")[:3], event(4, "state", {"state": "completed"}, "foreign")]
    await store.import_run("foreign", REQUEST, other, result)
    assert (await store.reopen("foreign", quiet)).status.metrics == headline


async def test_a_reopened_log_goes_on_and_rings(store: Store) -> None:
    await written(store, "r", 4)
    rung: list[int] = []
    stored = await store.reopen("r", lambda: rung.append(stored.log.watermark))
    stored.log.append(life()[4])
    await wait_all_tasks_blocked()
    assert rung == [5]
    assert list(await stored.log.read(3, 10)) == life()[3:]
    assert (await store.reopen("r", quiet)).status.state is State.FAILED


async def test_a_run_begins_with_the_labels_of_its_request(store: Store) -> None:
    request = evolve(REQUEST, name="First", tags=["a", "b"], note="two\nlines")
    store.open_log("r", request, quiet).append(life()[0])
    await store.flush()
    assert (await store.reopen("r", quiet)).status.labels == request.labels


async def test_labels_are_kept_in_place_of_earlier_ones(store: Store) -> None:
    await written(store, "other")
    await written(store)
    for labels in (Labels(name="x", tags=["b", "a"], note="n"), Labels(tags=["a"]), Labels()):
        store.label("r", labels)
        await store.flush()
        stored = await store.reopen("r", quiet)
        assert stored.status.labels == labels
        assert stored.request == REQUEST
    assert (await store.reopen("other", quiet)).status.labels == Labels()


async def test_the_labels_of_an_unknown_run_are_no_error(store: Store) -> None:
    await written(store)
    store.forget("r")
    for run_id in ("r", "never"):
        store.label(run_id, Labels(tags=["a"]))
        await store.flush()
        with pytest.raises(UnknownRunError):
            await store.reopen(run_id, quiet)


async def test_a_result_is_kept_until_its_run_is_forgotten(store: Store) -> None:
    kept = small_result()
    await written(store)
    await store.keep_result("r", kept)
    assert plain(await store.result("r")) == plain(kept)
    at_hand = store.result_nowait("r")
    assert at_hand is None or plain(at_hand) == plain(kept)
    store.forget("r")
    with pytest.raises(UnknownRunError):
        await store.result("r")


async def test_what_was_never_kept_is_unknown(store: Store) -> None:
    await written(store, "without a result")
    for run_id in ("never opened", "without a result"):
        with pytest.raises(UnknownRunError):
            await store.result(run_id)
    with pytest.raises(UnknownRunError):
        await store.reopen("never opened", quiet)
    assert list(store.retire("never opened")) == []
    store.forget("never opened")


async def test_a_run_forgotten_while_it_ran_leaves_nothing(store: Store) -> None:
    log = await written(store, events=1)
    store.forget("r")
    log.append(life()[1])
    await store.keep_result("r", small_result())
    await wait_all_tasks_blocked()
    assert list(store.retire("r")) == list(await store.run_ids()) == []
    with pytest.raises(UnknownRunError):
        await store.result("r")
    assert list(await log.read(0, 10)) == life()[:2], "those who still read it can"


async def test_a_run_is_retired_as_often_as_one_likes(store: Store) -> None:
    await written(store)
    assert [list(store.retire("r")) for _ in range(3)] == [[], [], []]
    assert list(await store.run_ids()) == ["r"]


async def test_a_store_is_open_in_one_gateway_at_a_time(closed_store: Store) -> None:
    registry = make_registry()
    for _ in range(2):
        async with closed_store.opened(registry):
            with pytest.raises(StoreError, match="open in another gateway"):
                async with closed_store.opened(registry):
                    pytest.fail("it was opened twice")


async def test_an_error_of_the_block_leaves_the_store_bare_and_closed(closed_store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        async with closed_store.opened(make_registry()):
            raise ZeroDivisionError
    async with closed_store.opened(make_registry()):
        pass


async def test_what_was_handed_over_is_durable_when_the_store_is_closed(
    closed_store: Store,
) -> None:
    async with closed_store.opened(make_registry()):
        log = closed_store.open_log("r", REQUEST, quiet)
        for each in life():
            log.append(each)
    assert log.watermark == 5
    async with closed_store.opened(make_registry()):
        stored = await closed_store.reopen("r", quiet)
        assert list(await stored.log.read(0, 10)) == life()


@given(
    name=st.sampled_from(sorted(ALL_STORES)),
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6), st.integers(1, 4))),
)
def test_logs_beside_each_other_are_lists(name: str, steps: list[tuple[str, int, int]]) -> None:
    """Append to either of two logs, and read it from anywhere: a list has the same."""

    async def scenario() -> None:
        store = ALL_STORES[name]()
        async with store.opened(make_registry()):
            logs = {run_id: store.open_log(run_id, REQUEST, quiet) for run_id in "ab"}
            lists: dict[str, list[Event]] = {"a": [], "b": []}
            for run_id, after, limit in steps:
                log, listed = logs[run_id], lists[run_id]
                listed.append(event(len(listed) + 1, "log", {"after": after}, run_id))
                log.append(listed[-1])
                await wait_all_tasks_blocked()
                assert list(await log.read(after, limit)) == listed[after : after + limit]

    in_virtual_time(scenario)


async def test_a_run_of_another_store_is_kept_whole_and_as_the_newest(store: Store) -> None:
    await written(store, "own")
    await store.import_run("foreign", REQUEST, life("foreign"), small_result())
    assert list(await store.run_ids()) == ["own", "foreign"]
    stored = await store.reopen("foreign", quiet)
    assert list(await stored.log.read(0, 10)) == life("foreign")
    assert stored.status == fold(life("foreign"), REQUEST)
    assert plain(await store.result("foreign")) == plain(small_result())


async def test_a_run_whose_id_is_taken_is_not_imported(store: Store) -> None:
    await written(store, "own")
    with pytest.raises(RunExistsError, match="own"):
        await store.import_run("own", REQUEST, life("own"), None)
    store.forget("own")
    await store.import_run("own", REQUEST, life("own")[:], None)
    assert (await store.reopen("own", quiet)).status.finished
