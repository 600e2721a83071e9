"""Winners of every split into folds, each scored on the folds that were held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from glowback_trio.engine.analytics.metrics import plain
from glowback_trio.engine.finite import quiet
from glowback_trio.engine.trials.metric_names import RETURN_METRICS, score
from glowback_trio.engine.trials.plan import FULL, SegmentReturns, Splits, TrialOutcome, TrialPlan
from glowback_trio.engine.trials.splits import FoldSplit, fold_splits, split_count
from glowback_trio.model.bars import Indices
from glowback_trio.model.events import EventDraft
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.search.evaluation import Evaluation
from glowback_trio.search.outcome.stitching import stitched
from glowback_trio.search.outcome.winners import Winner, winners
from glowback_trio.search.search_events import validation_draft
from glowback_trio.wire.json_text import iso_times

__all__ = ["FoldValidation"]

_POINTS = 2_000


class FoldValidation:
    """The validation of `purged_k_fold` and `cpcv`.

    Every fold is held out in several splits of `cpcv`, so that there are several paths through all
    folds: the first path takes each fold from the first split that holds it out, and so on.

    Args:
        evaluation: How trials are evaluated.
        splits: The folds.
        trials: All trials, by number.
    """

    def __init__(self, evaluation: Evaluation, splits: Splits, trials: Sequence[Trial]) -> None:
        self._evaluation = evaluation
        self._splits = splits
        count = split_count(splits)
        self._winners = winners(evaluation.request, evaluation.scoring, trials, count)
        # One run for each winner, however many splits it has won.
        self._runs = list({each.trial.trial_number: each.trial for each in self._winners}.values())
        self._outcomes: list[TrialOutcome] = []

    def plans(self) -> Sequence[TrialPlan]:
        """Return the winners over the whole range, numbered from 1."""
        return [
            TrialPlan(
                trial_number=number,
                parameters=trial.parameters,
                segments=(self._evaluation.whole,),
                splits=self._splits,
                keep_returns=True,
            )
            for number, trial in enumerate(self._runs, 1)
        ]

    def tell(self, outcome: TrialOutcome) -> Sequence[EventDraft]:
        """Take the outcome of the next plan; after the last one, every split has its event."""
        self._outcomes.append(outcome)
        if len(self._outcomes) < len(self._runs):
            return []
        return [validation_draft(payload) for payload in self._payloads()]

    def document(self) -> Mapping[str, Any]:
        """Return what was found out of sample, as plain JSON values."""
        payloads = self._payloads()
        paths = self._paths() if len(payloads) == split_count(self._splits) else []
        first = paths[0] if paths else {}
        more = [{"path": number, **each} for number, each in enumerate(paths, 1)]
        return {"splits": payloads, "out_of_sample": first, "paths": more if paths[1:] else []}

    def _payloads(self) -> Sequence[Mapping[str, Any]]:
        return [self._payload(winner) for winner in self._winners if self._outcome(winner)]

    def _outcome(self, winner: Winner) -> TrialOutcome | None:
        place = [each.trial_number for each in self._runs].index(winner.trial.trial_number)
        return self._outcomes[place] if place < len(self._outcomes) else None

    def _payload(self, winner: Winner) -> Mapping[str, Any]:
        outcome = self._outcome(winner)
        assert outcome is not None
        payload: dict[str, Any] = {
            "split": winner.split,
            "winner": winner.trial.trial_number,
            "parameters": winner.trial.parameters,
            "train_objective": winner.objective,
            "test_objective": None,
            "test_metrics": {},
            "error": outcome.error,
        }
        if outcome.error is not None:
            return payload
        run = outcome.returns[FULL]
        split = self._divided(run)[winner.split]
        _, payload["test_objective"] = outcome.split_scores[winner.split]
        return {
            **payload,
            "held_out": list(split.held_out),
            "train": _extent(run, split.train),
            "test": _extent(run, split.test),
            "test_metrics": self._measured(winner, run, split),
        }

    def _divided(self, run: SegmentReturns) -> Sequence[FoldSplit]:
        # The first bar has no return of its own.
        return fold_splits(len(run.returns) - 1, self._splits)

    @quiet
    def _measured(
        self, winner: Winner, run: SegmentReturns, split: FoldSplit
    ) -> Mapping[str, float | None]:
        returns, free = run.returns[1:][split.test], self._evaluation.request.base_backtest
        periods = float(winner.trial.metrics["periods_per_year"] or 0.0)
        return {
            name: plain(score(name, returns, periods, free.risk_free_rate))
            for name in sorted(RETURN_METRICS)
        }

    def _paths(self) -> Sequence[Mapping[str, Any]]:
        """Return the stitched account of every path; none if a winner has failed."""
        runs: list[SegmentReturns] = []
        for winner in self._winners:
            outcome = self._outcome(winner)
            if outcome is None or outcome.error is not None:
                return []
            runs.append(outcome.returns[FULL])
        splits = self._divided(runs[0])
        base = self._evaluation.request.base_backtest
        periods = float(self._winners[0].trial.metrics["periods_per_year"] or 0.0)
        folds = range(self._splits.folds)
        by_fold = [[at for at, one in enumerate(splits) if fold in one.held_out] for fold in folds]
        count = len(by_fold[0])
        return [
            stitched(
                [self._fold(runs[by_fold[fold][path]], fold) for fold in folds],
                base,
                periods,
                max(_POINTS // count, 50),
            )
            for path in range(count)
        ]

    def _fold(self, run: SegmentReturns, fold: int) -> SegmentReturns:
        one = Splits(folds=self._splits.folds)
        bars = fold_splits(len(run.returns) - 1, one)[fold].test + 1
        return SegmentReturns(run.time[bars], run.returns[bars])


def _extent(run: SegmentReturns, places: Indices) -> Mapping[str, str]:
    start, end = iso_times(run.time[1:][np.array([places[0], places[-1]])])
    return {"start": start, "end": end}
