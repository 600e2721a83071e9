"""Weigh the pages: what a first visit loads, its document and its files, uncompressed.

Rule: no page is heavier than 300 kB, the library of charts included, and none is shown before its
stylesheets are there. What a page reads of runs is not its weight.
"""

from __future__ import annotations

import pytest
from attrs import evolve
from support.dashboard import Dashboard, Visits
from support.served_searches import ended

from glowback_trio import BacktestRequest, Stream
from glowback_trio.actors import Gateway
from glowback_trio.model.strategies.parameters import MaCrossover

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

HEAVIEST = 300_000
YEARS = BacktestRequest(
    symbols=["SPY", "AAPL"],
    start_date="2015-01-01",
    end_date="2020-12-31",
    strategy=MaCrossover(),
)
SLOW = evolve(YEARS, stream=Stream(pace_bars_per_s=50))
WEIGHT = """() => performance.getEntries()
  .filter(({ entryType }) => ["navigation", "resource"].includes(entryType))
  .filter(({ name }) => !new URL(name).pathname.startsWith("/v1/"))
  .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"""
#: Its page draws the equity that is stitched from the windows.
WALK_FORWARD = {"validation_mode": "walk_forward_refit"}
#: Each address with a heading or a label that comes last.
ADDRESSES = {
    "/": "Runs",
    "/ui/runs/{run}": "Manifest",
    "/ui/runs/{live}": "Prices",
    "/ui/new?from={run}": "Run again, with changes",
    "/ui/compare?runs={run},{other}": "Compare",
    "/ui/optimizations": "Optimizations",
    "/ui/optimizations/new": "New optimization",
    "/ui/optimizations/{optimization}": "Ranking",
    "/ui/data?symbol=AAPL": "Data",
    "/ui/api": "API",
}


async def fill(gateway: Gateway) -> dict[str, str]:
    run, other = gateway.submit(YEARS), gateway.submit(YEARS)
    await run.wait_finished()
    await other.wait_finished()
    optimization = await ended(gateway, **WALK_FORWARD)
    return {
        "run": run.run_id,
        "other": other.run_id,
        "live": gateway.submit(SLOW).run_id,
        "optimization": optimization.optimization_id,
    }


def test_no_page_is_heavier_than_300_kb(visits: Visits, dashboard: Dashboard) -> None:
    known, heavy = dashboard.call(fill, dashboard.gateway), dict[str, int]()
    for address, heading in ADDRESSES.items():
        page = visits.open(address.format(**known))
        page.get_by_role("heading", name=heading).first.wait_for()
        page.wait_for_load_state("networkidle")
        heavy[address] = page.evaluate(WEIGHT)
    assert {where: bytes_ for where, bytes_ in heavy.items() if bytes_ > HEAVIEST} == {}
