"""Statistics of closed round trips: one metric, one function.

All but `tally` take its tally, and return None if they are undefined: the average of no losses, a
ratio over zero. A profit of exactly zero is neither a win nor a loss, but counts as a round trip.
"""

from __future__ import annotations

import math

from attrs import field, frozen

from glowback_trio.model.bars import Floats

__all__ = [
    "Tally",
    "average_loss",
    "average_win",
    "kelly",
    "largest_loss",
    "largest_win",
    "profit_factor",
    "sqn",
    "tally",
    "win_rate",
]


_FLAT = 1e-12  # profits that differ by less than this part of their mean differ by rounding


@frozen(eq=False)
class Tally:
    """Profits of round trips, with wins and losses separated.

    Attributes:
        profits: Net profits, (R,) currency.
        wins: Profits above zero, (W,) currency.
        losses: Profits below zero, (L,) currency.
        won: Sum of the wins, currency, >= 0.
        lost: Sum of the losses, currency, <= 0.
    """

    profits: Floats = field(repr=False)
    wins: Floats = field(repr=False)
    losses: Floats = field(repr=False)
    won: float
    lost: float


def tally(profits: Floats) -> Tally:
    """Separate wins from losses.

    Args:
        profits: Net profits of the round trips, (R,) currency.
    """
    wins, losses = profits[profits > 0], profits[profits < 0]
    return Tally(profits, wins, losses, float(wins.sum()), float(losses.sum()))


def win_rate(trips: Tally) -> float | None:
    """Return the fraction of round trips that are wins."""
    return len(trips.wins) / len(trips.profits) if len(trips.profits) else None


def profit_factor(trips: Tally) -> float | None:
    """Return the sum of wins over the absolute sum of losses; None without a loss."""
    return trips.won / -trips.lost if trips.lost else None


def average_win(trips: Tally) -> float | None:
    """Return the mean profit of the wins, currency."""
    return trips.won / len(trips.wins) if len(trips.wins) else None


def average_loss(trips: Tally) -> float | None:
    """Return the mean profit of the losses, currency, negative."""
    return trips.lost / len(trips.losses) if len(trips.losses) else None


def largest_win(trips: Tally) -> float | None:
    """Return the largest profit of the wins, currency."""
    return float(trips.wins.max()) if len(trips.wins) else None


def largest_loss(trips: Tally) -> float | None:
    """Return the largest loss, currency, negative."""
    return float(trips.losses.min()) if len(trips.losses) else None


def sqn(trips: Tally) -> float | None:
    """Return the system quality number: sqrt(R) x mean / sample standard deviation, not capped.

    None below two round trips, or if all profits are equal. Source: V. K. Tharp.
    """
    count = len(trips.profits)
    if count < 2:
        return None
    mean = (trips.won + trips.lost) / count
    deviation = trips.profits - mean
    spread = math.sqrt(float((deviation * deviation).sum()) / (count - 1))
    return math.sqrt(count) * mean / spread if spread > _FLAT * abs(mean) else None


def kelly(trips: Tally) -> float | None:
    """Return the Kelly fraction p - (1 - p) / (average win / average loss), with p the win rate.

    None without a win or without a loss. Source: J. L. Kelly, 1956.
    """
    rate, won, lost = win_rate(trips), average_win(trips), average_loss(trips)
    if rate is None or won is None or lost is None:
        return None
    return rate - (1.0 - rate) * -lost / won
