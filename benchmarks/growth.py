"""Measure how costs grow: with symbols, with bars, and with subscribers of one run.

    python benchmarks/growth.py [--quick] [--plots]

For each it prints the costs and the exponent of the power law that fits them best: 1 means twice as
much for twice as many. Costs are processor times, so other work on the machine hardly changes them.
`--quick` leaves out the largest of each, `--plots` writes the pictures of docs/performance.md.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from attrs import frozen
from engine_cases import Case, make_dataset, make_request, simulate
from fanout import CROWD_COMMAND, SPARE_FILES, Waiting
from ratios import note
from servers import Server, opened, prepare
from timing import cpu_ms
from watchers import connect_many, watch

DOCS = Path(__file__).parent.parent / "docs"
REPEATS = 3


@frozen
class Series:
    """One cost, by the size of what it is the cost of.

    Attributes:
        name: Of the picture's file.
        title: What grows, and what it costs.
        sizes: Sizes.
        costs: Their costs, in milliseconds of processor time.
    """

    name: str
    title: str
    sizes: Sequence[int]
    costs: Sequence[float]

    @property
    def exponent(self) -> float:
        """The slope in logarithms, by least squares."""
        slope, _ = np.polyfit(np.log(self.sizes), np.log(self.costs), 1)
        return float(slope)


def by_symbols(*, quick: bool) -> Series:
    """Measure the crossover of many symbols, ten years of days."""
    sizes = [10, 100] if quick else [10, 100, 1000]
    costs = [_simulation_ms(Case(size, 2_520, "day", math.inf)) for size in sizes]
    return Series("symbols", "symbols x 2,520 days, crossover", sizes, costs)


def by_bars(*, quick: bool) -> Series:
    """Measure the crossover of one symbol over more and more minutes."""
    sizes = [10**4, 10**5, 10**6] if quick else [10**4, 10**5, 10**6, 10**7]
    costs = [_simulation_ms(Case(1, size, "minute", math.inf)) for size in sizes]
    return Series("bars", "bars of one symbol, crossover", sizes, costs)


def _simulation_ms(case: Case) -> float:
    dataset = make_dataset(case)
    request = make_request(case, dataset)
    simulate(request, dataset)
    return min(cpu_ms(lambda: simulate(request, dataset)) for _ in range(REPEATS))


def by_subscribers(*, quick: bool) -> Series:
    """Measure telling a run to more and more subscribers, from its begin to their last byte."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = min(20_000, files - SPARE_FILES)
    sizes = [100, 1000] if quick else [100, 1000, most]
    return Series("subscribers", "subscribers of one run", sizes, [_telling_ms(n) for n in sizes])


def _telling_ms(subscribers: int) -> float:
    with opened("ours", CROWD_COMMAND) as ours:
        costs = []
        for _ in range(REPEATS if subscribers < 10_000 else 1):
            run = Waiting(ours, metrics_every=1)
            watchers = connect_many(ours.port, f"/backtests/{run.run_id}/stream", subscribers)
            before = _loop_ms(ours)
            run.begin()
            watch(watchers, patience_s=300)
            costs.append(_loop_ms(ours) - before)
        return min(costs)


def _loop_ms(server: Server) -> float:
    """Read the processor time of a server's main thread, in nanoseconds as Linux counts it."""
    return int(Path(f"/proc/{server.process.pid}/schedstat").read_text().split()[0]) / 1e6


def plot(series: Series) -> str:
    """Return the picture of a series: both axes in powers of ten, and the power law."""
    width, height, edge = 420, 260, 50
    x, y = np.log10(series.sizes), np.log10(series.costs)
    left, right = math.floor(x.min()), math.ceil(x.max())
    low, high = math.floor(y.min()), max(math.ceil(y.max()), math.floor(y.min()) + 1)

    def at(size: float, cost: float) -> tuple[float, float]:
        across = edge + (size - left) / (right - left) * (width - 2 * edge)
        return across, height - edge - (cost - low) / (high - low) * (height - 2 * edge)

    slope, begin = np.polyfit(x, y, 1)
    (x1, y1), (x2, y2) = (at(place, slope * place + begin) for place in (x.min(), x.max()))
    lines = [f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="#999"/>']
    for power in range(left, right + 1):
        across, _ = at(power, low)
        lines += [f'<text x="{across:.1f}" y="{height - edge + 16}">{_words(power)}</text>']
    for power in range(low, high + 1):
        _, down = at(left, power)
        lines += [f'<text x="{edge - 26}" y="{down + 4:.1f}">{_words(power)}</text>']
        lines += [f'<path d="M{edge} {down:.1f}H{width - edge}" stroke="#ddd"/>']
    for size, cost in zip(x, y, strict=True):
        across, down = at(size, cost)
        lines += [f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="#1f6feb"/>']
    title = f"{series.title}: ms of processor time, exponent {series.exponent:.2f}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="11" text-anchor="middle">\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        f'<text x="{width / 2}" y="24" font-size="12">{title}</text>\n'
        + "\n".join(lines)
        + "\n</svg>\n"
    )


def _words(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


SERIES: Sequence[Callable[..., Series]] = (by_symbols, by_bars, by_subscribers)


def main(*, quick: bool, plots: bool) -> None:
    """Measure and print all series."""
    prepare()
    for measure in SERIES:
        began = time.perf_counter()
        series = measure(quick=quick)
        print(f"{series.title}   (measured in {time.perf_counter() - began:.0f} s)")
        for size, cost in zip(series.sizes, series.costs, strict=True):
            print(f"  {size:12,} {cost:12,.1f} ms CPU")
        print(f"  grows with the power {series.exponent:.2f}")
        note(f"growth.{series.name}", 1 / series.exponent)
        if plots:
            (DOCS / f"growth-{series.name}.svg").write_text(plot(series), "utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--plots", action="store_true")
    options = parser.parse_args()
    main(quick=options.quick, plots=options.plots)
