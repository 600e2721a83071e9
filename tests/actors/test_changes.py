"""The changes of a gateway: of each run and optimization the newest, and nothing twice.

Rule: whoever follows the changes and takes each as what has become of its run knows in the end what
the lists say. Time is virtual.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import trio
from attrs import evolve
from support.backends import SERVED_STORES
from support.optimizations import search_request
from trio.testing import MockClock

from glowback_trio import BacktestRequest, InlineCompute, MemoryStore, Stream, open_gateway
from glowback_trio.actors import ChangeLog, ChangeSubscription, Gateway
from glowback_trio.actors.changes.change_log import AT_RESET, Sight
from glowback_trio.actors.changes.noting import Changes
from glowback_trio.errors import GatewayClosedError, StoreError
from glowback_trio.model.instant import utc_now
from glowback_trio.store import Store
from glowback_trio.wire.changes import Change
from glowback_trio.wire.statuses import status_document

PACED = Stream(metrics_every=1, progress_steps=20, pace_bars_per_s=10.0)
REQUEST = BacktestRequest(symbols=["A"], start_date="2024-01-01", end_date="2024-02-15")


@pytest.fixture(params=SERVED_STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return SERVED_STORES[request.param]()


def opened(store: Store, **more: Any) -> Any:
    return open_gateway(store=store, compute=InlineCompute(), **more)


class List:
    """A list of runs as somebody keeps it who follows changes."""

    def __init__(self, changes: ChangeSubscription) -> None:
        self.changes, self.seen = changes, list[Change]()
        self.runs: dict[str, Mapping[str, Any]] = {}
        self.optimizations: dict[str, Mapping[str, Any]] = {}
        # From here on it knows of everything.
        self.take(*changes.read_nowait())

    def take(self, *changes: Change) -> None:
        for change in changes:
            self.seen.append(change)
            payload = change.payload
            match change.type:
                case "run":
                    self.runs[payload["run_id"]] = payload
                case "run_deleted":
                    self.runs.pop(payload["run_id"], None)
                case "optimization":
                    self.optimizations[payload["optimization_id"]] = payload
                case "optimization_deleted":
                    self.optimizations.pop(payload["optimization_id"], None)
                case "reset":
                    self.runs.clear()

    async def settle(self) -> None:
        """Take what there is, until nothing has come for a second."""
        while True:
            with trio.move_on_after(1) as waiting:
                self.take(*await self.changes.read())
            if waiting.cancelled_caught:
                return


async def listed(gateway: Gateway) -> dict[str, Any]:
    statuses = await gateway.statuses(limit=200)
    return {status.run_id: status_document(status) for status in statuses}


async def test_who_follows_knows_what_the_list_says(
    store: Store, autojump_clock: MockClock
) -> None:
    async with opened(store, max_running=4) as gateway:
        follower = List(gateway.changes())
        runs = [gateway.submit(evolve(REQUEST, stream=PACED)) for _ in range(5)]
        await trio.sleep(1)
        runs[0].pause()
        runs[1].cancel("enough")
        await runs[2].label(name="new", tags=["x"])
        await trio.sleep(1)
        gateway.delete(runs[3].run_id)
        await follower.settle()
        assert follower.runs[runs[0].run_id]["paused"]
        assert follower.runs[runs[2].run_id]["name"] == "new"
        runs[0].resume()
        await gateway.wait_idle()
        await follower.settle()
        expected = await listed(gateway)
        assert follower.runs == expected
        assert len(expected) == 4
        assert follower.runs[runs[2].run_id]["metrics"] is not None
        ids = [change.event_id for change in follower.seen]
        assert ids == sorted(set(ids))
        assert follower.seen[0].type == "reset"


async def test_progress_is_told_four_times_a_second_at_most(autojump_clock: MockClock) -> None:
    async with opened(MemoryStore()) as gateway:
        follower = List(gateway.changes())
        stream = Stream(metrics_every=1, progress_steps=100, pace_bars_per_s=100.0)
        request = evolve(REQUEST, resolution="hour", stream=stream)
        run = gateway.submit(request)
        began = trio.current_time()
        while not run.finished:
            await follower.settle()
        seconds = trio.current_time() - began
        events = run.status.event_count
        told = [change for change in follower.seen if change.type == "run"]
        assert 2 < len(told) <= 4 * seconds + 2 < events
        assert follower.runs == await listed(gateway)


async def test_who_reads_late_gets_the_newest_state_only(autojump_clock: MockClock) -> None:
    async with opened(MemoryStore()) as gateway:
        changes = gateway.changes()
        changes.read_nowait()
        run = gateway.submit(evolve(REQUEST, stream=PACED))
        await run.wait_finished()
        await trio.sleep(1)
        (change,) = changes.read_nowait()
        assert change.payload["state"] == "completed"
        assert changes.read_nowait() == []


async def test_a_cursor_goes_on_where_it_was(autojump_clock: MockClock) -> None:
    async with opened(MemoryStore()) as gateway:
        first = gateway.submit(REQUEST)
        await first.wait_finished()
        await trio.sleep(1)
        changes = gateway.changes()
        (reset,) = changes.read_nowait()
        assert (reset.type, reset.payload["epoch"]) == ("reset", changes.epoch)
        second = gateway.submit(REQUEST)
        await second.wait_finished()
        await trio.sleep(1)
        again = gateway.changes(changes.cursor, changes.epoch)
        (change,) = again.read_nowait()
        assert change.payload["run_id"] == second.run_id
        for after, epoch in ((changes.cursor, "other"), (10**9, changes.epoch), (None, None)):
            (change,) = gateway.changes(after, epoch).read_nowait()
            assert change.type == "reset"


async def test_a_gateway_has_an_epoch_of_its_own(store: Store, autojump_clock: MockClock) -> None:
    async with opened(store) as gateway:
        changes = gateway.changes()
        await gateway.submit(REQUEST).wait_finished()
    async with opened(store) as gateway:
        (reset,) = gateway.changes(0, changes.epoch).read_nowait()
        assert reset.type == "reset"


async def test_what_is_restored_and_goes_on_is_told(autojump_clock: MockClock) -> None:
    store = SERVED_STORES["sqlite"]()
    async with opened(store) as gateway:
        going_on = gateway.submit(evolve(REQUEST, stream=PACED, on_restart="rerun")).run_id
        await trio.sleep(1)
    async with opened(store) as gateway:
        follower = List(gateway.changes())
        await gateway.wait_idle()
        await follower.settle()
        assert follower.runs[going_on]["state"] == "completed"


async def test_runs_that_leave_a_store_in_memory_are_deleted(autojump_clock: MockClock) -> None:
    async with opened(MemoryStore(keep_runs=3)) as gateway:
        follower = List(gateway.changes())
        for _ in range(8):
            await gateway.submit(REQUEST).wait_finished()
        await follower.settle()
        assert follower.runs == await listed(gateway)
        assert len(follower.runs) == 3


async def test_optimizations_are_told_too(autojump_clock: MockClock) -> None:
    async with opened(MemoryStore()) as gateway:
        follower = List(gateway.changes(types=["optimization", "optimization_deleted"]))
        optimization = gateway.optimize(search_request(max_trials=4))
        await optimization.wait_finished()
        await follower.settle()
        told = follower.optimizations[optimization.optimization_id]
        assert (told["state"], told["trials_completed"]) == ("completed", 4)
        assert not follower.runs
        gateway.delete_optimization(optimization.optimization_id)
        await follower.settle()
        assert not follower.optimizations
        assert follower.seen[-1].type == "optimization_deleted"


async def test_thousands_of_runs_that_go_on_are_one_look(autojump_clock: MockClock) -> None:
    stream = Stream(metrics_every=1, progress_steps=100, pace_bars_per_s=0.5)
    async with opened(MemoryStore(), max_live_runs=400, max_queued=400) as gateway:
        follower = List(gateway.changes())
        runs = [gateway.submit(evolve(REQUEST, stream=stream)) for _ in range(300)]
        await trio.sleep(5)
        await follower.settle()
        assert len(follower.runs) == 300
        for run in runs:
            run.cancel("enough")
        await gateway.wait_idle()
        await follower.settle()
        assert follower.runs == await listed(gateway) | {
            run.run_id: follower.runs[run.run_id] for run in runs[:100]
        }
        assert {status["state"] for status in follower.runs.values()} == {"cancelled"}


async def test_readers_learn_that_the_gateway_closes(autojump_clock: MockClock) -> None:
    async with opened(MemoryStore()) as gateway:
        changes = gateway.changes()
        await changes.read()
        gateway.close("enough")
        with pytest.raises(GatewayClosedError):
            await changes.read()


async def test_what_the_store_cannot_tell_at_the_moment_is_looked_at_again(
    autojump_clock: MockClock,
) -> None:
    answers = [StoreError("The database is away") for _ in range(3)]

    async def lookup(name: str) -> Sight:
        if answers:
            raise answers.pop()
        return Sight(1, lambda: {"run_id": name})

    changes = Changes(ChangeLog(utc_now, "epoch"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(changes.note_for_ever, {"run": lookup})
        changes.touch(("run", "a"))
        with trio.fail_after(10):
            await changes.log.bell.wait()
        ((change,), _) = changes.log.read(0, 10)
        assert change.payload == {"run_id": "a"}
        changes.close()


async def test_what_is_deleted_while_the_store_is_away_is_not_looked_at_again(
    autojump_clock: MockClock,
) -> None:
    asked: list[str] = []

    async def lookup(name: str) -> Sight:
        asked.append(name)
        changes.delete(("run", name))
        raise StoreError("The database is away")

    changes = Changes(ChangeLog(utc_now, "epoch"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(changes.note_for_ever, {"run": lookup})
        changes.touch(("run", "a"))
        await trio.sleep(10)
        assert asked == ["a"]
        changes.close()


def noted(log: ChangeLog, name: str, value: int) -> None:
    log.note(("run", name), Sight(value, lambda: {"run_id": name, "value": value}))


def test_a_log_keeps_the_newest_of_each_in_their_order() -> None:
    log = ChangeLog(utc_now, "e")
    for step in range(3):
        for name in "ab":
            noted(log, name, step)
    noted(log, "b", 2)  # known already
    changes, after = log.read(0, 10)
    assert [(each.event_id, each.payload["value"]) for each in changes] == [(5, 2), (6, 2)]
    assert after == log.revision == 6
    some, after = log.read(0, 1)
    assert ([each.event_id for each in some], after) == ([5], 5)
    assert log.read(5, 10)[0][0].payload["run_id"] == "b"
    assert log.read(6, 10) == ([], 6)
    assert log.read(0, 10, ["run_deleted"]) == ([], 6)


def test_who_is_too_far_behind_begins_anew() -> None:
    log = ChangeLog(utc_now, "e", most=5)
    for step in range(20):
        noted(log, str(step), 0)
    (reset,), after = log.read(1, 10)
    assert (reset.type, after) == ("reset", 20)
    kept, _ = log.read(19, 10)
    assert [each.event_id for each in kept] == [20]
    assert len(log._keys) <= 10
    assert log.read(AT_RESET, 10)[0][0].payload == {"epoch": log.epoch}


def test_one_thing_that_changes_for_ever_takes_no_room() -> None:
    log = ChangeLog(utc_now, "e", most=5)
    for step in range(1000):
        noted(log, "a", step)
    assert len(log._keys) <= 10
    (change,), _ = log.read(0, 10)
    assert change.payload["value"] == 999
