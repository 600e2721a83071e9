"""What leaves the books leaves the process: freed by reference counts, never by a collection.

Doctrine: the collector is off, and every object of the package that exists is counted before and
after a run was submitted, read, and deleted. What is left then, a cycle of references holds.
"""

from __future__ import annotations

import gc
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from weakref import ref

import pytest
import trio.testing
from support.misbehaving import Misbehaving

from glowback_trio import InlineCompute, MemoryStore, ProcessCompute, SqliteStore, ThreadCompute
from glowback_trio.actors import Gateway, open_gateway
from glowback_trio.compute import BacktestJob, Compute, Done, Failed
from glowback_trio.data import open_source
from glowback_trio.errors import RunFailedError
from glowback_trio.model.strategies.registry import make_registry
from glowback_trio.store import Store
from glowback_trio.wire.converter import make_converter
from glowback_trio.wire.requests import parse_request

BODY = {
    "symbols": ["A"],
    "data_source": "sample",
    "start_date": "2020-01-02",
    "end_date": "2020-03-10",
    "strategy": {"name": "ma_crossover", "params": {"short_period": 3, "long_period": 8}},
    "stream": {"orders": True},
}
CONVERTER = make_converter(make_registry([Misbehaving]))


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    gc.disable()
    logging.disable()  # pytest keeps what was logged, with its tracebacks
    yield
    logging.disable(logging.NOTSET)
    gc.enable()


def objects() -> Counter[str]:
    """Return how many objects of the package's classes there are."""
    kinds = (type(each) for each in gc.get_objects())
    return Counter(f"{k.__module__}.{k.__name__}" for k in kinds if _is_ours(k))


def _is_ours(kind: type) -> bool:
    module = str(kind.__module__)
    if module.endswith(".change_log") and kind.__name__ == "_Deletion":
        return False  # readers are told of it; how many are kept is bounded
    # The ledger of trials counts deleted runs, too: nothing ever leaves it.
    return module.startswith("glowback_trio.") and ".ledger." not in module


@pytest.fixture(params=["inline", "thread", "process"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Store, Compute]:
    """A store and a compute backend, as they are used together."""
    match request.param:
        case "inline":
            return MemoryStore(), InlineCompute()
        case "thread":
            return MemoryStore(), ThreadCompute()
        case _:
            return SqliteStore(tmp_path / "runs.sqlite"), ProcessCompute(workers=1)


@asynccontextmanager
async def opened(store: Store, compute: Compute) -> AsyncIterator[Gateway]:
    async with open_gateway(store=store, compute=compute, strategies=[Misbehaving]) as gateway:
        await complete(gateway)  # what stays for good is there after the first run
        gc.collect()
        yield gateway


async def complete(gateway: Gateway) -> None:
    run = gateway.submit(parse_request(BODY))
    with run.subscribe() as subscription:
        assert [event async for event in subscription]
    assert len((await run.load_result()).curve) > 40
    await forget(gateway, run.run_id)


async def fail(gateway: Gateway) -> None:
    strategy = {"name": "misbehaving", "params": {"deed": "raises SystemExit"}}
    run = gateway.submit(parse_request(BODY | {"strategy": strategy}, CONVERTER))
    assert (await run.wait_finished()).state == "failed"
    with suppress(RunFailedError):  # `pytest.raises` would hold on to the frame
        await run.load_result()
    await forget(gateway, run.run_id)


async def cancel(gateway: Gateway) -> None:
    run = gateway.submit(parse_request(BODY | {"stream": {"pace_bars_per_s": 1.0}}))
    with run.subscribe() as subscription:
        await subscription.read()
        run.pause()
        run.resume()
        run.cancel("enough")
        assert (await run.wait_finished()).state == "cancelled"
    await forget(gateway, run.run_id)


async def forget(gateway: Gateway, run_id: str) -> None:
    gateway.delete(run_id)
    await gateway.flush()
    # The tasks of the run and of the store have their last turns.
    await trio.testing.wait_all_tasks_blocked(0.02)


@pytest.mark.parametrize("act", [complete, fail, cancel])
async def test_a_deleted_run_leaves_no_object_behind(
    backend: tuple[Store, Compute], act: Callable[[Gateway], Awaitable[None]]
) -> None:
    async with opened(*backend) as gateway:
        await act(gateway)
        before = objects()
        for _ in range(3):
            await act(gateway)
        left = objects() - before
        for _ in range(50):  # a thread, or a worker that was killed, ends in its own time
            if not left:
                break
            await trio.testing.wait_all_tasks_blocked(0.01)
            left = objects() - before
        if isinstance(backend[1], ThreadCompute) and act is cancel:
            # Trio holds the cancellation in a cycle, and with it what the job had in hand.
            rooms = ("actors", "store", "engine")
            left = Counter(kind for kind in left if kind.split(".")[1] in rooms)
            del left["glowback_trio.actors.run_slots.SlotTurn"]  # which is small and holds no run
        assert left == Counter()


async def test_the_log_of_a_deleted_run_lives_exactly_as_long_as_its_last_reader() -> None:
    async with opened(MemoryStore(), InlineCompute()) as gateway:
        run = gateway.submit(parse_request(BODY))
        await run.wait_finished()
        log, broadcaster, whole = (
            ref(run.broadcaster.log),
            ref(run.broadcaster),
            run.status.event_count,
        )
        reader = run.subscribe()
        await forget(gateway, run.run_id)
        del run
        assert log() is not None
        assert len(await reader.read_stored(10_000)) == whole
        del reader
        assert (log(), broadcaster()) == (None, None)


STRATEGIES = {
    "bars to signals": {"name": "ma_crossover", "params": {"short_period": 3, "long_period": 8}},
    "held": {"name": "buy_and_hold"},
    "code of one's own": {"name": "misbehaving"},
    "code that fails": {"name": "misbehaving", "params": {"deed": "raises SystemExit"}},
}


@pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)
def test_a_simulation_that_has_ended_is_gone(strategy: dict[str, object]) -> None:
    request = parse_request(BODY | {"strategy": strategy}, CONVERTER)
    gc.collect()
    before = objects()
    steps = BacktestJob(request, open_source(None)).steps(lambda: None)
    assert [type(step) for step in steps][-1] in (Done, Failed)
    del steps
    left = objects() - before
    assert [kind for kind in left if ".engine." in kind] == []
