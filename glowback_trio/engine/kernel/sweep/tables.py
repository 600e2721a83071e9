"""Arrays that the kernel measures many trials into."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import RecordArray
from glowback_trio.engine.kernel.tables import (
    Curves,
    Integers,
    Run,
    Tables,
    Wanted,
    fixed,
    new_book,
    no_plan,
)
from glowback_trio.model.bars import Floats

__all__ = ["FIGURES", "Scratch", "Sweep", "new_sweep"]

_NUMBERS = (
    "final",  # value at the last bar, currency
    "mean_value",
    "mean",  # of the returns, and their central moments
    "second",
    "third",
    "fourth",
    "excess",  # mean of the returns less those without risk, and mean square of the shortfalls
    "shortfall",
    "fall",  # the deepest drawdown, a fraction
    "notional",
    "commission",
    "slippage",
    "won",  # sums of round trips, see `analytics.round_trips.Tally`
    "lost",
    "best",
    "worst",
    "squares",
    "sketch_mean",  # moments as the sketch has them
    "sketch_second",
    "sketch_third",
    "sketch_fourth",
)
_COUNTS = ("sound", "longest", "exposed", "fills", "trips", "wins", "losses")
#: The figures of a trial. `sound` is 0 where only the simulation itself should try; `longest` is
#: the duration of the longest drawdown, nanoseconds; `exposed` counts bars with a position.
FIGURES = np.dtype([(name, "f8") for name in _NUMBERS] + [(name, "i8") for name in _COUNTS])


class Scratch(NamedTuple):
    """Room to work in.

    Attributes:
        held: (N, 4), see `ledger.book`.
        pnl: (F,) for as many fills as there may be, like the next two.
        trips: Likewise.
        chosen: Likewise.
        excess: (T - 1,) like the next three.
        square: Likewise.
        cube: Likewise.
        fourth: Likewise.
    """

    held: Floats
    pnl: Floats
    trips: Floats
    chosen: Floats
    excess: Floats
    square: Floats
    cube: Floats
    fourth: Floats


class Sweep(NamedTuple):
    """Many trials on the same bars.

    Attributes:
        run: The arrays of one run after the other; its targets are those of all trials, trial by
            trial, those of each followed by one on the row -1.
        scratch: Room to work in.
        costs: (K,) of `COSTS`.
        signal: (K,) the first target of each trial.
        block: (B,) the first return of each block of a sketch.
        coarse: (C,) that of each coarse block.
        figures: (K,) of `FIGURES`, receives the figures.
        returns: (K, T - 1) receives the returns.
        total: (K, B) receives sums of deviations, see `analytics.honesty.sketch`.
        squares: (K, C) receives sums of their squares.
    """

    run: Run
    scratch: Scratch
    costs: RecordArray
    signal: Integers
    block: Integers
    coarse: Integers
    figures: RecordArray
    returns: Floats
    total: Floats
    squares: Floats


def new_sweep(
    tables: Tables,
    wanted: Wanted,
    costs: RecordArray,
    signal: Integers,
    *,
    capital: float,
    blocks: tuple[NDArray[np.intp], NDArray[np.intp]],
) -> Sweep:
    """Return a sweep whose trials are still to be carried out.

    Args:
        tables: The bars, all of them.
        wanted: Targets, see `Sweep.run`.
        costs: Of each trial.
        signal: First target of each trial, and the end.
        capital: Cash that every trial begins with.
        blocks: `block` and `coarse`.
    """
    count, bars, symbols = len(costs), len(tables.time), tables.marks.shape[1]
    # Every target gives a fill or two, as do orders that volume divides; a trial with more of them
    # is left to the simulation.
    fills = 2 * int(np.diff(signal).max(initial=0)) + bars
    book = new_book(CostModel(), capital, symbols).with_room(2 * fills + 16 * symbols, fills)
    curve = Curves(np.empty(bars), np.empty(bars), np.empty(bars), np.empty((bars, 0)))
    returns = max(bars - 1, 0)
    return Sweep(
        run=Run(book, tables, wanted, no_plan(), curve),
        scratch=Scratch(
            np.empty((symbols, 4)),
            *(np.empty(fills) for _ in range(3)),
            *(np.empty(returns) for _ in range(4)),
        ),
        costs=fixed(costs),
        signal=fixed(signal),
        block=fixed(blocks[0]),
        coarse=fixed(blocks[1]),
        figures=np.zeros(count, FIGURES),
        returns=np.empty((count, returns)),
        total=np.zeros((count, len(blocks[0]))),
        squares=np.zeros((count, len(blocks[1]))),
    )
