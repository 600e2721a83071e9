"""Many trials in the kernel: each is carried out, and only its figures are kept."""

from __future__ import annotations

import math
from typing import Protocol

from glowback_trio.engine.finite import LARGEST
from glowback_trio.engine.kernel.ledger import book
from glowback_trio.engine.kernel.rows import NO_ROW, carry_out
from glowback_trio.engine.kernel.sweep.measures import (
    measure_curve,
    measure_fills,
    measure_returns,
    measure_trips,
)
from glowback_trio.engine.kernel.sweep.sketch import sketch
from glowback_trio.engine.kernel.sweep.tables import Sweep
from glowback_trio.engine.kernel.tables import Run

__all__ = ["CarryOutEach", "carry_out_each"]


class CarryOutEach(Protocol):
    """`carry_out_each`, compiled or not."""

    def __call__(self, sweep: Sweep, capital: float, free: float, stretch: int, /) -> None:
        """See `carry_out_each`."""


def carry_out_each(sweep: Sweep, capital: float, free: float, stretch: int) -> None:
    """Carry out trials and measure them, each as if it were the only one.

    Args:
        sweep: Changed.
        capital: Cash that each begins with.
        free: The return of one bar without risk, a fraction.
        stretch: How many powers of returns are added at once, as in `analytics.returns.moments`.
    """
    run, scratch = sweep.run, sweep.scratch
    bars = len(run.curve.value)
    for trial in range(len(sweep.figures)):
        _open_account(sweep, trial, capital)
        done = carry_out(run, 0, bars, NO_ROW)
        figures, returns = sweep.figures[trial], sweep.returns[trial]
        if not (done == bars and _is_sound(run)):
            for bar in range(bars - 1):
                returns[bar] = 0.0
        else:
            figures["sound"] = 1
            measure_curve(figures, run, capital)
            measure_returns(figures, run, scratch, returns, free, stretch)
            sketch(figures, sweep, trial)
            state = run.book.state[0]
            events, fills = run.book.events[: state["events"]], run.book.fills[: state["fills"]]
            closed = book(events, fills, scratch.held, scratch.pnl, scratch.trips)
            measure_trips(figures, run, scratch, closed)
            measure_fills(figures, run, scratch)


def _open_account(sweep: Sweep, trial: int, capital: float) -> None:
    """Begin the run of a trial, with nothing but cash."""
    own = sweep.run.book
    state = own.state[0]
    own.costs[0] = sweep.costs[trial]
    state["signal"] = sweep.signal[trial]
    state["number"] = 0
    state["open"] = 0
    state["events"] = 0
    state["fills"] = 0
    state["over"] = 0
    state["cash"] = capital
    state["equity"] = capital
    state["gross"] = 0.0
    for symbol in range(len(own.units)):
        own.units[symbol] = 0.0
        own.orders[symbol]["number"] = 0
        for column in range(4):
            sweep.scratch.held[symbol, column] = 0.0


def _is_sound(run: Run) -> bool:
    """Return True if the account was never lost, and no number left the range of an account."""
    value, events = run.curve.value, run.book.events
    sound = 0
    for row in range(len(value)):
        # Written so that NaN fails it: every comparison with NaN is false.
        sound += 1 if value[row] > 0.0 and value[row] < LARGEST else 0
    for event in range(run.book.state[0]["events"]):
        if not math.isfinite(events[event]["quantity"]):
            return False
    return sound == len(value)
