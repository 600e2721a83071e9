"""What runs and optimizations enter in the ledger of trials.

Doctrine: an entry is compared with what was tried, one by one, and its place with the events that
tell the same trials: neither is ever there without the other.
"""

from __future__ import annotations

import shutil

import pytest
from support.backends import open_virtual_gateway
from support.optimizations import read_log, search_request
from support.sqlite_files import inline_store, new_path
from trio.testing import MockClock

from glowback_trio.model.ledger.chain import first_broken
from glowback_trio.model.ledger.entry import owner_digest

REQUEST = search_request()


@pytest.mark.usefixtures("backends")
async def test_an_optimization_and_a_run_count_as_what_they_tried(
    autojump_clock: MockClock,
) -> None:
    async with open_virtual_gateway() as gateway:
        run = gateway.submit(REQUEST.base_backtest, owner="me")
        await run.wait_finished()
        optimization = gateway.optimize(REQUEST, owner="me")
        await optimization.wait_finished()
        entries = await gateway.ledger.entries()
        mine = await gateway.ledger.entries(owner="me")
        others = await gateway.ledger.entries(owner="other")
        totals = await gateway.ledger.totals("ma_crossover")
        result, found = await run.load_result(), await optimization.load_result()
    assert first_broken(entries) is None
    assert (mine, others) == (entries, [])
    assert entries[0].tally.origin_id == run.run_id
    assert entries[0].tally.owner == owner_digest("me")
    digest = result.manifest["dataset"]["digest"]
    assert {entry.tally.dataset for entry in entries} == {digest}
    assert totals["ma_crossover", digest].trials == 21
    assert {entry.tally.origin_id for entry in entries[1:]} == {optimization.optimization_id}
    quoted = found.diagnostics["ledger"]
    assert quoted["head"] in [entry.hash for entry in entries]
    assert quoted["damage"] is None
    alike = found.diagnostics["trials_alike"]
    assert totals["ma_crossover", digest].alike == alike


async def test_after_a_crash_the_ledger_has_the_trials_that_were_told(
    autojump_clock: MockClock,
) -> None:
    path, copy = new_path(), new_path()
    async with open_virtual_gateway(store=inline_store(path)) as gateway:
        optimization = gateway.optimize(search_request(on_restart="rerun"))
        with optimization.subscribe(types=["trial"]) as trials:
            await trials.read(1)
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
    async with open_virtual_gateway(store=inline_store(copy)) as gateway:
        await read_log(gateway.optimization(optimization.optimization_id))
        entries = await gateway.ledger.entries()
    assert first_broken(entries) is None
    assert sum(entry.tally.trials for entry in entries) == 20
