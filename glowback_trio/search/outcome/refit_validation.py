"""Winners of training windows, each scored on the window after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from glowback_trio.engine.trials.plan import Segment, SegmentReturns, TrialOutcome, TrialPlan
from glowback_trio.model.events import EventDraft
from glowback_trio.model.instant import stamp
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.evaluation import Evaluation
from glowback_trio.search.outcome.stitching import stitched
from glowback_trio.search.outcome.winners import winners
from glowback_trio.search.scoring import Metrics
from glowback_trio.search.search_events import validation_draft

__all__ = ["RefitValidation"]

_POINTS = 2_000


class RefitValidation:
    """The validation of `walk_forward_refit`.

    Args:
        evaluation: How trials are evaluated.
        trials: All trials, by number.
    """

    def __init__(self, evaluation: Evaluation, trials: Sequence[Trial]) -> None:
        self._evaluation = evaluation
        scoring, refits = evaluation.scoring, evaluation.refits
        self._winners = winners(evaluation.request, scoring, trials, len(refits))
        self._told: list[Mapping[str, Any]] = []
        self._returns: list[SegmentReturns] = []
        self._periods = 0.0

    def plans(self) -> Sequence[TrialPlan]:
        """Return the winners on their windows, numbered from 1."""
        return [
            TrialPlan(
                trial_number=number,
                parameters=winner.trial.parameters,
                segments=(self._evaluation.refits[winner.split].test,),
                keep_returns=True,
            )
            for number, winner in enumerate(self._winners, 1)
        ]

    def tell(self, outcome: TrialOutcome) -> Sequence[EventDraft]:
        """Take the outcome of the next plan."""
        winner = self._winners[len(self._told)]
        window = self._evaluation.refits[winner.split]
        metrics: Metrics = outcome.metrics.get(window.test.name, {})
        scoring = self._evaluation.scoring
        payload = {
            "window": winner.split + 1,
            "train": _range(window.train),
            "test": _range(window.test),
            "winner": winner.trial.trial_number,
            "parameters": winner.trial.parameters,
            "train_objective": winner.objective,
            "test_objective": scoring.objective(scoring.values(metrics)),
            "test_metrics": metrics,
            "error": outcome.error,
        }
        self._told.append(payload)
        self._returns += [each for _, each in sorted(outcome.returns.items())]
        self._periods = float(metrics.get("periods_per_year") or self._periods)
        return [validation_draft(payload)]

    def document(self) -> Mapping[str, Any]:
        """Return what was found out of sample, as plain JSON values."""
        base = self._evaluation.request.base_backtest
        return {
            "windows": self._told,
            "out_of_sample": stitched(self._returns, base, self._periods, _POINTS),
        }


def _range(segment: Segment) -> Mapping[str, str]:
    return {"start": stamp(segment.start_date), "end": stamp(segment.end_date)}
