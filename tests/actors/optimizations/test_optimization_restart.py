"""Optimizations in the next gateway on their store.

Doctrine: a crash is a copy of the store's files, taken in the middle of the work. What a reader had
received by then is a prefix of the log that the next gateway completes, and that log is the one of
an optimization that nothing has interrupted.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from support.optimizations import read_log, search_request
from support.sqlite_files import inline_store, new_path
from trio.testing import MockClock

from glowback_trio.data import Catalogue, MemoryCatalogue
from glowback_trio.errors import GatewayClosedError
from glowback_trio.model.events import Event
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.model.lifecycle import INTERRUPTED
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.store.sqlite.maintenance import check_store
from glowback_trio.testing import open_virtual_gateway
from glowback_trio.wire.optimizations.results import kept_result_document


async def crashed(path: Path, trials: int, **changes: Any) -> tuple[str, list[Event], Path]:
    """Return an optimization's id, what its reader had after so many trials, and the file then."""
    copy, received = new_path(), list[Event]()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        optimization = gateway.optimize(search_request(**changes))
        await optimization.wait_stored()
        with optimization.subscribe() as events:
            while trials > sum(event.type == "trial" for event in received):
                received += await events.read()
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    return optimization.optimization_id, received, copy


async def undisturbed(**changes: Any) -> list[Event]:
    async with open_virtual_gateway() as gateway:
        return await read_log(gateway.optimize(search_request(**changes)))


@pytest.mark.parametrize("trials", [0, 1, 7, 20])
async def test_after_a_crash_it_goes_on_where_its_log_ended(
    trials: int, autojump_clock: MockClock
) -> None:
    changes: dict[str, Any] = {"on_restart": "rerun", "validation_mode": "walk_forward_refit"}
    optimization_id, received, copy = await crashed(new_path(), trials, **changes)
    async with open_virtual_gateway(store=inline_store(copy)) as gateway:
        restored = gateway.optimization(optimization_id)
        log = await read_log(restored)
        status = await restored.wait_finished()
        durations = await restored.load_durations()
    assert_sound(log, kind="optimization")
    assert log[: len(received)] == received
    assert essence(log) == essence(await undisturbed(**changes))
    assert (status.trials_completed, status.attempt) == (20, 1)
    assert sorted(durations) == list(range(1, 21))
    assert list(check_store(copy)) == []


async def test_one_that_shall_not_go_on_has_failed_and_can_be_resumed(
    autojump_clock: MockClock,
) -> None:
    optimization_id, _, copy = await crashed(new_path(), 5)
    async with open_virtual_gateway(store=inline_store(copy)) as gateway:
        restored = await gateway.load_optimization(optimization_id)
        status = await restored.wait_finished()
        assert (status.state, status.error) == (OptimizationState.FAILED, INTERRUPTED)
        restored.resume()
        ended = await restored.wait_finished()
        logs = [await read_log(restored.attempt(number)) for number in (1, 2)]
    for log in logs:
        assert_sound(log, kind="optimization")
    assert (ended.state, ended.trials_completed) == (OptimizationState.COMPLETED, 20)
    told = [event.payload for log in logs for event in log if event.type == "trial"]
    whole = [event.payload for event in await undisturbed() if event.type == "trial"]
    assert told == whole
    assert logs[1][0].payload["trials_taken_over"] == status.trials_completed


async def test_one_whose_bars_have_changed_does_not_mix_its_trials(
    autojump_clock: MockClock,
) -> None:
    optimization_id, _, copy = await crashed(new_path(), 5, on_restart="rerun")
    request = search_request().base_backtest
    (bars,) = Catalogue().load(request).bars
    changed = evolve(bars, close=bars.close * 1.01)
    async with open_virtual_gateway(
        store=inline_store(copy), data=MemoryCatalogue([changed])
    ) as gateway:
        restored = await gateway.load_optimization(optimization_id)
        status = await restored.wait_finished()
        assert status.state is OptimizationState.FAILED
        assert "The bars are not those of the trials so far" in str(status.error)
    async with open_virtual_gateway(store=inline_store(copy)) as gateway:
        restored = await gateway.load_optimization(optimization_id)
        restored.resume()  # the bars are back
        assert (await restored.wait_finished()).state is OptimizationState.COMPLETED


async def test_closing_leaves_it_to_the_next_gateway(autojump_clock: MockClock) -> None:
    path, request = new_path(), search_request(on_restart="rerun")
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        optimization = gateway.optimize(request)
        subscription = optimization.subscribe()
        received = list(await subscription.read())
    with pytest.raises(GatewayClosedError):
        await optimization.wait_finished()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        log = await read_log(gateway.optimization(optimization.optimization_id))
    assert_sound(log, kind="optimization")
    assert log[: len(received)] == received
    assert essence(log) == essence(await undisturbed())


async def test_a_paused_one_stays_paused(autojump_clock: MockClock) -> None:
    path = new_path()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        optimization = gateway.optimize(search_request())
        optimization.pause()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        restored = gateway.optimization(optimization.optimization_id)
        assert restored.status.paused
        restored.resume()
        assert (await restored.wait_finished()).state is OptimizationState.COMPLETED


async def test_a_finished_one_is_what_it_was(autojump_clock: MockClock) -> None:
    path = new_path()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        optimization = gateway.optimize(search_request(), key="key")
        before = await optimization.wait_finished()
        log, result = await read_log(optimization), await optimization.load_result()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        assert not gateway.holds_optimization(optimization.optimization_id)
        restored = await gateway.load_optimization(optimization.optimization_id)
        assert await gateway.find_optimization_key("key") is restored
        assert restored.status == before == (await gateway.optimization_statuses())[0]
        assert await read_log(restored) == log
        assert kept_result_document(await restored.load_result()) == kept_result_document(result)
