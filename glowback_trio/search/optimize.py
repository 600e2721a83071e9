"""One optimization in one call, on bars held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from attrs import frozen

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.engine.backtest import dataset_for
from glowback_trio.engine.trials.evaluation import evaluate
from glowback_trio.engine.trials.plan import TrialOutcome, TrialPlan
from glowback_trio.errors import InvalidRequestError
from glowback_trio.model.bars import Bars, Dataset
from glowback_trio.model.bounds import check_type
from glowback_trio.model.optimization.errors import OptimizationFailedError
from glowback_trio.model.optimization.lifecycle import OptimizationState
from glowback_trio.model.optimization.overlay import loading_request
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.short_repr import describe
from glowback_trio.search.request_checks import request_problems
from glowback_trio.search.study import Study

__all__ = ["SearchProgress", "optimize"]

_AT_ONCE = 256  # trials that are evaluated together


@frozen(repr=False)
class SearchProgress:
    """The progress of a search, after one more trial.

    Attributes:
        trial: The trial that has just ended.
        best: The best one so far; None if there is none.
        done: Trials that have ended.
        total: Trials that there will be, at most.
    """

    trial: Trial
    best: Trial | None
    done: int
    total: int

    def __repr__(self) -> str:
        best = None if self.best is None else self.best.objective
        return describe(self, f"{self.done} of {self.total} trials", best=best)


def optimize(
    request: OptimizationRequest,
    bars: Sequence[Bars] | Dataset,
    *,
    progress: Callable[[SearchProgress], object] | None = None,
) -> OptimizationResult:
    """Search the parameters of a backtest on bars held in memory, in this thread.

    The result is what a gateway finds for the same request and bars, but that there is no ledger of
    trials, and no run is kept (`keep_top`). `concurrency` changes nothing.

    A trial's objective is its metric over the whole range; with `holdout` and `walk_forward` the
    mean over the windows held out, with `purged_k_fold` and `cpcv` over the splits. Parameters are
    not fitted to anything within a trial, so the best trial has been chosen by what was held out,
    too. `walk_forward_refit` and the folded modes therefore also pick a winner for every window or
    split by what comes before it or is left of it, and score that one out of sample: these scores
    and their stitched curve (`validation`) have not been chosen by anything that they show. A
    search that learns begins anew for each of them, and once more over everything.

        space = SearchSpace(parameters=[Parameter(name="short_period", kind="int_range",
                                                  low=5, high=50, step=5)])
        request = OptimizationRequest(name="periods", search_space=space, base_backtest=base,
                                      strategy="grid")
        result = optimize(request, bars)
        print(result.best_trial.parameters, result.diagnostics["deflated_sharpe_ratio"])

    Args:
        request: What to search.
        bars: One `Bars` for each symbol that a trial may choose, and for the benchmark; or what
            `load_dataset` has loaded for the base request with all of these symbols.
        progress: Called after every trial; what it raises ends the search.

    Raises:
        InvalidRequestError: The request cannot be carried out, see `request_problems`.
        DataError: The bars cannot be used.
        OptimizationFailedError: Every trial has failed.
    """
    check_type("request", request, OptimizationRequest)
    if problems := list(request_problems(request)):
        raise InvalidRequestError(problems)
    loading = loading_request(request.base_backtest, request.search_space)
    search = _Search(request, dataset_for(loading, bars), Study(request))
    sketches: dict[int, ReturnsSketch] = {}
    study = search.study
    while plans := study.ask(_AT_ONCE):
        for outcome in search.outcomes(plans):
            study.tell(outcome)
            if outcome.sketch is not None:
                sketches[outcome.trial_number] = outcome.sketch
            if progress is not None:
                done = len(study.trials)
                progress(SearchProgress(study.trials[-1], study.best, done, study.total))
    if study.failure is not None:
        raise OptimizationFailedError(study.failure)
    for outcome in search.outcomes(study.validations()):
        study.tell_validation(outcome)
    return search.result(sketches)


@frozen
class _Search:
    """A search on its bars."""

    request: OptimizationRequest
    dataset: Dataset
    study: Study

    def outcomes(self, plans: Sequence[TrialPlan]) -> Iterator[TrialOutcome]:
        objective = self.request.scored_by[0].metric
        return evaluate(self.request.base_backtest, self.dataset, plans, objective=objective)

    def result(self, sketches: dict[int, ReturnsSketch]) -> OptimizationResult:
        report = self.study.report(sketches)
        return OptimizationResult(
            optimization_id="",
            state=OptimizationState.COMPLETED,
            best_trial=self.study.best,
            trials=self.study.trials,
            front=self.study.front,
            replay_backtest=report.replay_backtest,
            diagnostics=report.diagnostics,
            validation=report.validation,
            manifest=report.manifest,
        )
