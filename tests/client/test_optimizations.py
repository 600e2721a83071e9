"""The client searches: begin, follow across outages, read and steer optimizations.

Rule: what the client returns is compared with what the gateway itself says.
"""

from __future__ import annotations

import sys
from typing import Any

import orjson
import pytest
import trio
from support.cutting_proxy import open_cutting_proxy
from support.served_searches import NINE, ended, search

from glowback_trio.actors import Gateway, Optimization
from glowback_trio.client import Client, open_client
from glowback_trio.client.sync import connect
from glowback_trio.errors import (
    DataError,
    InvalidRequestError,
    ServerRefusedError,
)
from glowback_trio.model.optimization.errors import UnknownOptimizationError
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.wire.optimizations.requests import optimization_document, parse_optimization


@pytest.fixture
async def completed(gateway: Gateway) -> Optimization:
    return await ended(gateway)


async def log_of(optimization: Optimization, attempt: int | None = None) -> list[bytes]:
    events = await optimization.attempt(attempt).load_events(limit=10_000)
    return [event.data for event in events]


@pytest.mark.parametrize("as_document", [True, False])
async def test_an_optimization_is_begun_followed_and_read(
    client: Client, gateway: Gateway, *, as_document: bool
) -> None:
    request = parse_optimization(search())
    handle = await client.optimize(search() if as_document else request)
    status = await handle.wait()
    assert status == gateway.optimization(handle.optimization_id).status
    assert (status.state, status.trials_completed) == (OptimizationState.COMPLETED, NINE)
    result = await handle.results()
    assert len(result["all_trials"]) == NINE
    assert result["best_trial"]["trial_number"] == status.best_trial.trial_number  # type: ignore[union-attr]  # it has completed
    assert await handle.request() == orjson.loads(orjson.dumps(optimization_document(request)))
    assert [each.optimization_id for each in await client.optimizations()] == [
        handle.optimization_id
    ]


async def test_a_repeated_request_begins_nothing_new(client: Client, gateway: Gateway) -> None:
    first = await client.optimize(search(), idempotency_key="once")
    again = await client.optimize(search(), idempotency_key="once")
    assert first.optimization_id == again.optimization_id
    assert len(gateway.optimizations()) == 1
    await first.wait()


async def test_problems_have_the_paths_of_the_request(client: Client) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        await client.optimize(search(max_trials=0))
    assert caught.value.problems[0].path == ("max_trials",)


async def test_a_stream_is_the_log_though_it_is_cut_again_and_again(
    url: str, completed: Optimization
) -> None:
    async with (
        open_cutting_proxy(url, [3_000, 2_500, 4_000]) as (proxy, cuts),
        open_client(proxy, jitter=lambda: 0.0) as client,
    ):
        handle = client.optimization(completed.optimization_id)
        async with handle.stream() as events:
            received = [event.data async for event in events]
    assert received == await log_of(completed)
    assert cuts.made >= 1


async def test_a_stream_stays_with_its_attempt(client: Client, gateway: Gateway) -> None:
    optimization = gateway.optimize(parse_optimization(search()))
    optimization.pause()
    handle = client.optimization(optimization.optimization_id)
    async with handle.stream() as events:
        first = await anext(events)
        assert (await handle.cancel()).state is OptimizationState.CANCELLED
        assert (await handle.resume()).attempt == 2
        rest = [event async for event in events]
    assert [first.data, *(event.data for event in rest)] == await log_of(optimization, 1)
    assert (await handle.wait()).trials_completed == NINE
    async with handle.stream(attempt=2, types=["trial"]) as events:
        kinds = [event.type async for event in events]
    assert kinds == ["trial"] * NINE + ["state"]


async def test_types_of_runs_are_no_types_of_optimizations(
    client: Client, completed: Optimization
) -> None:
    handle = client.optimization(completed.optimization_id)
    with pytest.raises(InvalidRequestError):
        async with handle.stream(types=["trade"]):  # type: ignore[list-item]  # which it checks
            pass


async def test_steering_is_that_of_the_server(client: Client, gateway: Gateway) -> None:
    optimization = gateway.optimize(parse_optimization(search()))
    handle = client.optimization(optimization.optimization_id)
    assert (await handle.pause()).paused
    with pytest.raises(ServerRefusedError, match="not yet completed"):
        await handle.results()
    assert not (await handle.resume()).paused
    await handle.wait()
    with pytest.raises(ServerRefusedError, match="completed"):
        await handle.resume()
    run = await handle.run_trial(1)
    assert run.tags == (f"optimization:{handle.optimization_id}",)
    await gateway.run(run.run_id).wait_finished()
    await handle.delete()
    with pytest.raises(UnknownOptimizationError):
        await handle.status()


@pytest.mark.parametrize("identity", ["nobody", "../metrics", ""])
async def test_an_unknown_optimization_is_an_error_of_its_own(
    client: Client, identity: str
) -> None:
    handle = client.optimization(identity)
    with pytest.raises(UnknownOptimizationError):
        await handle.status()
    with pytest.raises(UnknownOptimizationError):
        async with handle.stream(attempt=1) as events:
            await anext(events)


async def test_an_unknown_attempt_is_an_unknown_optimization(
    client: Client, completed: Optimization
) -> None:
    with pytest.raises(UnknownOptimizationError, match="attempt not found"):
        async with client.optimization(completed.optimization_id).stream(attempt=7) as events:
            await anext(events)


async def test_trials_come_as_rows_and_as_a_data_frame(
    client: Client, completed: Optimization
) -> None:
    pytest.importorskip("pandas")
    handle = client.optimization(completed.optimization_id)
    rows = await handle.trials()
    frame = await handle.to_dataframe()
    assert len(rows) == len(frame) == NINE
    assert list(frame.columns) == list(rows[0])
    assert frame["objective"].tolist() == [row["objective"] for row in rows]


async def test_a_data_frame_without_pandas_says_what_to_install(
    client: Client, completed: Optimization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(DataError, match="pip install pandas"):
        await client.optimization(completed.optimization_id).to_dataframe()


async def test_the_blocking_client_does_the_same(url: str, completed: Optimization) -> None:
    def in_a_thread() -> tuple[Any, ...]:
        with connect(url) as client:
            handle = client.optimize(search())
            status = handle.wait()
            events = [event.data for event in handle.stream()]
            again = client.optimization(handle.optimization_id)
            listed = [each.optimization_id for each in client.optimizations()]
            return status, events, again.results(), listed, repr(handle), again.trials()

    with trio.fail_after(30):
        status, events, result, listed, shown, rows = await trio.to_thread.run_sync(in_a_thread)
    assert status.state is OptimizationState.COMPLETED
    assert len(events) == status.event_count
    assert len(result["all_trials"]) == len(rows) == NINE
    assert listed == [status.optimization_id, completed.optimization_id]
    assert shown.startswith("<SyncOptimization ")


async def test_the_ledger_counts_the_trials_that_were_made(
    client: Client, completed: Optimization
) -> None:
    assert (await client.ledger())["trials"] == NINE
    assert (await client.ledger(strategy="rsi"))["trials"] == 0
