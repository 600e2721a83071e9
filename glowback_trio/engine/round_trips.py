"""Statistics of closed round trips: one metric, one function.

All take the net profits of the round trips in currency, (R,), and give None where nothing is
defined: the average of no losses, a ratio over nothing. A profit of exactly zero is neither a win
nor a loss, but counts among the round trips.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from glowback_trio.model.bars import Floats

__all__ = [
    "average_loss",
    "average_win",
    "kelly",
    "largest_loss",
    "largest_win",
    "profit_factor",
    "sqn",
    "win_rate",
]


def win_rate(profits: Floats) -> float | None:
    """Wins over round trips, a fraction."""
    return float((profits > 0).mean()) if len(profits) else None


def profit_factor(profits: Floats) -> float | None:
    """Sum of wins over the absolute sum of losses; None without a loss."""
    lost = -float(profits[profits < 0].sum())
    return float(profits[profits > 0].sum()) / lost if lost else None


def average_win(profits: Floats) -> float | None:
    """Mean profit of the wins, currency."""
    wins = profits[profits > 0]
    return float(wins.mean()) if len(wins) else None


def average_loss(profits: Floats) -> float | None:
    """Mean profit of the losses, currency, negative."""
    losses = profits[profits < 0]
    return float(losses.mean()) if len(losses) else None


def largest_win(profits: Floats) -> float | None:
    """The best win, currency."""
    wins = profits[profits > 0]
    return float(wins.max()) if len(wins) else None


def largest_loss(profits: Floats) -> float | None:
    """The worst loss, currency, negative."""
    losses = profits[profits < 0]
    return float(losses.min()) if len(losses) else None


def sqn(profits: Floats) -> float | None:
    """System quality number: sqrt(R) x mean / sample standard deviation (V. K. Tharp), uncapped."""
    if len(profits) < 2:
        return None
    spread = float(profits.std(ddof=1))
    return math.sqrt(len(profits)) * float(profits.mean()) / spread if spread else None


def kelly(profits: Floats) -> float | None:
    """Kelly fraction p - (1 - p) / (average win / average loss), with p the win rate.

    None without a win or without a loss. Source: J. L. Kelly, 1956.
    """
    rate, won, lost = win_rate(profits), average_win(profits), average_loss(profits)
    if rate is None or won is None or lost is None:
        return None
    return rate - (1.0 - rate) * -lost / won
