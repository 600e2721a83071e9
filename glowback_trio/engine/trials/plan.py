"""The plan of a trial, and its outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from attrs import Factory, frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.model.bars import Floats, Times
from glowback_trio.model.short_repr import counted, describe

__all__ = ["FULL", "Segment", "SegmentReturns", "Splits", "TrialOutcome", "TrialPlan"]

#: Name of the segment that is the whole range of the base request.
FULL = "full"


@frozen
class Segment:
    """A part of the range that is run by itself, with capital of its own.

    Attributes:
        name: `full`, `train`, `window-1` …, `train-1` … and `test-1` …, or `part`.
        start_date: As `BacktestRequest.start_date`; bars to warm up on come before it.
        end_date: As `BacktestRequest.end_date`.
    """

    name: str
    start_date: datetime
    end_date: datetime


@frozen(kw_only=True)
class Splits:
    """The division of the bars of one run into folds, and the choice of those held out.

    Attributes:
        folds: Number of folds, each of consecutive bars.
        test_folds: Folds that are held out at once; every combination of them is one split.
        purge_bars: Bars left out of training before every fold that is held out.
        embargo_bars: Bars left out of training after every fold that is held out.
    """

    folds: int
    test_folds: int = 1
    purge_bars: int = 0
    embargo_bars: int = 0


@frozen(kw_only=True, repr=False)
class TrialPlan:
    """One choice of parameters, and the parts of the range to try it on.

    Attributes:
        trial_number: 1, 2, 3 … within the optimization.
        parameters: What was chosen, by the names of the search space.
        segments: Parts of the range, each a run of its own.
        splits: Folds to score the returns of the full run on; None: no folds.
        keep_returns: Whether the returns of every segment are wanted.
    """

    trial_number: int
    parameters: Mapping[str, object]
    segments: tuple[Segment, ...]
    splits: Splits | None = None
    keep_returns: bool = False

    def __repr__(self) -> str:
        parts = counted(len(self.segments), "segment")
        return describe(self, f"trial {self.trial_number}", parts, **self.parameters)


@frozen(eq=False)
class SegmentReturns:
    """The returns of one segment, bar by bar.

    Attributes:
        time: Times of the bars, (T,) datetime64[ns] UTC.
        returns: (T,) fractions; the first is against the initial capital.
    """

    time: Times
    returns: Floats


@frozen(kw_only=True, eq=False, repr=False)
class TrialOutcome:
    """The outcome of a trial.

    Attributes:
        trial_number: That of its plan.
        metrics: Every metric by the segment's name; empty if the trial failed.
        split_scores: The objective's metric in training and in what was held out, by split; None
            where it is undefined.
        sketch: Of the full run's returns; None without a full run.
        returns: By the segment's name; empty unless the plan asks for them.
        error: Why the trial failed, as a sentence; None otherwise.
        duration_s: Time it took, seconds; no log shows it.
    """

    trial_number: int
    metrics: Mapping[str, Mapping[str, float | int | None]] = Factory(dict)
    split_scores: Sequence[tuple[float | None, float | None]] = ()
    sketch: ReturnsSketch | None = None
    returns: Mapping[str, SegmentReturns] = Factory(dict)
    error: str | None = None
    duration_s: float = 0.0

    def __repr__(self) -> str:
        return describe(self, f"trial {self.trial_number}", error=self.error)
