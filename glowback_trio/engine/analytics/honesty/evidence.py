"""The evidence on the best of many trials, and whether it qualifies as more than luck."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from attrs import evolve, frozen

from glowback_trio.engine.analytics.honesty.clusters import effective_trials
from glowback_trio.engine.analytics.honesty.sharpe import (
    deflated_sharpe,
    expected_max_sharpe,
    minimum_track_record,
    probabilistic_sharpe,
)
from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch, SketchBatch
from glowback_trio.engine.analytics.honesty.splits import sketched_overfit
from glowback_trio.engine.analytics.honesty.superior import SuperiorAbility, superior_ability
from glowback_trio.model.ledger.totals import TrialTotals

__all__ = ["Evidence", "shortcomings", "weigh"]

_LEAST_DEFLATED, _MOST_BY_CHANCE = 0.95, 0.05
_MOST_OVERFIT, _MOST_LOSING = 0.5, 0.05


@frozen(kw_only=True)
class Evidence:
    """The evidence on the best of some trials. Sharpe ratios are per bar, not annualised.

    Attributes:
        sharpe: Its Sharpe ratio.
        count: Number of its returns.
        skewness: Their skewness.
        kurtosis: Their excess kurtosis.
        trials: Number of trials.
        alike: How many of them do not count: they failed, never moved, or resemble others; see
            `effective_trials`.
        variance: Variance of all trials' Sharpe ratios.
        overfit: Probability of backtest overfitting; None for a single trial.
        loss: Probability that the best of one half of the bars loses in the other half.
        superior: Whether the best trial beats holding nothing; None for too short a record.
    """

    sharpe: float
    count: int
    skewness: float
    kurtosis: float
    trials: int
    alike: int
    variance: float
    overfit: float | None
    loss: float | None
    superior: SuperiorAbility | None

    @property
    def effective(self) -> int:
        """Number of trials that count, at least 1: the honest N."""
        return max(self.trials - self.alike, 1)

    @property
    def luck(self) -> float:
        """The best Sharpe ratio to expect of so many trials without skill.

        The variance of a ratio without skill is 1 / (T - 1). The variance between the trials would
        be too large where some are really better than others.
        """
        return expected_max_sharpe(self.effective, 1.0 / (self.count - 1))

    @property
    def probabilistic(self) -> float | None:
        """Probability that the true ratio is above 0, as if it had been the only trial."""
        return probabilistic_sharpe(self.sharpe, self.count, self.skewness, self.kurtosis)

    @property
    def deflated(self) -> float | None:
        """Probability that the true ratio is above what luck among these gives."""
        moments = (self.sharpe, self.count, self.skewness, self.kurtosis)
        variance = 1.0 / (self.count - 1)
        return deflated_sharpe(*moments, trials=self.effective, variance=variance)

    @property
    def strictly_deflated(self) -> float | None:
        """The same if every trial counts, with the variance between the trials."""
        moments = (self.sharpe, self.count, self.skewness, self.kurtosis)
        return deflated_sharpe(*moments, trials=max(self.trials, 1), variance=self.variance)

    @property
    def track_record(self) -> float | None:
        """Number of returns at which the ratio would be above 0 with a probability of 0.95."""
        return minimum_track_record(self.sharpe, self.skewness, self.kurtosis)

    def with_ledger(self, totals: TrialTotals) -> Evidence:
        """Return the evidence with all trials ever made.

        Args:
            totals: Those of the family on these bars, this search's own trials included, but not
                yet how many of these are alike.
        """
        trials = max(totals.trials, self.trials)
        variance = totals.variance if totals.rated > 1 else self.variance
        return evolve(self, trials=trials, alike=self.alike + totals.alike, variance=variance)

    def figures(self, periods: float) -> Mapping[str, Any]:
        """Return the figures by name, as plain JSON values.

        Args:
            periods: Bars per year; Sharpe ratios are annualised, like those of metrics.
        """
        year, test = periods**0.5, self.superior
        return {
            "trials_considered": self.trials,
            "effective_number_of_trials": self.effective,
            "probabilistic_sharpe_ratio": self.probabilistic,
            "deflated_sharpe_ratio": self.deflated,
            "deflated_sharpe_ratio_all_trials": self.strictly_deflated,
            "expected_best_sharpe_ratio": self.luck * year,
            "minimum_track_record_bars": self.track_record,
            "track_record_bars": self.count,
            "probability_of_backtest_overfitting": self.overfit,
            "probability_of_loss_out_of_sample": self.loss,
            "superior_ability_p_value": None if test is None else test.consistent,
            "superior_ability_p_value_lower": None if test is None else test.lower,
            "superior_ability_p_value_upper": None if test is None else test.upper,
            "reality_check_p_value": None if test is None else test.reality_check,
            "qualified": not self.shortcomings,
            "not_qualified_because": list(self.shortcomings),
        }

    @property
    def shortcomings(self) -> tuple[str, ...]:
        """Why the best trial does not qualify, as sentences; empty if it does."""
        return tuple(shortcomings(self))


def weigh(
    sketches: Mapping[int, ReturnsSketch], best: int, *, trials: int, failed: int, seed: int
) -> Evidence | None:
    """Weigh the evidence on the best of some trials.

    Statistics that compare trials are of those whose record is as long as the best one's.

    Args:
        sketches: Of the trials that have returns, by number.
        best: Number of the best one.
        trials: Number of all trials, those that failed included.
        failed: Number of those, which do not count, as they could not win.
        seed: Of the bootstrap.

    Returns:
        None if the best trial has no Sharpe ratio.
    """
    if best not in sketches or sketches[best].sharpe is None:
        return None
    count = sketches[best].count
    numbers = [number for number, one in sketches.items() if one.count == count]
    batch = SketchBatch.of(sketches[number] for number in numbers)
    row, ratios = numbers.index(best), batch.sharpe[np.isfinite(batch.sharpe)]
    overfit = sketched_overfit(batch)
    return Evidence(
        sharpe=float(batch.sharpe[row]),
        count=batch.count,
        skewness=float(batch.skewness[row]),
        kurtosis=float(batch.kurtosis[row]),
        trials=trials,
        alike=failed + len(batch) - effective_trials(batch),
        variance=float(ratios.var(ddof=1)) if len(ratios) > 1 else 0.0,
        overfit=None if overfit is None else overfit.probability,
        loss=None if overfit is None else overfit.loss_probability,
        superior=superior_ability(batch, np.random.default_rng(seed)),
    )


def shortcomings(evidence: Evidence) -> Iterator[str]:
    """Yield why the best trial does not qualify as more than luck.

    It qualifies with a deflated Sharpe ratio above 0.95, a p-value of Hansen's test below 0.05 and
    a probability of overfitting below 0.5. Where nearly all trials are equally good the last one
    says little, so it does not matter if the trial that is picked loses less often than in 0.05 of
    the splits.
    """
    if evidence.deflated is None:
        yield "The returns have no deflated Sharpe ratio"
    elif evidence.deflated <= _LEAST_DEFLATED:
        yield (
            f"The deflated Sharpe ratio is {evidence.deflated:.3f} among "
            f"{evidence.effective:,} trials that count, and should be above {_LEAST_DEFLATED}"
        )
    if evidence.superior is None:
        yield "The record is too short for a test of superior ability"
    elif evidence.superior.consistent >= _MOST_BY_CHANCE:
        yield (
            "The p-value of the test for superior ability is "
            f"{evidence.superior.consistent:.3f}, and should be below {_MOST_BY_CHANCE}"
        )
    overfit, loss = evidence.overfit or 0.0, evidence.loss or 0.0
    if overfit >= _MOST_OVERFIT and loss >= _MOST_LOSING:
        yield (
            f"The probability of backtest overfitting is {overfit:.3f}, and should be below "
            f"{_MOST_OVERFIT}, as what is picked in one half of the bars loses in the other with "
            f"a probability of {loss:.3f}"
        )
