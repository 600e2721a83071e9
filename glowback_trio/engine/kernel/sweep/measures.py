"""Figures of one run in the kernel. The counterpart of sums in `analytics` over (T,) arrays.

Each sum is added as numpy adds it there, so that no digit differs.
"""

from __future__ import annotations

import math
from typing import Any

from glowback_trio.engine.kernel.arithmetic import added
from glowback_trio.engine.kernel.sweep.tables import Scratch
from glowback_trio.engine.kernel.tables import Run
from glowback_trio.model.bars import Floats
from glowback_trio.model.orders import OrderEventKind

__all__ = ["measure_curve", "measure_fills", "measure_returns", "measure_trips"]

_FILLED = int(OrderEventKind.FILLED)


def measure_curve(figures: Any, run: Run, capital: float) -> None:
    """Measure the account's value, all of it positive and finite, and its drawdowns."""
    value, gross, time = run.curve.value, run.curve.gross, run.tables.time
    bars = len(value)
    figures["final"] = value[bars - 1]
    figures["mean_value"] = (0.0 + added(value, bars, run.book.halves)) / bars
    exposed = 0
    for row in range(bars):
        exposed += 1 if gross[row] > 0.0 else 0
    figures["exposed"] = exposed
    peak, peak_row, lowest = capital, 0, capital
    deepest, longest = 0.0, 0
    for row in range(bars):
        now = value[row]
        if now >= peak:
            # Below the same peak, the lowest value has the largest fall.
            if lowest < peak:
                deepest = max(deepest, (peak - lowest) / peak)
                longest = max(longest, time[row] - time[peak_row])
            peak, peak_row, lowest = now, row, now
        elif now < lowest:
            lowest = now
    if lowest < peak:
        deepest = max(deepest, (peak - lowest) / peak)
        longest = max(longest, time[bars - 1] - time[peak_row])
    figures["fall"] = deepest
    figures["longest"] = longest


def measure_returns(
    figures: Any, run: Run, scratch: Scratch, returns: Floats, free: float, stretch: int
) -> None:
    """Write the returns of a curve, and measure their moments and their shortfalls.

    Args:
        figures: Changed.
        run: Its curve is drawn.
        scratch: `excess` receives the returns less those without risk.
        returns: (T - 1,) receives the returns.
        free: As in `each.carry_out_each`, like `stretch`.
        stretch: Likewise.
    """
    value, halves, count = run.curve.value, run.book.halves, len(returns)
    excess, square = scratch.excess, scratch.square
    for bar in range(count):
        returns[bar] = value[bar + 1] / value[bar] - 1.0
    share = 1.0 / max(count, 1)
    mean = (0.0 + added(returns, count, halves)) * share
    figures["mean"] = mean
    _measure_powers(figures, run, scratch, returns, stretch)
    for bar in range(count):
        over = returns[bar] - free
        excess[bar] = over
        short = min(over, 0.0)
        square[bar] = short * short
    figures["excess"] = (0.0 + added(excess, count, halves)) * share
    figures["shortfall"] = (0.0 + added(square, count, halves)) * share


def _measure_powers(
    figures: Any, run: Run, scratch: Scratch, returns: Floats, stretch: int
) -> None:
    halves, count, mean = run.book.halves, len(returns), figures["mean"]
    square, cube, fourth = scratch.square, scratch.cube, scratch.fourth
    second, third, last = 0.0, 0.0, 0.0
    for start in range(0, count, stretch):
        some = min(stretch, count - start)
        for bar in range(some):
            deviation = returns[start + bar] - mean
            power = deviation * deviation
            square[bar] = power
            cube[bar] = deviation * power
            fourth[bar] = power * power
        second += 0.0 + added(square, some, halves)
        third += 0.0 + added(cube, some, halves)
        last += 0.0 + added(fourth, some, halves)
    share = 1.0 / max(count, 1)
    figures["second"] = second * share
    figures["third"] = third * share
    figures["fourth"] = last * share


def measure_trips(figures: Any, run: Run, scratch: Scratch, closed: int) -> None:
    """Tally the round trips, as `analytics.round_trips.tally` does."""
    trips, chosen, halves = scratch.trips, scratch.chosen, run.book.halves
    wins, losses, best, worst = 0, 0, math.nan, math.nan
    for at in range(closed):
        if trips[at] > 0.0:
            best = trips[at] if wins == 0 else max(best, trips[at])
            chosen[wins] = trips[at]
            wins += 1
    won = 0.0 + added(chosen, wins, halves)
    for at in range(closed):
        if trips[at] < 0.0:
            worst = trips[at] if losses == 0 else min(worst, trips[at])
            chosen[losses] = trips[at]
            losses += 1
    lost = 0.0 + added(chosen, losses, halves)
    mean = (won + lost) / closed if closed > 0 else math.nan
    for at in range(closed):
        deviation = trips[at] - mean
        chosen[at] = deviation * deviation
    figures["trips"] = closed
    figures["wins"] = wins
    figures["losses"] = losses
    figures["won"] = won
    figures["lost"] = lost
    figures["best"] = best
    figures["worst"] = worst
    figures["squares"] = 0.0 + added(chosen, closed, halves)


def measure_fills(figures: Any, run: Run, scratch: Scratch) -> None:
    """Count and sum up the fills."""
    book, halves = run.book, run.book.halves
    notional, commission, slippage = scratch.chosen, scratch.pnl, scratch.trips
    at = 0
    for event in range(book.state[0]["events"]):
        if book.events[event]["what"] == _FILLED:
            fill = book.fills[at]
            notional[at] = abs(book.events[event]["quantity"]) * fill["price"]
            commission[at] = fill["commission"]
            slippage[at] = fill["slippage"]
            at += 1
    figures["fills"] = at
    figures["notional"] = 0.0 + added(notional, at, halves)
    figures["commission"] = 0.0 + added(commission, at, halves)
    figures["slippage"] = 0.0 + added(slippage, at, halves)
