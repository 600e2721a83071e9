"""Time a custom strategy that is called at every bar, and a plain Python loop that does the same.

    python benchmarks/bar_by_bar.py [--quick]

The strategy is a moving average crossover, 10 against 30 bars, long or flat, that keeps two running
sums. The floor calls the same strategy from a plain loop over lists of floats, fills its targets at
the next open and keeps cash, units and one value per bar; no costs, no records, no metrics. Times
are of the processor and taken in turn; the engine's are of the whole result, which the compiled
kernel draws and books where the extra `fast` is installed.
"""

from __future__ import annotations

import argparse
import statistics
from collections import deque
from functools import partial
from typing import ClassVar

from attrs import define, evolve, frozen
from engine_cases import FAST, SLOW, Case, make_dataset, make_request, simulate
from ratios import note
from timing import in_turn

from glowback_trio import extras
from glowback_trio.compute.kernel import warm
from glowback_trio.model.bars import Bars
from glowback_trio.model.strategies.api import BarStrategy, Context, OnBar

CASES = (Case(1, 2_520, "day", 2.0), Case(1, 1_000_000, "minute", 1000.0))
_SYMBOL = "S000"


@frozen
class Crossing(BarStrategy):
    """Be long while the fast mean is above the slow one."""

    name: ClassVar[str] = "crossing"
    title: ClassVar[str] = "Crossing"

    def start(self) -> OnBar:
        """Begin with empty sums."""
        fast, slow = deque([0.0] * FAST), deque([0.0] * SLOW)
        fast_sum = slow_sum = 0.0
        bars, long = 0, False

        def on_bar(context: Context) -> None:
            nonlocal fast_sum, slow_sum, bars, long
            close = context.close(_SYMBOL)
            fast_sum += close - fast.popleft()
            slow_sum += close - slow.popleft()
            fast.append(close)
            slow.append(close)
            bars += 1
            rising = bars >= SLOW and fast_sum * SLOW > slow_sum * FAST
            if rising != long:
                long = rising
                context.target(_SYMBOL, 0.95 if long else 0.0)

        return on_bar


@define(eq=False)
class Floor:
    """The part of a context that the strategy needs."""

    price: float = 0.0
    wanted: float | None = None

    def close(self, _symbol: str) -> float:
        """Return the last close."""
        return self.price

    def target(self, _symbol: str, fraction: float) -> None:
        """Keep the fraction for the next open."""
        self.wanted = fraction


def floor(bars: Bars) -> float:
    """Call the strategy at every close and fill its target at the next open."""
    context, cash, units = Floor(), 1e6, 0.0
    on_bar, quantity, values = Crossing().start(), 0.0, []
    for open_price, close in zip(bars.open.tolist(), bars.close.tolist(), strict=True):
        if quantity:
            cash -= quantity * open_price
            units += quantity
            quantity = 0.0
        value = cash + units * close
        values.append(value)
        context.price = close
        on_bar(context)  # type: ignore[arg-type] # the two methods are all that is called
        if context.wanted is not None:
            quantity, context.wanted = context.wanted * value / close - units, None
    return float(values[-1])


def measure(case: Case, *, quick: bool) -> str:
    """Measure a case and write its line of the table."""
    if quick:
        case = evolve(case, rows=max(case.rows // 20, SLOW * 4))
    dataset = make_dataset(case)
    request = evolve(make_request(case, dataset), strategy=Crossing())
    works = (partial(simulate, request, dataset), partial(floor, dataset.bars[0]))
    engine, plain = in_turn(works, 5 if case.rows > 100_000 else 51)
    median, least = statistics.median(engine), statistics.median(plain)
    figures = (median, min(engine), least, median / least)
    target = "-" if quick else f"{case.target_ms:.1f}"
    name = f"{case.symbols} x {case.rows:,} {case.resolution}"
    if not quick:
        note(f"bar_by_bar.{case.symbols}x{case.rows}.loop", least / median)
    return f"{name:24}{''.join(f'{figure:12.2f}' for figure in figures)}{target:>12}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Time a strategy that is called bar by bar.")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the bars, no targets")
    quick = parser.parse_args().quick
    if extras.FAST.is_installed:
        warm()
    heads = ("median ms", "best ms", "loop ms", "ratio", "target ms")
    print(f"{'symbols x bars':24}{''.join(f'{head:>12}' for head in heads)}")
    for case in CASES:
        print(measure(case, quick=quick), flush=True)


if __name__ == "__main__":
    main()
