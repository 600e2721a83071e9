"""Two gateways over one real database whose price directories differ.

Doctrine: a gateway that computes nothing until it is let go has the queue; the other one has room.
Its directory differs in one file, which is copied over in the middle. How long it waits until it
looks again is cut short, and nothing else is asserted of time.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from attrs import evolve
from support.held_compute import HeldCompute
from support.optimizations import search_request
from support.postgres_stores import new_store_database

from glowback_trio import BacktestRequest, Gateway, InlineCompute, MaCrossover, open_gateway
from glowback_trio.actors.cluster import bars
from glowback_trio.data import demo_path
from glowback_trio.model.lifecycle import State
from glowback_trio.store.cluster import Held
from glowback_trio.store.postgres import PostgresStore

REQUEST = BacktestRequest(
    symbols=["SPY"], start_date="2018-01-01", end_date="2018-12-31", strategy=MaCrossover()
)


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(30):
        while not holds():  # noqa: ASYNC110 - no bell rings for what another gateway does
            await trio.sleep(0.02)


def directories(place: Path) -> tuple[Path, Path]:
    here = Path(shutil.copytree(demo_path(), place / "here"))
    there = Path(shutil.copytree(demo_path(), place / "there"))
    lines = (there / "SPY_1d.csv").read_text().splitlines(keepends=True)
    (there / "SPY_1d.csv").write_text("".join(lines[:-1]))
    return here, there


def left(gateway: Gateway) -> int:
    assert gateway.membership is not None
    return gateway.membership.bars.left


async def test_a_queued_run_begins_where_its_bars_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(bars, "_LEFT_S", 0.3)
    monkeypatch.setattr(bars, "_COUNTED_S", 0.05)
    here, there = directories(tmp_path)
    url, held = new_store_database(), HeldCompute()
    async with (
        open_gateway(store=PostgresStore(url), data=here, compute=held, max_running=1) as first,
        open_gateway(store=PostgresStore(url), data=there, compute=InlineCompute()) as second,
    ):
        blocking = first.submit(evolve(REQUEST, symbols=["SPY", "IBM"]))
        await until(lambda: blocking.state is not State.QUEUED)
        run = first.submit(REQUEST)
        other = first.submit(evolve(REQUEST, symbols=["AAPL"]))
        with trio.fail_after(30):
            assert (await other.wait_finished()).state is State.COMPLETED
        await until(lambda: left(second) == 1)
        assert run.state is State.QUEUED
        shutil.copy(here / "SPY_1d.csv", there)
        with trio.fail_after(30):
            assert (await run.wait_finished()).state is State.COMPLETED
        await until(lambda: left(second) == 0)
        held.let_go.set()
    told = [
        each.getMessage()
        for each in caplog.records
        if each.levelno == logging.WARNING and run.run_id in each.getMessage()
    ]
    (warning,) = told
    assert warning == (
        f"Run {run.run_id} is left to other gateways: this gateway has other bars of SPY; copy the "
        "price files from a gateway that has them, or cancel it"
    )


async def test_what_is_submitted_keeps_the_fingerprint_of_its_bars(tmp_path: Path) -> None:
    here, there = directories(tmp_path)
    url, held = new_store_database(), HeldCompute()
    base = evolve(REQUEST, strategy=MaCrossover(short_period=2, long_period=10))
    async with (
        open_gateway(store=PostgresStore(url), data=here, compute=held) as first,
        open_gateway(store=PostgresStore(url), data=there, compute=held) as second,
    ):
        origins: list[Held] = []
        for gateway in (first, second):
            run = gateway.submit(REQUEST)
            search = gateway.optimize(search_request(base_backtest=base))
            await run.wait_stored()
            await search.wait_stored()
            assert gateway.cluster is not None
            for named in (run.tenure.named, search.attempt().tenure.named):
                found = await gateway.cluster.origin(named)
                assert found is not None
                origins.append(found)
            assert gateway.membership is not None
            assert origins[-1].fingerprint == gateway.membership.bars.fingerprint(REQUEST)
        kept = [each.fingerprint for each in origins]
        assert kept[0] == kept[1] != kept[2] == kept[3]
        assert None not in kept
