"""Time how the bars of many symbols load: parsed, parsed and cached, and out of the cache.

    python benchmarks/loading.py [--quick]

Every load has a new catalogue, as in a new process, and is complete: it checks the request, lists
and reads the files, makes bars and quality reports, and computes the digest of the data set. Only
files unchanged for two seconds are cached, so these are given an older time. The operating system
has the files in its own cache. The parsing load is made once; of the others the median of several
is shown, in wall time and in processor time, since wall time includes other load on the machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from ratios import note

from glowback_trio.data import Catalogue
from glowback_trio.model.bars import Dataset
from glowback_trio.model.request import BacktestRequest

SYMBOLS, ROWS = 500, 2_520
TARGET_MS = 25.0
HEADER = "date,open,high,low,close,volume\n"
LONG_AGO = 1_600_000_000


def make_prices(folder: Path, symbols: int) -> BacktestRequest:
    """Write random walks from a fixed seed and request all of them."""
    rng = np.random.default_rng(42)
    days = np.busday_offset(np.datetime64("2010-01-04"), np.arange(ROWS))
    for number in range(symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.02, ROWS)))
        rows = zip(days, close, close * 1.01, close * 0.99, close, strict=True)
        lines = (f"{day},{o:.6f},{h:.6f},{lo:.6f},{c:.6f},1000000\n" for day, o, h, lo, c in rows)
        path = folder / f"S{number:03}_1d.csv"
        path.write_text(HEADER + "".join(lines))
        os.utime(path, (LONG_AGO, LONG_AGO))
    names = tuple(f"S{number:03}" for number in range(symbols))
    return BacktestRequest(symbols=names, start_date="2010-01-01", end_date="2030-01-01")


@frozen
class Load:
    """One load: its wall time and processor time in milliseconds, and its result."""

    clock: float
    cpu: float
    digest: str


def timed(work: Callable[[], Dataset]) -> Load:
    """Load once and measure it."""
    clock, cpu = time.perf_counter(), time.process_time()
    dataset = work()
    digest = dataset.digest()
    return Load((time.perf_counter() - clock) * 1e3, (time.process_time() - cpu) * 1e3, digest)


def line(name: str, loads: Sequence[Load], target: str = "-") -> str:
    """Write one line of the table."""
    clock = statistics.median(load.clock for load in loads)
    cpu = statistics.median(load.cpu for load in loads)
    return f"{name:24}{clock:12.1f}{cpu:12.1f}{target:>12}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time loading.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the symbols, no target")
    quick = parser.parse_args().quick
    symbols = SYMBOLS // 10 if quick else SYMBOLS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        request = make_prices(folder, symbols)
        kept = Path("cache")
        plain = timed(lambda: Catalogue(folder).load(request))
        first = timed(lambda: Catalogue(folder, cache=kept).load(request))
        again = [timed(lambda: Catalogue(folder, cache=kept).load(request)) for _ in range(9)]
    if {load.digest for load in (first, *again)} != {plain.digest}:
        raise SystemExit("the cache has changed the data set")
    print(f"{f'{symbols} x {ROWS:,} day':24}{'clock ms':>12}{'cpu ms':>12}{'target ms':>12}")
    print(line("parsed, no cache", [plain]))
    print(line("first, parsed and kept", [first]))
    print(line("second, cached", again, "-" if quick else f"{TARGET_MS:.0f}"))
    if not quick:
        second = statistics.median(load.cpu for load in again)
        note(f"loading.{symbols}x{ROWS}.parsed", plain.cpu / second)


if __name__ == "__main__":
    main()
