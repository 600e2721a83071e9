"""Time the engine, and the least that bare numpy needs for the same work.

    python benchmarks/engine.py [--quick]

Each case is a moving average crossover, 10 against 30 bars, or a rebalance to equal weights at
every close, with costs and the whole result: curve, trades, orders, metrics, manifest. It is
computed by the compiled kernel, where the extra `fast` is installed, and without it. The floor is
numpy alone: for the crossover means, sides, returns and one cumulative product; for weights the
drift of prices, the turnover of returning to them, and its costs. It has no orders, no ledger and
no metrics. Making the bars is not timed, nor is the result's JSON. The digest of the bars is
computed once, when they are loaded, and is listed by itself. Where vectorbt is installed, the first
column is how many times longer it takes, measured after it has compiled; install its Rust engine
too (`vectorbt[rust]`), which is then used.

The last line is memory: the peak of the process while the engine works, above what it held when the
bars had been made.

Times are processor times, and engine and floor take turns, so that other load on the machine
disturbs the ratio as little as possible.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from attrs import evolve
from engine_cases import (
    CASES,
    COST,
    FAST,
    INVESTED,
    SLOW,
    Case,
    make_dataset,
    make_request,
    simulate,
)
from ratios import note
from timing import cpu_ms, in_turn

from glowback_trio import extras
from glowback_trio.compute.kernel import warm
from glowback_trio.engine.kernel.choice import Kernel, chosen, using
from glowback_trio.model.bars import Dataset, Floats
from glowback_trio.model.request import BacktestRequest


def floor(open_price: Floats, close: Floats) -> float:
    """Work out the crossover's growth with numpy alone.

    Args:
        open_price: (T, N).
        close: (T, N).

    Returns:
        Final over initial value, the mean of all symbols: long from open to open where the fast
        mean is above the slow one, short elsewhere, without costs.
    """
    total = np.cumsum(close, axis=0)
    fast = (total[SLOW:] - total[SLOW - FAST : -FAST]) / FAST
    slow = (total[SLOW:] - total[:-SLOW]) / SLOW
    side = np.where(fast > slow, 1.0, -1.0)
    returns = open_price[SLOW + 1 :] / open_price[SLOW:-1] - 1.0
    growth = np.cumprod(1.0 + side[:-1] * returns, axis=0)
    return float(growth[-1].mean())


def floor_of_weights(open_price: Floats, _close: Floats) -> float:
    """Work out the growth of equal weights with numpy alone.

    Args:
        open_price: (T, N).

    Returns:
        Final over initial value of a rebalance at every open, at a cost per traded value.
    """
    weight = INVESTED / open_price.shape[1]
    grown = weight * (open_price[1:] / open_price[:-1])
    growth = 1.0 - INVESTED + grown.sum(axis=1)
    turnover = np.abs(weight - grown / growth[:, np.newaxis]).sum(axis=1)
    return float(np.prod(growth * (1.0 - COST * turnover)))


def measure(case: Case, *, quick: bool) -> str:
    """Measure a case and write its line of the table."""
    if quick:
        case = evolve(case, rows=max(case.rows // 20, SLOW * 4))
    dataset = make_dataset(case)
    request = make_request(case, dataset)
    open_price = np.stack([bars.open for bars in dataset.bars], axis=1)
    close = np.stack([bars.close for bars in dataset.bars], axis=1)
    digest = cpu_ms(dataset.digest)
    least_work = floor_of_weights if case.weights else floor
    works: dict[str, Callable[[], object]] = {
        "without": partial(taking, None, request, dataset),
        "floor": partial(least_work, open_price, close),
    }
    if KERNEL is not None:
        works["kernel"] = partial(taking, KERNEL, request, dataset)
    if find_spec("vectorbt") is not None:
        works["vectorbt"] = peer(case, open_price, close)
    repeats = 7 if case.symbols * case.rows > 100_000 else 201
    times = in_turn(list(works.values()), repeats)
    median = dict(zip(works, map(statistics.median, times), strict=True))
    ours = median.get("kernel", median["without"])
    kind = "weights" if case.weights else case.resolution
    row = f"{case.symbols} x {case.rows:,} {kind}"
    for other in ("vectorbt", "floor"):
        if other in median and not quick:
            note(f"engine.{case.symbols}x{case.rows}_{kind}.{other}", median[other] / ours)
    figures = [
        median["vectorbt"] / ours if "vectorbt" in median else None,
        median["without"] / ours,
        ours / median["floor"],
        *(median.get(name) for name in ("kernel", "without", "floor", "vectorbt")),
        digest,
    ]
    return f"{row:24}" + "".join(
        "-".rjust(12) if one is None else f"{one:12.2f}" for one in figures
    )


def taking(kernel: Kernel | None, request: BacktestRequest, dataset: Dataset) -> float:
    """Run a backtest by a kernel, or without."""
    with using(kernel):
        return simulate(request, dataset)


def peer(case: Case, open_price: Floats, close: Floats) -> Callable[[], object]:
    """Return the same by vectorbt."""
    import engine_peer  # noqa: PLC0415 - takes seconds to import and may be missing

    make = engine_peer.weights_peer if case.weights else engine_peer.peer
    return make(open_price, close)


def loaded_kernel() -> Kernel | None:
    """Load the compiled kernel, if the extra is installed."""
    if extras.FAST.is_installed:
        warm()
    return chosen()


KERNEL = loaded_kernel()


def memory_kb(field: str) -> int:
    """Read the memory of this process as Linux counts it: `VmRSS` is now, `VmHWM` the peak."""
    (found,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found)


def peak_mb(case: Case) -> float:
    """Measure the peak memory of a first run above its bars, in 10^6 bytes."""
    dataset = make_dataset(case)
    request = make_request(case, dataset)
    Path("/proc/self/clear_refs").write_text("5")  # resets the peak to the present
    before = memory_kb("VmRSS")
    simulate(request, dataset)
    return (memory_kb("VmHWM") - before) * 1024 / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time the engine.")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the bars")
    quick = parser.parse_args().quick
    # Measured first: memory that an earlier run has freed would be used again and not be seen.
    peaks = [
        f"{case.symbols} x {case.rows:,} holds at most {peak_mb(case):.1f} MB above its bars, "
        f"target {case.target_mb:.1f} MB"
        for case in CASES
        if case.target_mb and not quick
    ]
    heads = (
        *("vectorbt x", "without x", "floor x"),
        *("kernel ms", "without ms", "floor ms", "vectorbt ms", "digest ms"),
    )
    print(f"{'symbols x bars':24}{''.join(f'{head:>12}' for head in heads)}")
    for case in CASES:
        print(measure(case, quick=quick), flush=True)
    print(*peaks, sep="\n")


if __name__ == "__main__":
    main()
