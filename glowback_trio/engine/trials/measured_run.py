"""A run of which only the metrics and the value of the account are kept, and its outcome."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from attrs import field, frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.analytics.returns import bar_returns
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.metric_names import score
from glowback_trio.engine.trials.splits import FoldSplit
from glowback_trio.model.bars import Floats

__all__ = ["MeasuredRun"]


@frozen(eq=False)
class MeasuredRun:
    """One run.

    Attributes:
        metrics: By name.
        value: Of the account, bar by bar, (T,) currency.
        periods: Bars per year.
    """

    metrics: Mapping[str, float | int | None]
    value: Floats = field(repr=False)
    periods: float

    @quiet
    def sketch(self, risk_free_rate: float) -> ReturnsSketch:
        """Return the sketch of its returns less those without risk."""
        return ReturnsSketch.of(bar_returns(self.value) - risk_free_rate / self.periods)

    @quiet
    def scores(
        self, splits: Sequence[FoldSplit], metric: str, risk_free_rate: float
    ) -> Sequence[tuple[float | None, float | None]]:
        """Return a metric of the returns to train on and of those held out, by split."""
        returns = bar_returns(self.value)
        return [
            (
                _number(score(metric, returns[split.train], self.periods, risk_free_rate)),
                _number(score(metric, returns[split.test], self.periods, risk_free_rate)),
            )
            for split in splits
        ]


def _number(found: Floats | float) -> float | None:
    number = float(np.asarray(found))
    return number + 0.0 if math.isfinite(number) else None
