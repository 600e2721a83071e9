"""Plans of trials, and the trials that their outcomes make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any

from attrs import frozen

from glowback_trio.engine.trials.plan import FULL, Segment, Splits, TrialOutcome, TrialPlan
from glowback_trio.engine.trials.windows import HeldOut, Refit, held_out, refit_windows
from glowback_trio.model.optimization.request import FOLDED, LEARNING, OptimizationRequest
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.samplers.sampler import Candidate
from glowback_trio.search.scoring import Metrics, Numbers, Scoring, mean, validated

__all__ = ["PART", "Evaluation", "splits_of"]

#: Name of the segment of a trial that is tried on a part of the range only.
PART = "part"


def splits_of(request: OptimizationRequest) -> Splits | None:
    """Return the folds of a request; None if its validation divides no run into folds."""
    if request.validation_mode not in FOLDED:
        return None
    return Splits(
        folds=request.folds,
        test_folds=request.test_folds if request.validation_mode == "cpcv" else 1,
        purge_bars=request.purge_bars,
        embargo_bars=request.embargo_bars,
    )


@frozen
class Evaluation:
    """The evaluation of the trials of a request.

    Attributes:
        request: The request.
        scoring: How trials are ranked.
        held: The windows on which every trial is scored.
        refits: The windows before which the search begins anew.
        splits: The folds of the full run.
    """

    request: OptimizationRequest
    scoring: Scoring
    held: HeldOut
    refits: Sequence[Refit]
    splits: Splits | None

    @classmethod
    def of(cls, request: OptimizationRequest) -> Evaluation:
        """Return how trials of a request are evaluated."""
        scoring, splits = Scoring.of(request), splits_of(request)
        return cls(request, scoring, held_out(request), refit_windows(request), splits)

    def plan(self, number: int, candidate: Candidate, split: int | None) -> TrialPlan:
        """Return what to try a candidate on.

        Args:
            number: Number of the trial.
            candidate: The candidate.
            split: The split whose search it is of; None: the search over everything.
        """
        if candidate.budget < 1.0:
            segments: tuple[Segment, ...] = (self._part(candidate.budget, split),)
            return TrialPlan(
                trial_number=number, parameters=candidate.parameters, segments=segments
            )
        return TrialPlan(
            trial_number=number,
            parameters=candidate.parameters,
            segments=(self.whole, *self._segments(split)),
            splits=self.splits,
        )

    @property
    def shortcoming(self) -> str:
        """Say that the range is too short for the windows asked for; empty if it is not."""
        request, windows = self.request, len(self.held.windows)
        wanted = {"holdout": 1, "walk_forward": request.walk_forward_windows}
        if windows >= (count := wanted.get(request.validation_mode, 0)):
            return ""
        if not windows:
            return "Nothing is held out: that takes a range of 8 days at least"
        return f"Only {windows} of {count} windows fit into what is held out, a day at least each"

    @property
    def whole(self) -> Segment:
        """The whole range."""
        base = self.request.base_backtest
        return Segment(FULL, base.start_date, base.end_date)

    def _segments(self, split: int | None) -> Sequence[Segment]:
        if self.refits and split is not None:
            return [self.refits[split].train]
        if self.refits and self.request.strategy not in LEARNING:
            return [each.train for each in self.refits]
        train = [] if self.held.train is None else [self.held.train]
        return [*train, *self.held.windows]

    def trained_on(self, split: int | None) -> Segment:
        """Return what a search sees that shortens the range: nothing of what is held out."""
        if self.refits and split is not None:
            return self.refits[split].train
        return self.held.train or self.whole

    def _part(self, budget: float, split: int | None) -> Segment:
        """Return the beginning of what is trained on, in whole days."""
        inside = self.trained_on(split)
        first, last = inside.start_date.date(), inside.end_date.date()
        days = max(1, round(((last - first).days + 1) * budget))
        end = datetime.combine(first + timedelta(days=days - 1), time.max, UTC)
        return Segment(PART, inside.start_date, min(end, inside.end_date))

    def trial(
        self, number: int, candidate: Candidate, split: int | None, outcome: TrialOutcome
    ) -> Trial:
        """Return the trial that an outcome makes; the other arguments are those of its plan."""
        error = self._absent(outcome) if outcome.error is None else outcome.error
        # Made once: a trial that is copied for each thing known takes a sixth of all choosing.
        return Trial(
            trial_number=number,
            status="failed" if error is not None else "completed",
            parameters=candidate.parameters,
            split=split,
            budget=candidate.budget,
            error=error,
            **({} if error is not None else self._scored(candidate.budget, split, outcome)),
        )

    def _absent(self, outcome: TrialOutcome) -> str | None:
        for metrics in outcome.metrics.values():
            for objective in self.scoring.objectives:
                if objective.metric not in metrics:
                    return (
                        f"Objective metric {objective.metric!r} is unavailable for this trial. "
                        f"Available metrics: {', '.join(sorted(metrics))}"
                    )
        return None

    def _scored(self, budget: float, split: int | None, outcome: TrialOutcome) -> dict[str, Any]:
        """Return the fields of a trial that say how it did."""
        if budget < 1.0:
            part = outcome.metrics[PART]
            return self._ranked(self.scoring.values(part), part, part)
        full = outcome.metrics[FULL]
        metrics: Metrics = {**full, **self._validation(outcome)}
        if split is None:
            ranked = self._ranked(self._values(outcome, metrics), metrics, metrics)
            return {**ranked, "split_scores": self._split_scores(outcome)}
        if self.refits:
            train = outcome.metrics[self.refits[split].train.name]
            return self._ranked(self.scoring.values(train), train, metrics)
        return self._ranked([outcome.split_scores[split][0]], metrics, metrics)

    def _ranked(self, values: Numbers, judged: Metrics, metrics: Metrics) -> dict[str, Any]:
        return {
            "objective": self.scoring.objective(values),
            "objectives": tuple(values),
            "metrics": metrics,
            "feasible": self.scoring.feasible(judged),
        }

    def _values(self, outcome: TrialOutcome, metrics: Metrics) -> Numbers:
        if not self.held.windows and self.splits is None:
            return self.scoring.values(outcome.metrics[FULL])
        return [metrics[f"validation_{each.metric}"] for each in self.scoring.objectives]

    def _validation(self, outcome: TrialOutcome) -> Metrics:
        """Return what the validation adds to a trial's metrics."""
        added: dict[str, float | int | None] = {}
        for index, objective in enumerate(self.scoring.objectives):
            full = self.scoring.values(outcome.metrics[FULL])[index]
            if self.splits is not None:
                train = mean([train for train, _ in outcome.split_scores])
                tests: Numbers = [test for _, test in outcome.split_scores]
                added |= validated(objective, train, tests, full)
            elif self.held.windows:
                tests = [self._value(outcome, one, index) for one in self.held.windows]
                train = self._value(outcome, self.held.train, index)
                added |= validated(objective, train, tests, full)
        return added

    def _value(self, outcome: TrialOutcome, segment: Segment | None, index: int) -> float | None:
        if segment is None:
            return None
        return self.scoring.values(outcome.metrics[segment.name])[index]

    def _split_scores(self, outcome: TrialOutcome) -> Sequence[tuple[float | None, float | None]]:
        """Return how the trial did in every training set that has a winner of its own."""
        if self.splits is not None:
            return tuple((train, test) for train, test in outcome.split_scores)
        if not self.refits or self.request.strategy in LEARNING:
            return ()
        trains = [outcome.metrics[each.train.name] for each in self.refits]
        return tuple((self._judged(train), None) for train in trains)

    def _judged(self, metrics: Metrics) -> float | None:
        """Return the objective in some metrics; None if they break a constraint."""
        if not self.scoring.feasible(metrics):
            return None
        return self.scoring.objective(self.scoring.values(metrics))
