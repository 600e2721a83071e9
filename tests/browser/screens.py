"""Take the screenshots in docs/screens/: each page of the dashboard, light, dark and on a phone.

    python tests/browser/screens.py [NAME …]

Whoever adds a page adds a row to PAGES. Names and times are those of the machine, so the pictures
change with every round: look at them before they are committed.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen
from support.dashboard import CHROMIUM, FLAGS, PHONE, Dashboard, Visits, serving_dashboard
from support.served_searches import search

from glowback_trio.wire.optimizations.requests import parse_optimization
from glowback_trio.wire.requests import parse_request

FOLDER = Path(__file__).parents[2] / "docs" / "screens"
#: Small enough for a picture of 150 kB.
DESK = {"width": 1200, "height": 720}
LOOKS: Mapping[str, dict[str, Any]] = {
    "light": {"size": DESK},
    "dark": {"size": DESK, "dark": True},
    "phone": {"size": PHONE},
}
# What charts draw after their data has come.
DRAWN_MS = 1500


@frozen
class Shown:
    """What there is to show.

    Attributes:
        runs: The ids of completed runs, newest first.
        optimization: The id of a completed optimization.
    """

    runs: list[str]
    optimization: str


#: The address of each page.
PAGES: Mapping[str, Callable[[Shown], str]] = {
    "runs": lambda _shown: "/",
    "run": lambda shown: f"/ui/runs/{shown.runs[0]}",
    "new-run": lambda shown: f"/ui/new?from={shown.runs[0]}",
    "compare": lambda shown: f"/ui/compare?runs={','.join(shown.runs[:3])}",
    "optimizations": lambda _shown: "/ui/optimizations",
    "new-optimization": lambda _shown: "/ui/optimizations/new",
    "optimization": lambda shown: f"/ui/optimizations/{shown.optimization}",
    "data": lambda _shown: "/ui/data?symbol=AAPL",
    "api": lambda _shown: "/ui/api",
}

STRATEGIES = ("buy_and_hold", "ma_crossover", "rsi", "momentum", "mean_reversion")
LABELS: Sequence[Mapping[str, object]] = (
    {"name": "Baseline", "tags": ["trend"]},
    {},
    {"name": "Slow crossover", "tags": ["trend", "candidate"]},
    {},
    {"name": "Small universe", "tags": ["draft"]},
)


def document(at: int, **more: object) -> dict[str, Any]:
    symbols = (["AAPL"], ["SPY"], ["AAPL", "SPY"], ["AAPL", "IBM", "SPY"])[at % 4]
    dates = {"start_date": f"{2015 + at % 3}-01-01", "end_date": "2020-12-31"}
    return {
        "symbols": symbols,
        **dates,
        "strategy": {"name": STRATEGIES[at % 5]},
        **LABELS[at % 5],
        **more,
    }


async def fill(served: Dashboard) -> Shown:
    """Carry out runs and a search, and leave some runs in other states."""
    submit, ids = served.gateway.submit, list[str]()
    for at in range(24):
        run = submit(parse_request(document(at)))
        await run.wait_finished()
        ids.insert(0, run.run_id)
    optimization = served.gateway.optimize(parse_optimization(search()))
    await optimization.wait_finished()
    submit(parse_request(document(0, name="Stopped", stream={"pace_bars_per_s": 1}))).cancel("")
    submit(parse_request(document(2, name="Paused", stream={"pace_bars_per_s": 900}))).pause()
    submit(parse_request(document(7, name="Live", stream={"pace_bars_per_s": 40})))
    return Shown(ids, optimization.optimization_id)


def take(visits: Visits, shown: Shown, names: list[str]) -> None:
    """Take the pictures of these pages."""
    FOLDER.mkdir(exist_ok=True)
    for name in names:
        for look, options in LOOKS.items():
            page = visits.open(PAGES[name](shown), reduced_motion=True, **options)
            page.locator("h1").wait_for()
            page.wait_for_timeout(DRAWN_MS)
            page.screenshot(path=FOLDER / f"{name}-{look}.png")
            page.context.pages[0].goto("about:blank")


def main(names: list[str]) -> None:
    playwright = importlib.import_module("playwright.sync_api")
    with serving_dashboard(log_level="error") as served, playwright.sync_playwright() as driver:
        shown = served.call(fill, served)
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        take(Visits(browser, served.url), shown, names or list(PAGES))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
