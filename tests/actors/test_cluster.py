"""Several gateways on one store, in virtual time, on a model of what a database promises.

Doctrine: `support.cluster_rounds` plays a round of random faults for each seed: gateways are killed
and stand still for longer than their lease, the database is away, peers are cut off. The other
tests set up one thing at a time. A gateway that stands still is one whose link to the database and
whose streams do.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from attrs import evolve
from support.backends import in_virtual_time
from support.cluster_rounds import DIFFERING, in_the_loop, play, source_of
from support.held_compute import HeldCompute
from support.model_database import ModelDatabase
from support.model_store import ModelStore

from glowback_trio import BacktestRequest, Gateway, InlineCompute, MaCrossover
from glowback_trio.actors import open_gateway
from glowback_trio.data import MemoryCatalogue
from glowback_trio.model.invariants import assert_sound
from glowback_trio.model.lifecycle import INTERRUPTED, State
from glowback_trio.model.request import Stream
from glowback_trio.store.cluster import HeldElsewhereError
from glowback_trio.testing.gateway import virtual_now

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-02-15",
    strategy=MaCrossover(short_period=2, long_period=5),
    stream=Stream(pace_bars_per_s=1.0),
)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trio.to_thread, "run_sync", in_the_loop)  # see `play`


@asynccontextmanager
async def opened(store: ModelStore, **options: Any) -> AsyncIterator[Gateway]:
    numbers = iter(range(1, 1000))
    async with open_gateway(
        store=store,
        clock=virtual_now,
        new_id=lambda: f"{store.name}-{next(numbers)}",
        **{"compute": InlineCompute(), **options},
    ) as gateway:
        yield gateway


# In the round of the last one, a request waits for a run that a fence has dropped.
@pytest.mark.parametrize("seed", [*range(20), 839])
def test_no_fault_breaks_a_log_or_a_stream(seed: int) -> None:
    play(seed)


def test_a_run_that_another_gateway_computes_is_read_and_not_changed() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(one) as there, opened(two) as here:
            await trio.sleep(0.5)  # until both look for queued runs only after a hint
            run = there.submit(REQUEST)
            await run.wait_stored()
            await trio.sleep(1)
            followed = await here.load_run(run.run_id)
            assert not followed.held_here
            await trio.sleep(3)
            with pytest.raises(HeldElsewhereError, match="gateway one"):
                followed.cancel("here")
            with followed.subscribe() as events:
                log = [event async for event in events]
            assert_sound(log)
            assert followed.status.state is State.COMPLETED
            assert followed.status == run.status

    in_virtual_time(scenario)


@pytest.mark.parametrize("on_restart", ["rerun", "fail"])
def test_the_run_of_a_killed_gateway_is_taken_over_within_20_seconds(on_restart: str) -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        request = BacktestRequest(
            symbols=["AAPL"],
            start_date="2024-01-01",
            end_date="2024-02-15",
            strategy=MaCrossover(short_period=2, long_period=5),
            stream=Stream(pace_bars_per_s=1.0),
            on_restart="rerun" if on_restart == "rerun" else "fail",
        )
        async with opened(two) as here, trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            begun = trio.Event()

            await trio.sleep(0.5)

            async def killed() -> None:
                with scope:
                    async with opened(one) as there:
                        await there.submit(request).wait_stored()
                        begun.set()
                        await trio.sleep_forever()

            nursery.start_soon(killed)
            await begun.wait()
            await trio.sleep(11.5)
            run = await here.load_run("one-1")
            with run.subscribe() as events:
                seen = [await anext(events) for _ in range(3)]
                one.link.kill()
                scope.cancel()
                assert run.tenure.elsewhere
                await trio.sleep(20)
                assert run.held_here
                seen += [event async for event in events]
            assert_sound(seen)
            assert [event.data for event in seen] == [
                event.data for event in database.runs["one-1"].events
            ]
            failed = run.status.error == INTERRUPTED
            assert failed == (on_restart == "fail")

    in_virtual_time(scenario)


def test_queued_runs_are_begun_by_whoever_has_a_slot() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two, held = ModelStore(database, "one"), ModelStore(database, "two"), HeldCompute()
        async with (
            opened(one, max_running=1, compute=held) as there,
            opened(two, max_running=1, compute=held),
        ):
            runs = [there.submit(REQUEST) for _ in range(2)]
            await trio.sleep(10)
            held.let_go.set()
            assert [run.state for run in runs] == [State.RUNNING] * 2
            assert [run.held_here for run in runs].count(False) == 1
            for run in runs:
                assert (await run.wait_finished()).state is State.COMPLETED

    in_virtual_time(scenario)


def test_a_gateway_that_closes_hands_its_queue_over_at_once() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(two, max_running=2) as here:
            async with opened(one, max_running=1) as there:
                blocked = [here.submit(REQUEST) for _ in range(2)]
                runs = [there.submit(REQUEST) for _ in range(3)]
                for run in (*blocked, *runs):
                    await run.wait_stored()
            await trio.sleep(0.1)
            assert {row.held_by for _, row in database.everything()} <= {None, two.epoch}
            for run in runs[1:]:
                taken = await here.load_run(run.run_id)
                assert (await taken.wait_finished()).state is State.COMPLETED

    in_virtual_time(scenario)


def test_a_gateway_that_stood_still_follows_what_others_took_over() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(one) as there, opened(two):
            await trio.sleep(0.5)
            request = BacktestRequest(
                symbols=["AAPL"],
                start_date="2024-01-01",
                end_date="2024-04-15",
                strategy=MaCrossover(short_period=2, long_period=5),
                stream=Stream(pace_bars_per_s=1.0),
                on_restart="rerun",
            )
            run = there.submit(request)
            await run.wait_stored()
            await trio.sleep(5)
            epoch = one.epoch
            one.link.stop()
            await trio.sleep(30)
            one.link.go_on()
            await trio.sleep(10)
            assert one.epoch > epoch
            assert not run.held_here
            with run.subscribe() as events:
                assert_sound([event async for event in events])
            assert not database.violations

    in_virtual_time(scenario)


def test_an_outage_of_the_database_fences_nobody() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(one) as there, opened(two):
            await trio.sleep(0.5)
            run = there.submit(REQUEST)
            await run.wait_stored()
            await trio.sleep(5)
            database.away = True
            await trio.sleep(40)
            database.away = False
            assert (await run.wait_finished()).state is State.COMPLETED
            assert not any(lease.fenced for lease in database.leases.values())

    in_virtual_time(scenario)


def test_a_run_that_is_paused_in_the_queue_is_held_by_whoever_is_to_change_it() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(two) as here:
            async with opened(one, max_running=1) as there:
                runs = [there.submit(REQUEST) for _ in range(2)]
                runs[1].pause()
                await runs[1].wait_stored()
            run = await here.load_run("one-2")
            await run.hold()
            assert run.status.paused
            run.resume()
            assert (await run.wait_finished()).state is State.COMPLETED

    in_virtual_time(scenario)


def test_a_run_that_another_one_took_and_ended_at_once_has_ended_here_too() -> None:
    async def scenario() -> None:
        database, held = ModelDatabase(lost_hints=1.0), HeldCompute()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(one, max_running=1, compute=held) as there:
            there.submit(REQUEST)
            await trio.sleep(1)
            async with opened(two):
                run = there.submit(evolve(REQUEST, stream=Stream()))
                with trio.fail_after(10):
                    assert (await run.wait_finished()).state is State.COMPLETED
            assert database.runs[run.run_id].begun_by == "two"
            held.let_go.set()

    in_virtual_time(scenario)


def asking(**fields: Any) -> BacktestRequest:
    return evolve(REQUEST, symbols=[DIFFERING], stream=Stream(), **fields)


def test_a_run_waits_for_a_gateway_with_its_bars_and_others_do_not_wait_for_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(two, data=source_of(1), max_running=1) as here:
            held = HeldCompute()
            async with opened(one, data=source_of(0), max_running=1, compute=held) as there:
                blocking = there.submit(evolve(asking(), symbols=["AAPL", DIFFERING]))
                await trio.sleep(1)
                runs = [there.submit(asking(priority=5)) for _ in range(3)]
                plain = there.submit(evolve(REQUEST, stream=Stream()))
                for each in (blocking, *runs, plain):
                    await each.wait_stored()
                assert (await plain.wait_finished()).state is State.COMPLETED
                assert database.runs[plain.run_id].begun_by == "two"
                await trio.sleep(5)
                assert [run.state for run in runs] == [State.QUEUED] * 3
                assert here.membership is not None
                assert here.membership.bars.left == 3
            await trio.sleep(60)  # nobody is left that has them
            assert here.membership.bars.left == 3
            loaded = [await here.load_run(run.run_id) for run in runs]
            assert [run.state for run in loaded] == [State.QUEUED] * 3
            told = [each.getMessage() for each in caplog.records]
            said = [each for each in told if "is left" in each and blocking.run_id not in each]
            (warning,) = said
            assert warning == (
                f"Run {runs[0].run_id} is left to other gateways: this gateway has other bars of "
                f"{DIFFERING}; copy the price files from a gateway that has them, or cancel it"
            )
            async with opened(ModelStore(database, "three"), data=source_of(0)):
                for run in loaded:
                    assert (await run.wait_finished()).state is State.COMPLETED
                await trio.sleep(40)
                assert here.membership.bars.left == 0
        assert {database.runs[run.run_id].begun_by for run in runs} == {"three"}

    in_virtual_time(scenario)


def test_a_symbol_that_is_missing_leaves_the_run_to_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        fewer = MemoryCatalogue([source_of(0).bars["AAPL"]])
        held = HeldCompute()
        async with (
            opened(two, data=fewer),
            opened(one, data=source_of(0), max_running=1, compute=held) as there,
        ):
            runs = [there.submit(asking()) for _ in range(2)]
            await trio.sleep(5)
            held.let_go.set()
            assert (await runs[1].wait_finished()).state is State.COMPLETED
        assert "bars of MSFT are missing here; copy the price files" in caplog.text
        assert database.runs[runs[1].run_id].begun_by == "one"

    in_virtual_time(scenario)


def test_a_run_that_only_others_can_begin_is_cancelled_by_whoever_is_asked() -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        one, two = ModelStore(database, "one"), ModelStore(database, "two")
        async with opened(two, data=source_of(1)) as here:
            held = HeldCompute()
            async with opened(one, data=source_of(0), max_running=1, compute=held) as there:
                runs = [there.submit(asking()) for _ in range(3)]
                for run in runs:
                    await run.wait_stored()
                await trio.sleep(1)
            changed, cancelled = [await here.load_run(run.run_id) for run in runs[1:]]
            await changed.hold()
            await changed.label(name="mine")
            await cancelled.hold()
            cancelled.cancel("by a client")
            assert (await cancelled.wait_finished()).state is State.CANCELLED
            await trio.sleep(40)
            assert changed.state is State.QUEUED
            assert database.runs[changed.run_id].held_by is None
            assert changed.status.name == "mine"

    in_virtual_time(scenario)


@pytest.mark.parametrize("others", ["the same", "different"])
def test_a_dead_gateways_run_goes_first_to_one_with_the_same_bars(others: str) -> None:
    async def scenario() -> None:
        database = ModelDatabase()
        names = "one", "two", "three"
        stores = dict(zip(names, (ModelStore(database, name) for name in names), strict=True))
        request = evolve(asking(on_restart="rerun"), stream=Stream(pace_bars_per_s=1.0))
        async with opened(stores["two"], data=source_of(1)) as two, trio.open_nursery() as nursery:
            scope, begun = trio.CancelScope(), trio.Event()

            async def killed() -> None:
                with scope:
                    async with opened(stores["one"], data=source_of(0)) as there:
                        await there.submit(request).wait_stored()
                        begun.set()
                        await trio.sleep_forever()

            nursery.start_soon(killed)
            await begun.wait()
            async with opened(stores["three"], data=source_of(0 if others == "the same" else 1)):
                await trio.sleep(25.5)
                stores["one"].link.kill()
                scope.cancel()
                run = await two.load_run("one-1")
                await run.wait_finished()
                if others == "the same":
                    assert run.state is State.COMPLETED
                else:
                    assert run.state is State.FAILED
                    assert "the run differs from its log" in str(run.status.error)
        assert not database.violations

    in_virtual_time(scenario)
