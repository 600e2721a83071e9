"""Coverage of the bootstrap's intervals: how often they hold what they are for.

Records are drawn from processes whose Sharpe ratio and mean growth are known. The interval of the
drawdown is tried on the drawdown of another record of the same process and length. The table is the
one in docs/engine.md; it takes some ten minutes, or less with fewer records:
`python benchmarks/interval_coverage.py 200`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping

import numpy as np

from glowback_trio.engine.analytics.bootstrap.intervals import intervals
from glowback_trio.model.bars import Floats

LENGTHS = (60, 120, 250, 1_000)
LEVEL = 0.95
MEAN, SD = 0.0005, 0.01  # of a return
_MOST = 1_000_000  # returns that a process is drawn for to know its growth

Process = Callable[[np.random.Generator, int], Floats]


def _normal(random: np.random.Generator, count: int) -> Floats:
    return random.standard_normal(count)


def _fat_tails(random: np.random.Generator, count: int) -> Floats:
    """Draw from Student's t with 3 degrees of freedom, whose fourth moment is infinite."""
    return random.standard_t(3, count) / math.sqrt(3)


def _skewed(random: np.random.Generator, count: int) -> Floats:
    """Draw from a log-normal distribution with its long tail on the side of the losses."""
    growth = math.exp(0.36)
    return (math.exp(0.18) - random.lognormal(0.0, 0.6, count)) / math.sqrt((growth - 1) * growth)


def _trending(random: np.random.Generator, count: int) -> Floats:
    return _autoregression(random, count, 0.3)


def _reverting(random: np.random.Generator, count: int) -> Floats:
    return _autoregression(random, count, -0.2)


def _autoregression(random: np.random.Generator, count: int, slope: float) -> Floats:
    """Draw a first-order autoregression, from its stationary distribution on."""
    noise = random.standard_normal(count)
    noise[1:] *= math.sqrt(1 - slope * slope)
    found, last = np.empty(count), 0.0
    for index, one in enumerate(noise.tolist()):
        last = slope * last + one
        found[index] = last
    return found


def _clustered(random: np.random.Generator, count: int) -> Floats:
    """Draw a GARCH(1, 1) of variance 1, in which calm and turbulent times alternate."""
    noise, found, variance = random.standard_normal(count + 200), np.empty(count + 200), 1.0
    for index, one in enumerate(noise.tolist()):
        found[index] = math.sqrt(variance) * one
        variance = 0.05 + 0.1 * variance * one * one + 0.85 * variance
    return found[200:]


PROCESSES: Mapping[str, Process] = {
    "independent, normal": _normal,
    "independent, Student's t with 3 degrees of freedom": _fat_tails,
    "independent, log-normal losses": _skewed,
    "autocorrelation 0.3": _trending,
    "autocorrelation -0.2": _reverting,
    "GARCH(1, 1)": _clustered,
}


def drawdown(returns: Floats) -> float:
    """Return the largest drawdown, percent."""
    value = np.cumprod(np.append(1.0, 1.0 + returns))
    return float((1.0 - value / np.maximum.accumulate(value)).max() * 100)


def coverage(process: Process, length: int, records: int) -> tuple[float, float, float]:
    """Return the fractions of intervals of ratio, growth and drawdown that hold the true value."""
    random = np.random.default_rng(length)

    def draw(count: int) -> Floats:
        return np.maximum(MEAN + SD * process(random, count), -0.99)

    growth = math.expm1(float(np.log1p(draw(_MOST)).mean()) * length) * 100
    held = np.zeros(3)
    for _ in range(records):
        found = intervals(draw(length), 1.0, 0.0, random, level=LEVEL)
        true = (MEAN / SD, growth, drawdown(draw(length)))
        names = ("sharpe_ratio", "total_return", "max_drawdown")
        for index, name in enumerate(names):
            one = found[name]
            held[index] += one is not None and one.low <= true[index] <= one.high
    ratio, grown, fallen = (held / records).tolist()
    return ratio, grown, fallen


def main(records: int = 1_000) -> None:
    """Print the table, as Markdown."""
    print(f"Coverage of intervals of {LEVEL:.0%}: Sharpe ratio / growth / drawdown\n")
    print("| returns | " + " | ".join(f"{length:,}" for length in LENGTHS) + " |")
    print("| --- |" + " --- |" * len(LENGTHS))
    for name, process in PROCESSES.items():
        cells = (
            " / ".join(f"{one:.3f}" for one in coverage(process, length, records))
            for length in LENGTHS
        )
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
