"""Runs that move between gateways: exported, imported, verified.

Doctrine: a gateway is given what another one exports, through the bytes of a file, on every store.
What it has afterwards is compared event by event and field by field with what the first one had.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest
from attrs import evolve, frozen
from support.backends import STORES
from support.exports import REQUEST, file_of, finished_export, with_events
from support.misbehaving import Misbehaving
from support.results import plain

from glowback_trio import (
    InlineCompute,
    ProcessCompute,
    ThreadCompute,
    open_gateway,
)
from glowback_trio.actors import Gateway
from glowback_trio.compute import Compute
from glowback_trio.errors import (
    DamagedError,
    GatewayClosedError,
    InvalidRequestError,
    NotReadyError,
    RunExistsError,
    UnknownRunError,
    VerificationError,
)
from glowback_trio.store import Store
from glowback_trio.wire.exports.run_export import read_export

EXPORT = finished_export()


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Store:
    return STORES[request.param]()


@pytest.fixture
async def gateway(store: Store) -> AsyncIterator[Gateway]:
    async with open_gateway(data="sample", store=store, compute=InlineCompute()) as opened:
        yield opened


async def test_an_imported_run_is_the_exported_one_and_the_newest(gateway: Gateway) -> None:
    own = gateway.submit(REQUEST)
    await own.wait_finished()
    run = await gateway.import_run(read_export(file_of(EXPORT)))
    assert run.run_id == EXPORT.run_id
    assert run.status.state == "completed"
    assert list(await run.load_events(0, 10**6)) == EXPORT.events
    assert plain(await run.load_result()) == plain(EXPORT.result)
    assert run.request == REQUEST
    assert [each.run_id for each in await gateway.statuses()] == [run.run_id, own.run_id]
    again = await gateway.export(run.run_id)
    assert file_of(again) == file_of(EXPORT)


async def test_an_imported_run_is_there_after_a_restart(store: Store) -> None:
    for _ in range(2):
        async with open_gateway(data="sample", store=store, compute=InlineCompute()) as gateway:
            run = await gateway.import_run(EXPORT)
            assert list(await run.load_events(0, 10**6)) == EXPORT.events
            assert (await gateway.verify(EXPORT.run_id)).same


async def test_the_same_run_may_be_imported_again_and_another_of_its_id_not(
    gateway: Gateway,
) -> None:
    first = await gateway.import_run(EXPORT)
    assert await gateway.import_run(read_export(file_of(EXPORT))) is first
    assert EXPORT.result is not None
    others = [
        with_events(EXPORT, {1: {"message": "queued by hand"}}),
        evolve(EXPORT, result=evolve(EXPORT.result, final_cash=1.0)),
        evolve(EXPORT, request={**EXPORT.request, "initial_capital": 7.0}),
    ]
    for other in others:
        with pytest.raises(RunExistsError, match="run-1"):
            await gateway.import_run(other)
    assert list(await first.load_events(0, 10**6)) == EXPORT.events


async def test_labels_move_with_their_run(gateway: Gateway) -> None:
    run = await gateway.import_run(
        evolve(EXPORT, labels={"name": "slow", "tags": ["a", "b"], "note": "later"})
    )
    assert (run.status.name, run.status.tags, run.status.note) == ("slow", ("a", "b"), "later")
    assert (await gateway.export(run.run_id)).labels["name"] == "slow"


@pytest.mark.parametrize("labels", [{"name": 3}, {"tags": [1]}, {"tags": 7}, {"note": None}])
async def test_labels_that_no_run_may_have_are_refused(
    gateway: Gateway, labels: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequestError):
        await gateway.import_run(evolve(EXPORT, labels=labels))
    with pytest.raises(UnknownRunError):
        await gateway.load_run(EXPORT.run_id)


async def test_a_deleted_run_can_be_imported_again(gateway: Gateway) -> None:
    await gateway.import_run(EXPORT)
    gateway.delete(EXPORT.run_id)
    run = await gateway.import_run(EXPORT)
    assert run.status.event_count == len(EXPORT.events)


async def test_what_is_not_sound_is_not_imported(gateway: Gateway) -> None:
    lines = EXPORT.lines.replace(b'"digest":"sha256:', b'"digest":"sha256:0')
    for broken in (evolve(EXPORT, lines=lines), evolve(EXPORT, lines=b"")):
        with pytest.raises(DamagedError, match="not sound"):
            await gateway.import_run(broken)
    unknown = {**EXPORT.request, "strategy": {"name": "nowhere", "params": {}}}
    with pytest.raises(InvalidRequestError, match="strategy"):
        await gateway.import_run(evolve(EXPORT, request=unknown))
    with pytest.raises(UnknownRunError):
        await gateway.load_run(EXPORT.run_id)


async def test_a_run_that_has_not_ended_is_neither_exported_nor_verified(gateway: Gateway) -> None:
    stream = evolve(REQUEST.stream, pace_bars_per_s=0.001)
    run = gateway.submit(evolve(REQUEST, stream=stream))
    for call in (gateway.export, gateway.verify):
        with pytest.raises(NotReadyError, match="has not ended"):
            await call(run.run_id)
        with pytest.raises(UnknownRunError):
            await call("nowhere")


async def test_a_closed_gateway_imports_nothing(store: Store) -> None:
    async with open_gateway(data="sample", store=store) as gateway:
        gateway.close("for a test")
        with pytest.raises(GatewayClosedError):
            await gateway.import_run(EXPORT)


@pytest.mark.parametrize("make", [InlineCompute, ThreadCompute, lambda: ProcessCompute(workers=1)])
async def test_every_backend_verifies_a_run(make: Any) -> None:
    compute: Compute = make()
    async with open_gateway(data="sample", compute=compute, strategies=[Misbehaving]) as gateway:
        run = await gateway.import_run(EXPORT)
        assert (await gateway.verify(run.run_id)).same
        other = evolve(with_events(EXPORT, {9: {"planted": 1}}), run_id=EXPORT.run_id)
        gateway.delete(run.run_id)
        await gateway.import_run(other)
        found = (await gateway.verify(run.run_id)).difference
        assert found is not None
        assert (found.part, found.event_id) == ("events", 9)
        custom = gateway.submit(evolve(REQUEST, strategy=Misbehaving()))
        await custom.wait_finished()
        assert (await gateway.verify(custom.run_id)).same


async def test_a_strategy_that_no_worker_can_import_is_named_in_a_sentence() -> None:
    @frozen
    class Local(Misbehaving):
        name: ClassVar[str] = "local"

    inline, processes = InlineCompute(), ProcessCompute(workers=1)
    async with open_gateway(data="sample", compute=inline, strategies=[Local]) as gateway:
        run = gateway.submit(evolve(REQUEST, strategy=Local()))
        await run.wait_finished()
        export = await gateway.export(run.run_id)
    async with open_gateway(data="sample", compute=processes, strategies=[Local]) as gateway:
        await gateway.import_run(export)
        with pytest.raises(VerificationError, match="cannot be sent to a worker process"):
            await gateway.verify(export.run_id)
