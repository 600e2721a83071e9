"""Measure the dashboard: the first paint of a long list, what pages weigh, and what open ones cost.

    python benchmarks/dashboard.py [--rounds N] [--runs N] [--open N]

A page counts as painted when the first row of the list is in it, and every round begins with an
empty cache. What a page weighs are the bytes of its document and its files, without what it reads
of runs. The browser is /usr/bin/chromium; without it, or without playwright, nothing is measured.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from servers import OURS, Server, opened

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
SHORT = {"symbols": ["AAPL"], "start_date": "2024-01-01", "end_date": "2024-01-31"}
SETTLE_S, IDLE_S = 5.0, 10.0

#: Notes when the first row is there, as the page itself sees it.
WATCH = """
new MutationObserver((_changes, observer) => {
  if (!document.querySelector(".long-rows .long-row")) return;
  observer.disconnect();
  requestAnimationFrame(() => { window.paintedAt = performance.now(); });
}).observe(document, { childList: true, subtree: true });
"""
WEIGHT = """() => performance.getEntries()
  .filter(({ entryType }) => ["navigation", "resource"].includes(entryType))
  .filter(({ name }) => !new URL(name).pathname.startsWith("/v1/"))
  .reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"""


@contextmanager
def browsing() -> Iterator[Any]:
    """Open a browser for the length of a block."""
    playwright = importlib.import_module("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


def fill(server: Server, count: int) -> list[str]:
    """Let a server carry out short runs, and return their ids."""
    ids = []
    for at in range(count):
        document = server.ask("POST", "/backtests", {**SHORT, "name": f"Run {at}"})
        ids.append(document["run_id"])
        if at % 100 == 99 or at == count - 1:
            while server.ask("GET", f"/backtests/{ids[-1]}")["state"] in {"queued", "running"}:
                time.sleep(0.05)
    return ids


def first_paint_ms(browser: Any, url: str) -> float:
    """Return the milliseconds from the navigation to the first row, with an empty cache."""
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_function("() => window.paintedAt")
    milliseconds: float = page.evaluate("() => window.paintedAt")
    context.close()
    return milliseconds


def weight(browser: Any, url: str) -> int:
    """Return the bytes of a page's document and files, uncompressed."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    total: int = page.evaluate(WEIGHT)
    context.close()
    return total


def idle_share(browser: Any, server: Server, url: str, count: int) -> float:
    """Return the part of a core that a server takes while that many dashboards are open."""
    contexts = [browser.new_context() for _ in range(count)]
    for context in contexts:
        page = context.new_page()
        page.goto(url)
        page.locator(".long-rows .long-row").first.wait_for()
    time.sleep(SETTLE_S)
    began, cpu_s = time.monotonic(), server.cpu_s
    time.sleep(IDLE_S)
    share = (server.cpu_s - cpu_s) / (time.monotonic() - began)
    for context in contexts:
        context.close()
    return share


def pages_of(ids: Sequence[str]) -> dict[str, str]:
    """Return the addresses of all pages, by their names."""
    return {
        "runs": "/",
        "run": f"/ui/runs/{ids[0]}",
        "new run": f"/ui/new?from={ids[0]}",
        "compare": f"/ui/compare?runs={ids[0]},{ids[1]}",
        "optimizations": "/ui/optimizations",
        "new optimization": "/ui/optimizations/new",
        "data": "/ui/data",
        "api": "/ui/api",
    }


def main(rounds: int, runs: int, count: int) -> None:
    """Start a server and a browser, and measure."""
    cores = os.sched_getaffinity(0)
    with opened("ours", OURS) as server:
        os.sched_setaffinity(0, cores)  # a browser is several processes
        with browsing() as browser:
            measure(browser, server, rounds, runs, count)


def measure(browser: Any, server: Server, rounds: int, runs: int, count: int) -> None:
    """Measure one server in a browser and print its figures."""
    url = f"http://127.0.0.1:{server.port}"
    ids = fill(server, runs)
    painted = [first_paint_ms(browser, url) for _ in range(rounds)]
    said = f"{median(painted):,.0f} ms median, {min(painted):,.0f} best"
    print(f"first row of {runs:,} runs: {said}   (target: at most 1,000 ms)")
    for name, path in pages_of(ids).items():
        print(
            f"  {name:17} {weight(browser, url + path) / 1000:6.1f} kB   (target: at most 300 kB)"
        )
    share = idle_share(browser, server, url, count)
    print(f"{count} dashboards open, nothing runs: {share:.1%} of a core   (target: at most 5 %)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--open", type=int, default=20)
    options = parser.parse_args()
    if not CHROMIUM.exists() or importlib.util.find_spec("playwright") is None:
        raise SystemExit(f"There is no {CHROMIUM}, or playwright is not installed")
    main(options.rounds, options.runs, options.open)
