"""How a portfolio was held at its target weights, bar by bar, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final, Self

import numpy as np
from attrs import asdict, frozen
from numpy.typing import NDArray

from glowback_trio.model.bars import Floats, Indices
from glowback_trio.model.portfolio_construction import PortfolioConstruction
from glowback_trio.model.short_repr import counted, describe, listed

__all__ = ["NONE", "Constraint", "Hits", "Portfolio", "RebalanceReason"]

#: No reason, or no symbol: arrays of integers cannot hold None.
NONE: Final = -1


class RebalanceReason(IntEnum):
    """Why a portfolio was returned to its weights, numbered as in a result.

    Attributes:
        label: What the wire says; `{}` stands for the request's `rebalance_frequency`.
    """

    label: str

    def __new__(cls, label: str) -> Self:
        """Number the members from 0."""
        number = len(cls.__members__)
        member = int.__new__(cls, number)
        member._value_, member.label = number, label
        return member

    ALLOCATION = "initial_allocation"
    SCHEDULE = "{}_schedule"
    DRIFT = "drift_threshold"
    GUARD = "drawdown_guard"


class Constraint(IntEnum):
    """A limit of a portfolio that may change what is ordered.

    Attributes:
        label: What the wire calls it.
        figures: The names of what would have been without it and of what was, both in percent.
    """

    label: str
    figures: tuple[str, str]

    def __new__(cls, label: str, *figures: str) -> Self:
        """Number the members from 0."""
        number = len(cls.__members__)
        member = int.__new__(cls, number)
        member._value_, member.label = number, label
        member.figures = figures[0], figures[1]
        return member

    CASH_FLOOR = "cash_floor", "requested_pct", "applied_pct"
    MAX_WEIGHT = "max_weight_cap", "requested_pct", "applied_pct"
    TURNOVER = "turnover_cap", "requested_turnover_pct", "applied_turnover_pct"
    MAX_DRAWDOWN = "max_drawdown_guard", "observed_drawdown_pct", "limit_pct"


@frozen(eq=False, repr=False)
class Hits:
    """Every time that a limit changed something, by row: all columns (H,).

    Attributes:
        row: Row of the bar; limits that hold for the whole run stand at the first one.
        what: The number of a `Constraint`.
        symbol: Index into the portfolio's symbols; -1 where all of them are meant.
        wanted: The value without the limit, a fraction of equity.
        allowed: The value with it, likewise; for the drawdown guard its limit.
    """

    row: NDArray[np.int64]
    what: NDArray[np.int64]
    symbol: NDArray[np.int64]
    wanted: Floats
    allowed: Floats

    def __len__(self) -> int:
        return len(self.row)

    def __repr__(self) -> str:
        return describe(self, counted(len(self), "time"))


@frozen(eq=False, repr=False)
class Portfolio:
    """A portfolio that is held at target weights, for M symbols that weigh something and T bars.

    Attributes:
        construction: The weights and limits of the request.
        symbols: Names of the M symbols.
        target: (M,) target weight of each under the limits that are known before the run.
        first: (M,) row of its first bar; before that its weight is cash.
        end: (M,) row from which on its weight is cash again, as its data have ended and its
            position is closed; T where that does not happen.
        worth: (T, M) market value at the bar's close, currency.
        reason: (T,) number of the `RebalanceReason` for which orders were made at the close; -1
            where none were made.
        turnover: (T,) what these orders buy and sell at that close, a fraction of equity.
        out: (T,) True where a drawdown stop keeps the portfolio out of the market after the close.
        drawdown: (T,) fall from the peak that the stop watches, a fraction; the peak starts again
            when the portfolio returns after a stop.
        hits: The limits that changed something.
    """

    construction: PortfolioConstruction
    symbols: Sequence[str]
    target: Floats
    first: Indices
    end: Indices
    worth: Floats
    reason: NDArray[np.int64]
    turnover: Floats
    out: NDArray[np.bool_]
    drawdown: Floats
    hits: Hits

    def __repr__(self) -> str:
        return describe(self, listed(self.symbols), counted(len(self.out), "bar"))

    def targets(self, bars: slice | Indices) -> Floats:
        """Return the target weights after the closes of some bars, (n, M) fractions of equity."""
        index = np.arange(len(self.out))[bars, np.newaxis]
        wanted = (index >= self.first) & (index < self.end) & ~self.out[bars, np.newaxis]
        return np.where(wanted, self.target, 0.0)

    def weights(self, bars: slice | Indices, value: Floats) -> Floats:
        """Return the weights that were held at the closes of some bars.

        Args:
            bars: Rows of the bars.
            value: Equity at all bars, (T,) currency.

        Returns:
            (n, M) fractions of equity; NaN where equity is not positive.
        """
        whole = value[bars, np.newaxis]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(whole > 0, self.worth[bars] / whole, np.nan)

    def document(self) -> dict[str, Any]:
        """Return the weights and limits of the request as a document."""
        return asdict(self.construction)
