from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from glowback_trio.errors import UnknownRunError
from glowback_trio.model.events import Event
from glowback_trio.model.request import BacktestRequest
from glowback_trio.model.result import Curve, Fills, OrderLog, Result
from glowback_trio.store import EventLog, MemoryStore

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")


def result(rows: int = 10) -> Result:
    """A result with `rows` bars and nothing traded: 40 bytes a bar."""
    time = np.zeros(rows, "datetime64[ns]")
    none, index = np.zeros(0), np.zeros(0, np.int64)
    return Result(
        metrics={},
        curve=Curve(1.0, time, *np.zeros((4, rows))),
        trades=Fills(("A",), "s", time[:0], index, none, none, none, none, none, index),
        orders=OrderLog(index, time[:0], index, index, none, none),
        logs=(),
        final_cash=1.0,
        final_positions={},
        final_prices={},
        manifest={},
    )


def event(number: int) -> Event:
    return Event(number, "log", b"x" * 50)


def quiet() -> None:
    pass


async def finish(store: MemoryStore, *run_ids: str) -> list[Sequence[str]]:
    evicted = []
    for run_id in run_ids:
        store.open_log(run_id, REQUEST, quiet).append(event(1))
        await store.keep_result(run_id, result())
        evicted.append(store.retire(run_id))
    return evicted


def ids(log: EventLog, after: int, limit: int) -> list[int]:
    return [entry.event_id for entry in log.read_nowait(after, limit)]


def test_a_log_gives_back_what_it_took_from_any_cursor() -> None:
    log = MemoryStore().open_log("r", REQUEST, quiet)
    for number in range(1, 6):
        log.append(event(number))
    assert log.watermark == 5
    assert ids(log, 0, 100) == [1, 2, 3, 4, 5]
    assert ids(log, 2, 2) == [3, 4]
    assert ids(log, 5, 10) == []


def test_an_event_is_readable_when_the_log_says_that_it_is_durable() -> None:
    seen: list[int] = []
    log = MemoryStore().open_log("r", REQUEST, lambda: seen.append(log.watermark))
    log.append(event(1))
    log.append(event(2))
    assert seen == [1, 2]


async def test_a_result_is_kept_until_its_run_is_forgotten() -> None:
    store = MemoryStore()
    kept = result()
    store.open_log("r", REQUEST, quiet)
    await store.keep_result("r", kept)
    assert await store.result("r") is store.result_nowait("r") is kept
    store.forget("r")
    with pytest.raises(UnknownRunError):
        await store.result("r")


async def test_a_run_forgotten_while_it_ran_leaves_nothing() -> None:
    store = MemoryStore()
    log = store.open_log("r", REQUEST, quiet)
    store.forget("r")
    log.append(event(1))
    await store.keep_result("r", result())
    assert store.retire("r") == ()
    with pytest.raises(UnknownRunError):
        await store.result("r")
    assert ids(log, 0, 10) == [1], "those who still read it can"


async def test_the_oldest_finished_runs_leave_first_when_there_are_too_many() -> None:
    assert await finish(MemoryStore(keep_runs=2), "a", "b", "c", "d") == [[], [], ["a"], ["b"]]


async def test_the_oldest_finished_runs_leave_first_when_they_take_too_much() -> None:
    # Each run takes 400 bytes of arrays and 200 of its event.
    assert await finish(MemoryStore(keep_bytes=1300), "a", "b", "c") == [[], [], ["a"]]


async def test_the_newest_run_stays_however_large() -> None:
    assert await finish(MemoryStore(keep_bytes=1, keep_runs=0), "a", "b") == [[], ["a"]]


async def test_live_runs_do_not_count() -> None:
    store = MemoryStore(keep_runs=1)
    for run_id in ("live-1", "live-2"):
        store.open_log(run_id, REQUEST, quiet)
    assert await finish(store, "a") == [[]]
