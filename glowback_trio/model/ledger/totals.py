"""Totals of the trial ledger: the number of trials ever made, and the variance between them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from glowback_trio.model.ledger.entry import Tally
from glowback_trio.model.ledger.family import Family

__all__ = ["TrialTotals", "fold_totals", "totals_of"]


@frozen
class TrialTotals:
    """All trials of some tallies.

    Attributes:
        trials: How many.
        rated: How many of them have a Sharpe ratio.
        sharpe_sum: Sum of these ratios, per bar.
        sharpe_square_sum: Sum of their squares.
        alike: How many of the trials resemble others of the same optimization.
    """

    trials: int = 0
    rated: int = 0
    sharpe_sum: float = 0.0
    sharpe_square_sum: float = 0.0
    alike: int = 0

    @property
    def effective(self) -> int:
        """Number of trials without those that resemble others: an honest N."""
        return self.trials - self.alike

    @property
    def variance(self) -> float:
        """Sample variance of the trials' Sharpe ratios, per bar; 0.0 of fewer than two."""
        if self.rated < 2:
            return 0.0
        spread = self.sharpe_square_sum - self.sharpe_sum**2 / self.rated
        # What is left of ratios that are all equal is rounding, and may be negative.
        return max(spread, 0.0) / (self.rated - 1)

    def plus(self, other: Tally | TrialTotals) -> TrialTotals:
        """Return the totals with further trials."""
        return TrialTotals(
            self.trials + other.trials,
            self.rated + other.rated,
            self.sharpe_sum + other.sharpe_sum,
            self.sharpe_square_sum + other.sharpe_square_sum,
            self.alike + other.alike,
        )


def fold_totals(tallies: Iterable[Tally]) -> Mapping[tuple[str, str], TrialTotals]:
    """Return the totals by name of the strategy and digest of the bars.

    A class that was changed under the same name is counted with what it was before.
    """
    found: dict[tuple[str, str], TrialTotals] = {}
    for one in tallies:
        key = (one.family.name, one.dataset)
        found[key] = found.get(key, TrialTotals()).plus(one)
    return found


def totals_of(tallies: Iterable[Tally], family: Family, dataset: str) -> TrialTotals:
    """Return the totals of a family and those akin to it on one dataset."""
    found = TrialTotals()
    for one in tallies:
        if one.dataset == dataset and family.is_akin(one.family):
            found = found.plus(one)
    return found
