"""The choice between the kernel and the other ways to a fill, for this process.

They differ in time only. The kernel is chosen once it has been compiled, by whoever has it compiled
(`compute.kernel`); until then nothing here waits for a compiler, or knows of one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import numpy as np
from attrs import define

from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.execution.journal import EVENT, FILL, PAYMENT
from glowback_trio.engine.kernel import (
    account,
    arithmetic,
    crossing,
    falls,
    fills,
    ledger,
    means,
    orders,
    portfolio,
    rows,
)
from glowback_trio.engine.kernel.account import DrawAccount, draw_account
from glowback_trio.engine.kernel.crossing import Crossings, crossings
from glowback_trio.engine.kernel.falls import DrawFalls, draw_falls
from glowback_trio.engine.kernel.ledger import Book, book
from glowback_trio.engine.kernel.means import CrossEach, RollingMean, cross_each, rolling_mean
from glowback_trio.engine.kernel.rows import CarryOut, carry_out
from glowback_trio.engine.kernel.sweep import each, measures, sketch
from glowback_trio.engine.kernel.sweep.each import CarryOutEach, carry_out_each
from glowback_trio.engine.kernel.sweep.tables import new_sweep
from glowback_trio.engine.kernel.tables import (
    COSTS,
    Curves,
    Run,
    Tables,
    fixed,
    new_book,
    no_plan,
    none_wanted,
)

__all__ = ["INTERPRETED", "MODULES", "Kernel", "choose", "chosen", "examples", "functions", "using"]

#: The modules that the kernel consists of.
MODULES: tuple[ModuleType, ...] = (
    *(arithmetic, orders, fills, portfolio, rows, ledger, means),
    *(crossing, falls, account, measures, sketch, each),
)


class Kernel(NamedTuple):
    """The functions of the kernel that are called from outside, compiled or not."""

    carry_out: CarryOut
    book: Book
    rolling_mean: RollingMean
    crossings: Crossings
    draw_falls: DrawFalls
    draw_account: DrawAccount
    carry_out_each: CarryOutEach
    cross_each: CrossEach


#: The kernel as plain Python: slow, and what the compiled one is held to.
INTERPRETED = Kernel(
    *(carry_out, book, rolling_mean, crossings, draw_falls, draw_account),
    *(carry_out_each, cross_each),
)


@define
class _Choice:
    kernel: Kernel | None = None


_CHOICE = _Choice()


def chosen() -> Kernel | None:
    """Return the kernel that runs take from now on; None if they do without."""
    return _CHOICE.kernel


def choose(kernel: Kernel | None) -> None:
    """Let all runs that begin from now on take this kernel, or none."""
    _CHOICE.kernel = kernel


@contextmanager
def using(kernel: Kernel | None) -> Iterator[None]:
    """Let the runs that begin within the block take this kernel, or none."""
    before = chosen()
    choose(kernel)
    try:
        yield
    finally:
        choose(before)


def functions(module: ModuleType) -> Mapping[str, FunctionType]:
    """Return the functions that a module of the kernel defines, by name."""
    own = vars(module).items()
    return {
        name: one
        for name, one in own
        if isinstance(one, FunctionType) and one.__module__ == module.__name__
    }


def examples() -> Mapping[str, tuple[Any, ...]]:
    """Return arguments of each function of a `Kernel`, whose types are those of every call."""
    prices, rows_, none = np.ones((1, 1)), np.zeros(1, np.int64), np.zeros(0, np.int64)
    book_ = new_book(CostModel(), 1.0, 1).with_room(16, 16)
    tables = Tables.closed(0, prices, prices, np.zeros((0, 0)), rows_, none, rows_ - 1)
    curve = Curves(np.zeros(1), np.zeros(1), np.zeros(1), np.zeros((1, 0)))
    run = Run(book_, tables, none_wanted(), no_plan(), curve)
    records = np.empty(0, EVENT), np.empty(0, FILL)
    costs, no_block = np.zeros(1, COSTS), (none, none)
    trials = new_sweep(tables, none_wanted(), costs, none, capital=1.0, blocks=no_block)
    # In this order, because the last one calls others.
    return {
        "carry_out": (run, 0, 1, rows.NO_ROW),
        "rolling_mean": (fixed(prices), 1, np.zeros((1, 1)), np.zeros(1)),
        "book": (*records, np.zeros((1, 4)), np.zeros(0), np.zeros(0)),
        "crossings": (fixed(prices), 0, (1, 1, 0), (1.0, 0.0), np.zeros(2), none, np.zeros(0)),
        "draw_account": (
            (*records, np.empty(0, PAYMENT)),
            fixed(prices),
            *(0, 1.0, np.zeros(1)),
            (np.zeros(1), book_.halves),
            curve,
        ),
        "draw_falls": (np.ones(1), np.ones(1), 0, 1, 1.0),
        "carry_out_each": (trials, 1.0, 0.0, 1),
        "cross_each": (prices, np.zeros((1, 2), np.int64), 0, np.zeros((1, 3), np.int64)),
    }
