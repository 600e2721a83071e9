"""A gateway's whole life on a disk that fails at one operation, for every operation in turn."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import apsw
import trio
from attrs import define, evolve, field, frozen
from support.backends import in_virtual_time
from support.sqlite_files import call_inline, new_path

from glowback_trio import BacktestRequest, Event, Gateway, MaCrossover, Run, SqliteStore, Stream
from glowback_trio.errors import RunCancelledError, StoreError, UnknownRunError
from glowback_trio.model.invariants import assert_sound, essence
from glowback_trio.store.sqlite.maintenance import check_store
from glowback_trio.testing import Operation, VirtualDisk, open_virtual_gateway
from glowback_trio.testing.disk.watched_vfs import Kind

__all__ = ["DISK_FAULTS", "DiskFault", "Life", "delayed_life", "faulty_life", "find_harm"]

REQUEST = BacktestRequest(
    symbols=["AAPL"],
    start_date="2024-01-01",
    end_date="2024-02-15",
    strategy=MaCrossover(short_period=3, long_period=8),
    stream=Stream(metrics_every=2, orders=True),
)
PACED = evolve(REQUEST, stream=Stream(metrics_every=1, pace_bars_per_s=10.0))
# Longer than any retry waits, and than closing goes on trying.
_PATIENCE_S = 600.0


@frozen
class DiskFault:
    """What a disk reports, and at which operations it may.

    Attributes:
        error: What it reports.
        kinds: The operations.
        lasts_s: How long all such operations fail, once one has.
    """

    error: type[Exception]
    kinds: frozenset[Kind]
    lasts_s: float = 0.0


_WRITES: frozenset[Kind] = frozenset({"create", "write", "truncate"})
DISK_FAULTS: Mapping[str, DiskFault] = {
    "full": DiskFault(apsw.FullError, _WRITES, lasts_s=2.0),
    "full for a moment": DiskFault(apsw.FullError, _WRITES),
    "read-only": DiskFault(apsw.ReadOnlyError, _WRITES, lasts_s=2.0),
    "write error": DiskFault(apsw.IOError, frozenset({"write", "sync", "truncate"})),
    "read error": DiskFault(apsw.IOError, frozenset({"read"}), lasts_s=2.0),
    "cannot be opened": DiskFault(apsw.CantOpenError, frozenset({"open", "create"}), lasts_s=2.0),
    "locked": DiskFault(apsw.BusyError, frozenset({"lock"})),
}


@define(eq=False)
class Life:
    """What came of a gateway's life.

    Attributes:
        path: The store's file.
        moments: The operations, or calls, that might have failed or been late.
        seen: The events that readers got, by run.
        errors: What callers were told went wrong.
        ended_by: What ended the gateway; None: its life was over.
    """

    path: Path = field(factory=new_path)
    moments: int = 0
    seen: dict[str, list[Event]] = field(factory=lambda: defaultdict(list))
    errors: list[str] = field(factory=list)
    ended_by: StoreError | None = None


def faulty_life(fault: DiskFault, number: int = 0) -> Life:
    """Live on a disk whose n-th operation of the fault's kinds fails; 0: none does."""
    life = Life()
    healed_at = 0.0

    def tell(operation: Operation) -> None:
        nonlocal healed_at
        if operation.kind not in fault.kinds or operation.name.startswith(f"{life.path.name}-lock"):
            return
        life.moments += 1
        if life.moments == number:
            healed_at = trio.current_time() + fault.lasts_s
        if life.moments == number or trio.current_time() < healed_at:
            raise fault.error("planted")

    with VirtualDisk(tell).installed():
        _live(life, call_inline)
    return life


def delayed_life(delay_s: float, number: int = 0) -> Life:
    """Live with a store whose n-th call takes so long; 0: none does."""
    life = Life()

    async def call(function: Callable[..., Any], *args: Any) -> Any:
        life.moments += 1
        if life.moments == number:
            await trio.sleep(delay_s)
        return await call_inline(function, *args)

    _live(life, call)
    return life


def _live(life: Life, call: Callable[..., Any]) -> None:
    async def scenario() -> None:
        store = SqliteStore(life.path, commit_interval_s=0.0, call_in_thread=call)
        # Virtual time that runs out is a run that is stuck.
        with trio.fail_after(10 * _PATIENCE_S):
            async with open_virtual_gateway(store=store, max_running=3) as gateway:
                await _be_clients(life, gateway)

    try:
        in_virtual_time(scenario)
    except* StoreError as errors:
        life.ended_by = next(_leaves(errors))


def _leaves(errors: BaseExceptionGroup[StoreError]) -> Any:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


async def _be_clients(life: Life, gateway: Gateway) -> None:
    async with trio.open_nursery() as nursery:
        runs = [await _submit(life, gateway, each) for each in (REQUEST, PACED, PACED, REQUEST)]
        for run in runs:
            nursery.start_soon(_follow, life, run)
        nursery.start_soon(_fetch_result, life, runs[0])
        await trio.sleep(1)
        runs[2].cancel("enough")
        gateway.delete(runs[3].run_id)
        await gateway.wait_idle()
        nursery.start_soon(_follow, life, await _submit(life, gateway, REQUEST))


async def _submit(life: Life, gateway: Gateway, request: BacktestRequest) -> Run:
    async def submitted() -> Run:
        return gateway.submit(request)

    return await _persist(life, submitted)  # type: ignore[no-any-return] # it runs any function


async def _follow(life: Life, run: Run) -> None:
    seen = life.seen[run.run_id]

    async def read_on() -> None:
        with run.subscribe(len(seen)) as events:
            async for event in events:
                seen.append(event)

    await _persist(life, read_on)


async def _fetch_result(life: Life, run: Run) -> None:
    await run.wait_finished()
    with suppress(RunCancelledError, UnknownRunError):
        await _persist(life, run.load_result)


async def _persist(life: Life, call: Callable[[], Any]) -> Any:
    """Do what a client does: try again where the store cannot be used."""
    with trio.fail_after(_PATIENCE_S):
        while True:
            try:
                return await call()
            except StoreError as error:
                life.errors.append(str(error))
            await trio.sleep(0.5)


def find_harm(life: Life, usual: Life) -> list[str]:
    """Compare a life with one without faults; say what was lost, invented or left unsound."""
    found = []
    for run_id, events in life.seen.items():
        ended = bool(events) and '"digest"' in events[-1].data.decode()
        assert_sound(events, ended=ended)
        if life.ended_by is None and not ended:
            found.append(f"{run_id} never ended")
        # Where a run is cancelled depends on when: the others end by themselves.
        is_free = ended and events[-1].payload["state"] == "completed"
        if is_free and essence(events) != essence(usual.seen[run_id]):
            found.append(f"{run_id} has another log")
    # A store that could not even be made has nobody who was told anything.
    if life.seen:
        found += check_store(life.path)
        found += in_virtual_time(lambda: _find_losses(life))
    return found


async def _find_losses(life: Life) -> list[str]:
    found = []
    store = SqliteStore(life.path, commit_interval_s=0.0, call_in_thread=call_inline)
    async with open_virtual_gateway(store=store) as gateway:
        for run_id, events in life.seen.items():
            with suppress(UnknownRunError):
                log = await (await gateway.load_run(run_id)).load_events(limit=10_000)
                if log[: len(events)] != events:
                    found.append(f"{run_id} lost events that were seen")
        kept = {status.run_id for status in await gateway.statuses()}
    deleted = "run-4"
    return [*found, *(f"{each} is gone" for each in life.seen.keys() - kept - {deleted})]
