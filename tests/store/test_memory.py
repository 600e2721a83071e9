"""The store in memory: what it evicts, and when.

Doctrine: what every store does is tested in `test_conformance.py`; here are the bounds, which are
counted in runs and in bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from support.results import small_result

from glowback_trio.model.events import Event
from glowback_trio.model.request import BacktestRequest
from glowback_trio.store import MemoryStore

REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-01")


def event(number: int) -> Event:
    return Event(number, "log", b"x" * 50)


def quiet() -> None:
    pass


async def finish(store: MemoryStore, *run_ids: str) -> list[Sequence[str]]:
    evicted = []
    for run_id in run_ids:
        store.open_log(run_id, REQUEST, quiet).append(event(1))
        await store.keep_result(run_id, small_result())
        evicted.append(store.retire(run_id))
    return evicted


async def test_a_result_is_given_back_as_it_is() -> None:
    store = MemoryStore()
    kept = small_result()
    store.open_log("r", REQUEST, quiet)
    await store.keep_result("r", kept)
    assert await store.result("r") is store.result_nowait("r") is kept


async def test_the_oldest_finished_runs_leave_first_when_there_are_too_many() -> None:
    assert await finish(MemoryStore(keep_runs=2), "a", "b", "c", "d") == [[], [], ["a"], ["b"]]


async def test_the_oldest_finished_runs_leave_first_when_they_take_too_much() -> None:
    # Each run takes 480 bytes of arrays and 200 of its event.
    assert await finish(MemoryStore(keep_bytes=1400), "a", "b", "c") == [[], [], ["a"]]


async def test_the_newest_run_stays_however_large() -> None:
    assert await finish(MemoryStore(keep_bytes=1, keep_runs=0), "a", "b") == [[], ["a"]]


async def test_live_runs_do_not_count() -> None:
    store = MemoryStore(keep_runs=1)
    for run_id in ("live-1", "live-2"):
        store.open_log(run_id, REQUEST, quiet)
    assert await finish(store, "a") == [[]]
