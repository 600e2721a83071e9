"""Signals: every new target of every symbol, and the bar that may first fill it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.execution.costs import CostModel
from glowback_trio.engine.strategies.builtin import Targets, custom_targets, targets
from glowback_trio.engine.timeline import Timeline
from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.strategies.api import Panel, TargetStrategy
from glowback_trio.model.strategies.parameters import BuiltIn

__all__ = ["Signals", "work_out"]

_CELLS = 1 << 18
_PRICES = ("open", "close")


@frozen(eq=False)
class Signals:
    """New targets in the order they arise: by row, then by symbol. All columns (S,).

    Attributes:
        row: Row on the timeline of the bar whose close gave the signal.
        symbol: Index of the symbol.
        target: Signed fraction of the symbol's share of equity.
        close: That close, currency.
        bar: Index, among the bars of the symbol, of the first one that may fill an order made
            here; the number of its bars if none is left.
        due: Row of that bar on the timeline; the number of rows if none is left.
        open_price: Open of that bar, currency; of the last bar if none is left.
        mark: Close of the bar before it, currency.
    """

    row: Indices = field(repr=False)
    symbol: Indices = field(repr=False)
    target: Floats = field(repr=False)
    close: Floats = field(repr=False)
    bar: Indices = field(repr=False)
    due: Indices = field(repr=False)
    open_price: Floats = field(repr=False)
    mark: Floats = field(repr=False)

    def some(self, which: slice) -> Signals:
        """Return the signals in a slice."""
        return Signals(
            self.row[which],
            self.symbol[which],
            self.target[which],
            self.close[which],
            self.bar[which],
            self.due[which],
            self.open_price[which],
            self.mark[which],
        )


def work_out(
    strategy: BuiltIn | TargetStrategy,
    costs: CostModel,
    timeline: Timeline,
    checkpoint: Callable[[], object],
) -> Signals:
    """Work out all signals of a run.

    Args:
        strategy: The strategy and its parameters.
        costs: Gives the latency, and whether targets may be negative.
        timeline: The bars of all symbols.
        checkpoint: Called between groups of symbols; what it raises ends the work.
    """
    parts = []
    # Groups of symbols that share their bars are bounded in cells, so that no (T, N) array of all
    # symbols is made next to the bars. A custom strategy may compare symbols: it sees all at once.
    cells = None if isinstance(strategy, TargetStrategy) else _CELLS
    for group in timeline.groups(cells):
        checkpoint()
        parts.append(_of_group(strategy, costs, timeline, group))
    row, symbol, *others = (np.concatenate(column) for column in zip(*parts, strict=True))
    if len(timeline.bars) == 1:
        return Signals(row, symbol, *others)
    order = np.lexsort((symbol, row))
    return Signals(*(column[order] for column in (row, symbol, *others)))


def _of_group(
    strategy: BuiltIn | TargetStrategy, costs: CostModel, timeline: Timeline, group: Sequence[int]
) -> tuple[Indices, Indices, Floats, Floats, Indices, Indices, Floats, Floats]:
    """Return the columns of `Signals` for symbols that share their bars, not ordered yet."""
    bars = [timeline.bars[symbol] for symbol in group]
    open_price, close = (_side_by_side([getattr(one, name) for one in bars]) for name in _PRICES)
    wanted = _wanted(strategy, costs, timeline, group, close)
    made, column, fraction = wanted
    rows, first = timeline.rows[group[0]], made + 1
    if costs.latency:
        time = bars[0].time
        first = np.maximum(first, np.searchsorted(time, time[made] + costs.latency))
    last = np.minimum(first, len(rows) - 1)
    return (
        rows[made],
        np.array(group)[column],
        fraction,
        close[made, column],
        first,
        np.where(first < len(rows), rows[last], len(timeline)),
        open_price[last, column],
        close[first - 1, column],
    )


def _wanted(
    strategy: BuiltIn | TargetStrategy,
    costs: CostModel,
    timeline: Timeline,
    group: Sequence[int],
    close: Floats,
) -> Targets:
    """Return the targets of symbols that share their bars, from bars before the range on."""
    warmup, shorts = len(timeline.warmup.get(group[0], ())), costs.allow_short
    if isinstance(strategy, TargetStrategy):
        panel = Panel([timeline.seen(symbol) for symbol in group])
        return custom_targets(strategy, panel, close, allow_short=shorts, warmup=warmup)
    if warmup:
        before = _side_by_side([timeline.warmup[symbol].close for symbol in group])
        close = np.concatenate([before, close])
    return targets(strategy, close, allow_short=shorts, warmup=warmup)


def _side_by_side(columns: Sequence[Floats]) -> Floats:
    """Return N columns as one (T, N) array; a single one without a copy."""
    return columns[0][:, np.newaxis] if len(columns) == 1 else np.stack(columns, axis=1)
