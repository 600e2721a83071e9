"""The plan of a portfolio: its targets, and when to return to them.

It depends on the request and the bars' times only, and so is known before the first bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from attrs import field, frozen
from numpy.typing import NDArray

from glowback_trio.engine.execution.blotter import NEVER
from glowback_trio.engine.timeline import Timeline
from glowback_trio.engine.tolerance import EQUAL
from glowback_trio.model.bars import Floats, Indices, Times
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.wire.percent import as_fraction

__all__ = ["Plan", "make_plan"]


@frozen(eq=False)
class Plan:
    """Targets and schedule of a portfolio, for the M of the run's N symbols that weigh something.

    Attributes:
        construction: The request's limits and target weights.
        names: Of the M symbols, alphabetically.
        symbol: (M,) their indices among the run's.
        requested: (M,) target weights, fractions of equity.
        scaled: (M,) the same under the cash floor.
        target: (M,) the same under the cap on a weight.
        first: (M,) the row of each symbol's first bar.
        end: (M,) the row from which on its weight is cash again, because its data have ended and
            its position is closed; past the last row where that does not happen.
        arrivals: These rows, ascending.
        period: (T,) the session date of each row, or its week or month, as a number that grows.
    """

    construction: PortfolioConstruction
    names: tuple[str, ...]
    symbol: Indices = field(repr=False)
    requested: Floats = field(repr=False)
    scaled: Floats = field(repr=False)
    target: Floats = field(repr=False)
    first: Indices = field(repr=False)
    end: Indices = field(repr=False)
    arrivals: Indices = field(repr=False)
    period: NDArray[np.int64] = field(repr=False)

    def present(self, row: int) -> NDArray[np.bool_]:
        """Return True for each symbol that has its weight at a row, (M,)."""
        return (self.first <= row) & (row < self.end)

    def scheduled(self, row: int) -> int:
        """Return the first row of a later period than this row's; `NEVER` if there is none."""
        after = int(self.period.searchsorted(self.period[row], side="right"))
        return after if after < len(self.period) else NEVER

    def arrival(self, row: int) -> int:
        """Return the next row of a symbol's first bar, this one included; `NEVER` if none."""
        at = int(self.arrivals.searchsorted(row))
        return self.arrivals.item(at) if at < len(self.arrivals) else NEVER


def make_plan(
    construction: PortfolioConstruction, timeline: Timeline, *, closes_ended: bool = False
) -> Plan:
    """Return the plan of a portfolio construction on a timeline.

    Args:
        construction: The request's limits and target weights.
        timeline: The bars.
        closes_ended: True if positions are closed once their data have ended.
    """
    weights = construction.target_weights
    held = [i for i, name in enumerate(timeline.symbols) if weights.get(name, 0.0) > 0.0]
    names = tuple(timeline.symbols[i] for i in held)
    requested = np.array([weights[name] for name in names])
    scaled = requested * _scale(requested, 1.0 - as_fraction(construction.cash_floor_pct))
    most = construction.max_weight_pct
    first = np.array([timeline.rows[i][0] for i in held], dtype=np.intp)
    return Plan(
        construction=construction,
        names=names,
        symbol=np.array(held, dtype=np.intp),
        requested=requested,
        scaled=scaled,
        target=scaled if most is None else np.minimum(scaled, as_fraction(most)),
        first=first,
        end=_ends(timeline, held) if closes_ended else np.full(len(held), len(timeline)),
        arrivals=np.unique(first),
        period=_periods(timeline.date, construction.rebalance_frequency),
    )


def _ends(timeline: Timeline, some: Sequence[int]) -> Indices:
    """Return the row after the last bar of some of the run's symbols."""
    return np.array([timeline.rows[i][-1] + 1 for i in some], dtype=np.intp)


def _scale(weights: Floats, room: float) -> float:
    """Return the factor that shrinks weights to the room there is for them."""
    # Weights that sum to 1 in decimals, such as ten times 0.1, must not be scaled for a rounding.
    total = math.fsum(weights)
    return room / total if total > room * (1.0 + EQUAL) else 1.0


def _periods(date: Times, frequency: str) -> NDArray[np.int64]:
    if frequency == "monthly":
        return date.astype("M8[M]").view(np.int64)
    days = date.view(np.int64)
    return days if frequency == "daily" else (days + 3) // 7  # 1970-01-01 was a Thursday
