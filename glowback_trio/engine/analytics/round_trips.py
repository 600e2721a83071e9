"""Statistics of closed round trips: one metric, one function, for one run or for many at once.

All but the tallies take a tally, of one run, which gives a number, or of K, which gives (K,).
Undefined statistics are NaN: the average of no losses, a ratio over zero. A profit of exactly zero
is neither a win nor a loss, but counts as a round trip.
"""

from __future__ import annotations

import numpy as np
from attrs import frozen

from glowback_trio.engine.analytics.arithmetic import Numbers, over_each
from glowback_trio.engine.analytics.returns import ratio
from glowback_trio.model.bars import Floats, Indices

__all__ = [
    "Tally",
    "average_loss",
    "average_win",
    "kelly",
    "largest_loss",
    "largest_win",
    "profit_factor",
    "sqn",
    "tallied",
    "tally",
    "win_rate",
]


_FLAT = 1e-12  # profits that differ by less than this part of their mean differ by rounding


@frozen(eq=False)
class Tally:
    """Round trips of one run, counted and summed; or of K runs, each attribute (K,).

    Attributes:
        count: Their number.
        wins: Number of profits above zero.
        losses: Number of profits below zero.
        won: Sum of the wins, currency, >= 0.
        lost: Sum of the losses, currency, <= 0.
        best: The largest win, currency; NaN without one.
        worst: The largest loss, currency; NaN without one.
        squares: Sum of the squared deviations from the mean profit.
    """

    count: int | Indices
    wins: Numbers
    losses: Numbers
    won: Numbers
    lost: Numbers
    best: Numbers
    worst: Numbers
    squares: Numbers

    @property
    def mean(self) -> Numbers:
        """Mean profit, currency; NaN without a round trip."""
        return _mean(self.won, self.lost, self.total)

    @property
    def total(self) -> Numbers:
        """`count`, as numbers that can be divided by."""
        return _floats(self.count)


def tally(profits: Floats) -> Tally:
    """Tally one run.

    Args:
        profits: Net profits of its round trips, (R,) currency.
    """
    wins, losses = profits[profits > 0], profits[profits < 0]
    won, lost = float(wins.sum()), float(losses.sum())
    deviation = profits - _mean(won, lost, float(len(profits)))
    return Tally(
        len(profits),
        float(len(wins)),
        float(len(losses)),
        won,
        lost,
        float(wins.max()) if len(wins) else np.nan,
        float(losses.min()) if len(losses) else np.nan,
        float((deviation * deviation).sum()),
    )


def tallied(profits: Floats, count: Indices) -> Tally:
    """Tally many runs, each to the same last digit as `tally`.

    Args:
        profits: Net profits of the round trips, run by run, (R,) currency.
        count: How many each run has, (K,).
    """
    run = np.repeat(np.arange(len(count)), count)
    is_win, is_loss = profits > 0, profits < 0
    wins = np.bincount(run[is_win], minlength=len(count))
    losses = np.bincount(run[is_loss], minlength=len(count))
    won, best = over_each(profits[is_win], wins, np.add, np.maximum)
    lost, worst = over_each(profits[is_loss], losses, np.add, np.minimum)
    deviation = profits - np.asarray(_mean(won, lost, count.astype(float)))[run]
    (squares,) = over_each(deviation * deviation, count, np.add)
    best[wins == 0] = worst[losses == 0] = np.nan
    return Tally(count, wins.astype(float), losses.astype(float), won, lost, best, worst, squares)


def _mean(won: Numbers, lost: Numbers, count: Numbers) -> Numbers:
    return ratio(won + lost, count, least=0.0)


def _floats(count: int | Indices) -> Numbers:
    return float(count) if isinstance(count, int) else count.astype(float)


def win_rate(trips: Tally) -> Numbers:
    """Return the fraction of round trips that are wins."""
    return ratio(trips.wins, trips.total, least=0.0)


def profit_factor(trips: Tally) -> Numbers:
    """Return the sum of wins over the absolute sum of losses; NaN without a loss."""
    return ratio(trips.won, -trips.lost, least=0.0)


def average_win(trips: Tally) -> Numbers:
    """Return the mean profit of the wins, currency."""
    return ratio(trips.won, trips.wins, least=0.0)


def average_loss(trips: Tally) -> Numbers:
    """Return the mean profit of the losses, currency, negative."""
    return ratio(trips.lost, trips.losses, least=0.0)


def largest_win(trips: Tally) -> Numbers:
    """Return the largest profit of the wins, currency."""
    return trips.best


def largest_loss(trips: Tally) -> Numbers:
    """Return the largest loss, currency, negative."""
    return trips.worst


def sqn(trips: Tally) -> Numbers:
    """Return the system quality number: sqrt(R) x mean / sample standard deviation, not capped.

    NaN below two round trips, or if all profits are equal. Source: V. K. Tharp.
    """
    count, mean = trips.total, trips.mean
    spread = np.sqrt(ratio(trips.squares, count - 1.0, least=0.0))
    return ratio(np.sqrt(count) * mean, spread, least=_FLAT * np.abs(mean))


def kelly(trips: Tally) -> Numbers:
    """Return the Kelly fraction p - (1 - p) / (average win / average loss), with p the win rate.

    NaN without a win or without a loss. Source: J. L. Kelly, 1956.
    """
    rate, won, lost = win_rate(trips), average_win(trips), average_loss(trips)
    return rate - ratio((1.0 - rate) * -lost, won, least=0.0)
