"""The result of an optimization, and its best trials as runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from attrs import evolve

from glowback_trio.engine.analytics.honesty.sketch import ReturnsSketch
from glowback_trio.errors import GlowbackError
from glowback_trio.model.optimization.lifecycle import OptimizationState, OptimizationStatus
from glowback_trio.model.optimization.overlay import applied
from glowback_trio.model.optimization.request import OptimizationRequest
from glowback_trio.model.optimization.result import OptimizationResult
from glowback_trio.model.optimization.trial import Trial
from glowback_trio.model.request import BacktestRequest
from glowback_trio.search.outcome.report import Report
from glowback_trio.search.study import Study

__all__ = ["replayed", "result_of", "result_so_far"]


def result_of(
    status: OptimizationStatus, study: Study, report: Report, kept_runs: Sequence[str]
) -> OptimizationResult:
    """Return the result of an attempt that is about to complete.

    Args:
        status: Its status.
        study: What it was told.
        report: What that means.
        kept_runs: Ids of the runs that keep the best trials.
    """
    return OptimizationResult(
        optimization_id=status.optimization_id,
        state=OptimizationState.COMPLETED,
        best_trial=study.best,
        trials=tuple(study.trials),
        front=tuple(study.front),
        replay_backtest=report.replay_backtest,
        diagnostics=report.diagnostics,
        validation=report.validation,
        manifest=report.manifest,
        kept_runs=tuple(kept_runs),
        attempt=status.attempt,
    )


def result_so_far(
    request: OptimizationRequest,
    status: OptimizationStatus,
    trials: Sequence[Trial],
    sketches: Mapping[int, ReturnsSketch],
) -> OptimizationResult:
    """Return the result of one that has not completed; for many trials that takes seconds.

    Args:
        request: Its request.
        status: Its status.
        trials: All trials that it was told, by number.
        sketches: Sketches of their full runs, by number.
    """
    try:
        study = Study.restored(request, trials)
    except GlowbackError:
        # Another version made the trials, or an extra is gone; they are shown all the same.
        return OptimizationResult(
            optimization_id=status.optimization_id,
            state=status.state,
            best_trial=status.best_trial,
            trials=tuple(trials),
            front=(),
            replay_backtest=None,
            diagnostics={},
            validation={},
            manifest=None,
            attempt=status.attempt,
        )
    return evolve(result_of(status, study, study.report(sketches), ()), state=status.state)


def replayed(request: OptimizationRequest, optimization_id: str, trial: Trial) -> BacktestRequest:
    """Return the backtest of a trial, tagged with the optimization that it is of."""
    backtest = applied(request.base_backtest, trial.parameters)
    tag = f"optimization:{optimization_id}"
    return evolve(backtest, tags=(*backtest.tags[: _MOST_TAGS - 1], tag))


# As many as a run may have.
_MOST_TAGS = 32
