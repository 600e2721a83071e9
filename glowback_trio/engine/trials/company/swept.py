"""A block of trials by the kernel: every trial of a group in one call, without records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from glowback_trio.engine.analytics.honesty.sketch import (
    SketchSums,
    block_numbers,
    block_starts,
    sketches_from,
)
from glowback_trio.engine.analytics.metrics import CurveFigures, Traded
from glowback_trio.engine.analytics.returns import STRETCH, Moments, tail
from glowback_trio.engine.analytics.round_trips import Tally
from glowback_trio.engine.execution.journal import RecordArray
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.kernel.choice import Kernel
from glowback_trio.engine.kernel.sweep.tables import Sweep, new_sweep
from glowback_trio.engine.kernel.tables import Integers, Wanted, cost_record, wanted_targets
from glowback_trio.engine.trials.company.entrants import Entrant
from glowback_trio.engine.trials.company.measures import Accounts, Ledgers
from glowback_trio.engine.trials.company.orders import Wanted as Targets
from glowback_trio.engine.trials.company.orders import due_rows, wanted
from glowback_trio.engine.trials.company.survey import Survey, groups
from glowback_trio.engine.trials.company.track import Track
from glowback_trio.model.bars import Floats

__all__ = ["by_kernel"]

_DAY = np.timedelta64(1, "D")
_MOMENTS = ("mean", "second", "third", "fourth")


def by_kernel(
    kernel: Kernel, entrants: Sequence[Entrant], lanes: Sequence[Track]
) -> Iterator[Survey]:
    """Carry out trials, and yield their surveys, one every few milliseconds.

    Args:
        kernel: Compiled or not.
        entrants: The trials.
        lanes: The tracks of their segments.
    """
    for number, lane in enumerate(lanes):
        for some in groups(len(entrants), lane):
            yield _surveyed(kernel, entrants[some], lane, (number, some))


@quiet
def _surveyed(
    kernel: Kernel, entrants: Sequence[Entrant], lane: Track, place: tuple[int, slice]
) -> Survey:
    base = entrants[0].request
    sweep, free = _prepared(entrants, lane), base.risk_free_rate / lane.periods
    kernel.carry_out_each(sweep, base.initial_capital, free, STRETCH)
    figures, returns = sweep.figures, sweep.returns
    mean, second, third, fourth = (figures[f"sketch_{name}"] for name in _MOMENTS)
    deviations = sweep.total, sweep.squares
    sums = SketchSums(returns.shape[1], mean, second, third, fourth, *deviations)
    return Survey(
        *place,
        figures["sound"] == 1,
        Accounts(
            _curve_figures(figures, returns),
            figures["mean_value"],
            figures["exposed"] / len(lane),
            _ledgers(figures),
        ),
        returns,
        partial(sketches_from, sums),
    )


def _prepared(entrants: Sequence[Entrant], lane: Track) -> Sweep:
    """Lay out the targets of all trials, and room for what is measured."""
    targets = wanted(entrants, lane)
    signal = np.searchsorted(targets.account, np.arange(len(entrants) + 1))
    # After the targets of each trial comes one on no row.
    last = signal[1:] + np.arange(len(entrants))
    count = max(len(lane) - 1, 0)
    blocks, coarse = block_numbers(count)
    return new_sweep(
        lane.tables,
        _in_turn(targets, due_rows(entrants, lane, targets), last),
        _costs(entrants),
        signal + np.arange(len(signal)),
        capital=entrants[0].request.initial_capital,
        blocks=(block_starts(count, blocks), block_starts(count, coarse)),
    )


def _in_turn(targets: Targets, due: Integers, last: Integers) -> Wanted:
    own = np.ones(len(due) + len(last), bool)
    own[last] = False
    row, then = np.full((2, len(own)), -1)
    row[own], then[own] = targets.bar, due
    fraction = np.zeros(len(own))
    fraction[own] = targets.fraction
    return wanted_targets(row, np.zeros(len(own), np.int64), fraction, then)


def _costs(entrants: Sequence[Entrant]) -> RecordArray:
    models = {id(one.costs): one.costs for one in entrants}  # most trials share one
    place = {key: number for number, key in enumerate(models)}
    records = np.concatenate([cost_record(costs) for costs in models.values()])
    return records[[place[id(one.costs)] for one in entrants]]


def _curve_figures(figures: RecordArray, returns: Floats) -> CurveFigures:
    mean, second, third, fourth = (figures[name] for name in _MOMENTS)
    count = returns.shape[1]
    spread = Moments.of(count, mean, second, third, fourth)
    return CurveFigures(
        figures["final"],
        spread,
        figures["excess"],
        figures["shortfall"],
        figures["fall"],
        figures["longest"].view("m8[ns]") / _DAY,
        tail(returns.T),
    )


def _ledgers(figures: RecordArray) -> Ledgers:
    traded = (figures[name] for name in ("fills", "notional", "commission", "slippage"))
    sums = (figures[name] for name in ("won", "lost", "best", "worst", "squares"))
    wins, losses = (figures[name].astype(float) for name in ("wins", "losses"))
    return Ledgers(Traded(*traded), Tally(figures["trips"], wins, losses, *sums))
