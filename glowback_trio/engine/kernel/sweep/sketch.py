"""Sketches in the kernel: the sums of one record. The counterpart of `analytics.honesty.sketch`."""

from __future__ import annotations

from typing import Any

from glowback_trio.engine.kernel.arithmetic import added
from glowback_trio.engine.kernel.sweep.tables import Sweep
from glowback_trio.engine.kernel.tables import Integers
from glowback_trio.model.bars import Floats

__all__ = ["sketch"]


def sketch(figures: Any, sweep: Sweep, trial: int) -> None:
    """Sum up the returns of a trial, less those without risk, block by block.

    Args:
        figures: Of the trial, changed.
        sweep: Its scratch holds these returns, which are used up.
        trial: Which it is.
    """
    scratch, halves = sweep.scratch, sweep.run.book.halves
    excess, square = scratch.excess, scratch.square
    cube, fourth, count = scratch.cube, scratch.fourth, len(scratch.excess)
    if count == 0:
        return
    mean = (0.0 + added(excess, count, halves)) / count
    for bar in range(count):
        deviation = excess[bar] - mean
        power = deviation * deviation
        excess[bar] = deviation
        square[bar] = power
        cube[bar] = deviation * power
        fourth[bar] = power * power
    _add_blocks(sweep, sweep.block, excess, sweep.total[trial])
    _add_blocks(sweep, sweep.coarse, square, sweep.squares[trial])
    figures["sketch_mean"] = mean
    figures["sketch_second"] = (0.0 + added(square, count, halves)) / count
    figures["sketch_third"] = (0.0 + added(cube, count, halves)) / count
    figures["sketch_fourth"] = (0.0 + added(fourth, count, halves)) / count


def _add_blocks(sweep: Sweep, starts: Integers, values: Floats, sums: Floats) -> None:
    """Sum up block by block as `np.add.reduceat` does: the first number, then all others."""
    halves = sweep.run.book.halves
    for block in range(len(starts)):
        end = starts[block + 1] if block + 1 < len(starts) else len(values)
        first = starts[block] + 1
        sums[block] = values[first - 1] + added(values[first:end], end - first, halves)
