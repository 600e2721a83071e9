"""Optimizations from their beginning to their end.

Doctrine: what an optimization does is what its log says. Every log is read as a subscriber reads
it, and checked against all laws.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import trio
import trio.testing
from support.backends import open_virtual_gateway
from support.optimizations import read_log, search_request
from trio.testing import MockClock

from glowback_trio import (
    Event,
    InlineCompute,
    ProcessCompute,
    ThreadCompute,
    open_gateway,
    optimize,
)
from glowback_trio.actors.optimizations.optimization import Optimization
from glowback_trio.compute import Compute
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.model.optimization.errors import (
    OptimizationConflictError,
    OptimizationsFullError,
    UnknownAttemptError,
    UnknownOptimizationError,
)
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.wire.optimizations.results import kept_result_document

pytestmark = pytest.mark.usefixtures("backends")


async def _wait_trials(optimization: Optimization, count: int) -> None:
    with optimization.subscribe(types=["trial"]) as trials:
        async for _ in trials:
            count -= 1
            if count <= 0:
                return


async def test_an_optimization_tells_every_trial_in_order(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        assert optimization.status.state is OptimizationState.PENDING
        log = await read_log(optimization)
        status = await optimization.wait_finished()
    assert_sound(log, kind="optimization")
    trials = [event.payload for event in log if event.type == "trial"]
    assert [trial["trial_number"] for trial in trials] == list(range(1, 21))
    assert status.state is OptimizationState.COMPLETED
    assert (status.trials_completed, status.trials_failed) == (20, 0)
    assert status.best_trial is not None
    best = [event.payload for event in log if event.type == "best"][-1]
    assert status.best_trial.trial_number == best["trial_number"]


@pytest.mark.parametrize("concurrency", [2, 8])
async def test_concurrency_changes_nothing_in_the_log(
    concurrency: int, autojump_clock: MockClock
) -> None:
    logs = []
    for count in (1, concurrency):
        async with open_virtual_gateway() as gateway:
            logs.append(await read_log(gateway.optimize(search_request(concurrency=count))))
    assert essence(logs[0]) == essence(logs[1])


async def test_what_is_paused_tells_nothing_until_it_is_resumed(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        with optimization.subscribe() as events:
            async for event in events:
                if event.type == "trial":
                    break
            optimization.pause()
            await trio.testing.wait_all_tasks_blocked()
            before = optimization.status
            await trio.sleep(1000)
            assert optimization.status == before
            assert before.paused
            optimization.resume()
            status = await optimization.wait_finished()
        assert not status.paused
        assert_sound(await read_log(optimization), kind="optimization")
        assert status.trials_completed == 20


async def test_what_is_paused_while_it_waits_goes_on_when_it_is_resumed(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        optimization.pause()
        await trio.sleep(1000)
        assert optimization.status.state is OptimizationState.PENDING
        optimization.resume()
        assert (await optimization.wait_finished()).state is OptimizationState.COMPLETED


async def test_a_cancelled_one_is_resumed_with_the_trials_that_were_told(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        whole = await read_log(gateway.optimize(search_request()))
        optimization = gateway.optimize(search_request())
        await _wait_trials(optimization, 3)
        optimization.cancel("enough")
        status = await optimization.wait_finished()
        assert (status.state, status.error) == (OptimizationState.CANCELLED, "enough")
        taken_over = status.trials_completed
        optimization.resume()
        with pytest.raises(OptimizationConflictError, match="cannot be resumed: it is pending"):
            optimization.resume()
        ended = await optimization.wait_finished()
        logs = [await read_log(optimization.attempt(number)) for number in (1, 2)]
        result = await optimization.load_result()
    for log in logs:
        assert_sound(log, kind="optimization")
    assert logs[1][0].payload == {
        "state": "pending",
        "message": "Optimization queued",
        "attempt": 2,
        "trials_taken_over": taken_over,
    }
    told = [event.payload for log in logs for event in log if event.type == "trial"]
    assert told == [event.payload for event in whole if event.type == "trial"]
    assert (ended.attempt, ended.trials_completed) == (2, 20)
    assert [trial.trial_number for trial in result.trials] == list(range(1, 21))


async def test_a_cancelled_one_shows_all_that_its_trials_show(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        await _wait_trials(optimization, 5)
        optimization.cancel("enough")
        status = await optimization.wait_finished()
        result = await optimization.load_result()
    assert (result.state, result.best_trial) == (OptimizationState.CANCELLED, status.best_trial)
    assert result.best_trial is not None
    assert result.replay_backtest is not None
    replayed = result.replay_backtest["strategy"]["params"]
    assert {**replayed, **result.best_trial.parameters} == replayed
    assert result.diagnostics["completed_trials"] == len(result.trials) == status.trials_completed
    assert "deflated_sharpe_ratio" in result.diagnostics
    assert result.manifest is not None


async def test_a_completed_one_is_neither_resumed_nor_paused(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request(max_trials=1))
        await optimization.wait_finished()
        with pytest.raises(OptimizationConflictError, match="it is completed"):
            optimization.resume()
        with pytest.raises(OptimizationConflictError, match="it is completed"):
            optimization.pause()
        optimization.cancel("too late")
        assert optimization.status.state is OptimizationState.COMPLETED


async def test_an_attempt_that_there_is_not_is_named(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request(max_trials=1))
        for number in (0, 2):
            with pytest.raises(UnknownAttemptError, match=f"attempts 1 to 1, not {number}"):
                optimization.attempt(number)


async def test_a_deleted_one_ends_and_cannot_be_found(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        await _wait_trials(optimization, 1)
        gateway.delete_optimization(optimization.optimization_id)
        log = await read_log(optimization)
        assert_sound(log, kind="optimization")
        assert log[-1].payload["error"] == "deleted"
        with pytest.raises(UnknownOptimizationError):
            gateway.optimization(optimization.optimization_id)
        with pytest.raises(UnknownOptimizationError):
            await gateway.load_optimization(optimization.optimization_id)
        with pytest.raises(UnknownOptimizationError):
            optimization.resume()


async def test_statuses_are_listed_newest_first(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        made = [gateway.optimize(search_request(max_trials=2), key=f"key {n}") for n in range(3)]
        await gateway.wait_idle()
        ids = [each.optimization_id for each in made]
        listed = await gateway.optimization_statuses()
        assert [status.optimization_id for status in listed] == ids[::-1]
        assert listed == [each.status for each in made[::-1]]
        older = await gateway.optimization_statuses(before=ids[2], limit=1)
        assert [status.optimization_id for status in older] == [ids[1]]
        assert await gateway.find_optimization_key("key 1") is made[1]
        assert await gateway.find_optimization_key("other") is None


async def test_closing_the_gateway_ends_what_does_not_survive_it(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        await _wait_trials(optimization, 1)
    assert_sound(optimization.events(), kind="optimization")
    assert optimization.events()[-1].payload["error"] == "the gateway was closed"


async def test_only_so_many_may_not_have_ended(autojump_clock: MockClock) -> None:
    async with open_gateway(compute=InlineCompute(), max_optimizations=1) as gateway:
        gateway.optimize(search_request()).pause()
        with pytest.raises(OptimizationsFullError, match="the limit is max_optimizations = 1;"):
            gateway.optimize(search_request())


# One test for each is enough.
@pytest.mark.parametrize("compute", [ThreadCompute, lambda: ProcessCompute(workers=2)])
def test_the_log_is_the_same_wherever_trials_are_evaluated(compute: Callable[[], Compute]) -> None:
    async def log_on(backend: Compute) -> list[Event]:
        async with open_gateway(compute=backend) as gateway:
            return await read_log(gateway.optimize(search_request()))

    assert essence(trio.run(log_on, compute())) == essence(trio.run(log_on, InlineCompute()))


async def test_the_result_has_all_that_the_search_without_tasks_finds(
    autojump_clock: MockClock,
) -> None:
    request = search_request(validation_mode="walk_forward_refit", walk_forward_windows=2)
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(request)
        log = await read_log(optimization)
        result = await optimization.load_result()
        bars = gateway.source.load(request.base_backtest, lambda: None)
    assert_sound(log, kind="optimization")
    alone = optimize(request, bars)
    ours, theirs = kept_result_document(result), kept_result_document(alone)
    ours["diagnostics"] = {k: v for k, v in ours["diagnostics"].items() if k != "ledger"}
    assert ours == {**theirs, "optimization_id": optimization.optimization_id}
    assert [event.type for event in log].count("validation") == 2


async def test_the_best_trials_are_kept_as_runs(autojump_clock: MockClock) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request(keep_top=2))
        await optimization.wait_finished()
        result = await optimization.load_result()
        runs = [gateway.run(run_id) for run_id in result.kept_runs]
        await gateway.wait_idle()
        replayed = await runs[0].load_result()
    best = result.best_trial
    assert best is not None
    assert len(runs) == 2
    assert replayed.metrics["sharpe_ratio"] == best.objective
    assert runs[0].status.tags == (f"optimization:{optimization.optimization_id}",)


@pytest.mark.parametrize("strategy", ["bayesian", "successive_halving"])
async def test_a_search_that_learns_has_one_log_whatever_the_concurrency(
    strategy: str, autojump_clock: MockClock
) -> None:
    logs = []
    for concurrency in (1, 8):
        request = search_request(strategy=strategy, concurrency=concurrency, batch_size=4)
        async with open_virtual_gateway() as gateway:
            logs.append(await read_log(gateway.optimize(request)))
    assert_sound(logs[0], kind="optimization")
    assert essence(logs[0]) == essence(logs[1])
    assert "generation" in {event.type for event in logs[0]}


async def test_an_optimization_that_has_ended_holds_only_what_the_store_keeps(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        optimization = gateway.optimize(search_request())
        await _wait_trials(optimization, 1)
        assert gateway.memory.held["results"] > 0
        await optimization.wait_finished()
        await trio.testing.wait_all_tasks_blocked()
        gateway.delete_optimization(optimization.optimization_id)
        gc.collect()
        assert gateway.memory.held["results"] == 0
