"""How long the engine takes, beside what bare numpy needs for the least part of the same work.

    python benchmarks/engine.py [--quick]

Each case is a moving average crossover, 10 against 30 bars, or a return of equal weights at every
close, with costs; with the whole result: curve, trades, orders, metrics, manifest. The floor is
numpy alone: means, sides, returns and one cumulative product; no costs, no orders, no books, no
metrics; for weights what prices make of them, what returning to them turns over, and its costs.
Making the bars is not timed, nor is the result's JSON. The digest of the bars is worked out once,
when they are loaded, and stands apart. Where vectorbt is installed, its time for the
crossovers stands beside them, once it has compiled.

The last line is memory: what the process holds at most while the engine works, above what it held
when the bars had been made.

Times are of the processor, not of the clock, and engine and floor take turns, so that what else
runs on the machine disturbs the ratio as little as can be.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from attrs import evolve, frozen

from glowback_trio.engine import Simulation
from glowback_trio.model.bars import Bars, Dataset, Floats, Quality
from glowback_trio.model.request import BacktestRequest, Execution, PortfolioConstruction
from glowback_trio.model.strategies.parameters import MaCrossover

FAST, SLOW = 10, 30
INVESTED, COST = 0.95, 0.0005  # of equity; of what is traded


@frozen
class Case:
    """One row of the table.

    Attributes:
        symbols: How many.
        rows: Bars of each.
        resolution: Their length.
        target_ms: What the engine should stay below.
        weights: Whether equal weights are returned to at every close, instead of the crossover.
        target_mb: Below what the memory of a run should stay, in 10^6 bytes; None: not measured.
    """

    symbols: int
    rows: int
    resolution: Literal["minute", "day"]
    target_ms: float
    weights: bool = False
    target_mb: float | None = None


CASES = (
    Case(1, 2_520, "day", 1.0),
    Case(500, 2_520, "day", 100.0, target_mb=100.0),
    Case(500, 2_520, "day", 150.0, weights=True),
    Case(1, 1_000_000, "minute", 100.0),
)


def make_dataset(case: Case) -> Dataset:
    """Random walks from a fixed seed."""
    rng = np.random.default_rng(42)
    spread = 0.02 if case.resolution == "day" else 0.0005
    step = np.timedelta64(1, "D") if case.resolution == "day" else np.timedelta64(1, "m")
    times = np.datetime64("2010-01-01", "ns") + np.arange(case.rows) * step
    bars = []
    for number in range(case.symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, spread, case.rows)))
        opening = close * np.exp(rng.normal(0.0, spread / 4, case.rows))
        high, low = np.maximum(opening, close), np.minimum(opening, close)
        volume = np.full(case.rows, 1e6)
        bars.append(Bars(f"S{number:03}", times, opening, high, low, close, volume))
    quality = [Quality(one.symbol, len(one), len(one)) for one in bars]
    return Dataset(bars, "memory", "user_provided", quality)


def make_request(case: Case, dataset: Dataset) -> BacktestRequest:
    """The crossover, or the weights, over all of the data set."""
    symbols = tuple(bars.symbol for bars in dataset.bars)
    ask = partial(
        BacktestRequest,
        symbols=symbols,
        start_date="2010-01-01",
        end_date="2030-01-01",
        resolution=case.resolution,
    )
    if not case.weights:
        return ask(strategy=MaCrossover(short_period=FAST, long_period=SLOW))
    weights = dict.fromkeys(symbols, INVESTED / len(symbols))
    return ask(
        portfolio_construction=PortfolioConstruction(
            target_weights=weights, rebalance_frequency="daily"
        ),
        execution=Execution(slippage_bps=COST * 1e4 / 2, commission_bps=COST * 1e4 / 2),
    )


def simulate(request: BacktestRequest, dataset: Dataset) -> float:
    """The engine's whole work."""
    simulation = Simulation(request, dataset)
    simulation.run()
    return simulation.result().final_cash


def floor(opening: Floats, close: Floats) -> float:
    """The least: where the fast mean is above, hold from open to open; (T, N) in, growth out."""
    total = np.cumsum(close, axis=0)
    fast = (total[SLOW:] - total[SLOW - FAST : -FAST]) / FAST
    slow = (total[SLOW:] - total[:-SLOW]) / SLOW
    side = np.where(fast > slow, 1.0, -1.0)
    returns = opening[SLOW + 1 :] / opening[SLOW:-1] - 1.0
    growth = np.cumprod(1.0 + side[:-1] * returns, axis=0)
    return float(growth[-1].mean())


def floor_of_weights(opening: Floats, _close: Floats) -> float:
    """The least: return to equal weights at every open, at a cost; (T, N) in, growth out."""
    weight = INVESTED / opening.shape[1]
    grown = weight * (opening[1:] / opening[:-1])
    growth = 1.0 - INVESTED + grown.sum(axis=1)
    turnover = np.abs(weight - grown / growth[:, np.newaxis]).sum(axis=1)
    return float(np.prod(growth * (1.0 - COST * turnover)))


def cpu_ms(work: Callable[[], object]) -> float:
    """Processor time of one run, in milliseconds."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e3


def in_turn(works: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Processor times of each work, taken in turn after one run each to warm up."""
    for work in works:
        work()
    rounds = [[cpu_ms(work) for work in works] for _ in range(repeats)]
    return [list(times) for times in zip(*rounds, strict=True)]


def measure(case: Case, *, quick: bool) -> str:
    """One line of the table."""
    if quick:
        case = evolve(case, rows=max(case.rows // 20, SLOW * 4))
    dataset = make_dataset(case)
    request = make_request(case, dataset)
    opening = np.stack([bars.open for bars in dataset.bars], axis=1)
    close = np.stack([bars.close for bars in dataset.bars], axis=1)
    digest = cpu_ms(dataset.digest)
    least_work = floor_of_weights if case.weights else floor
    works = (partial(simulate, request, dataset), partial(least_work, opening, close))
    others = [] if case.weights else peers(opening, close)
    repeats = 7 if case.symbols * case.rows > 100_000 else 201
    engine, bare, *peer = in_turn((*works, *others), repeats)
    median, least = statistics.median(engine), statistics.median(bare)
    figures = (median, min(engine), least, median / least, digest)
    beside = f"{statistics.median(peer[0]):.2f}" if peer else "-"
    what = "weights" if case.weights else case.resolution
    name = f"{case.symbols} x {case.rows:,} {what}"
    target = "-" if quick else f"{case.target_ms:.1f}"
    row = "".join(f"{figure:12.2f}" for figure in figures)
    return f"{name:24}{row}{beside:>12}{target:>12}"


def peers(opening: Floats, close: Floats) -> list[Callable[[], object]]:
    """The crossover as vectorbt does it, if it is here."""
    if find_spec("vectorbt") is None:
        return []
    from engine_peer import peer  # noqa: PLC0415 - it takes seconds to import, and may be missing

    return [peer(opening, close)]


def held_kb(what: str) -> int:
    """Memory of this process, as Linux counts it: `VmRSS` now, `VmHWM` at the most."""
    (found,) = re.findall(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found)


def peak_mb(case: Case) -> float:
    """The most memory a first run takes above its bars, in 10^6 bytes."""
    dataset = make_dataset(case)
    request = make_request(case, dataset)
    Path("/proc/self/clear_refs").write_text("5")  # the most so far is what there is now
    before = held_kb("VmRSS")
    simulate(request, dataset)
    return (held_kb("VmHWM") - before) * 1024 / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the engine.")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the bars, no targets")
    quick = parser.parse_args().quick
    # Before anything else has run, whose memory could be used again.
    peaks = [
        f"{case.symbols} x {case.rows:,} holds at most {peak_mb(case):.1f} MB above its bars, "
        f"target {case.target_mb:.1f} MB"
        for case in CASES
        if case.target_mb and not quick
    ]
    heads = ("median ms", "best ms", "floor ms", "ratio", "digest ms", "vectorbt ms", "target ms")
    print(f"{'symbols x bars':24}{''.join(f'{head:>12}' for head in heads)}")
    for case in CASES:
        print(measure(case, quick=quick), flush=True)
    print(*peaks, sep="\n")


if __name__ == "__main__":
    main()
