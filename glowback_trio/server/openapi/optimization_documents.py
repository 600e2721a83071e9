"""Typed dicts of what clients receive of optimizations and of the ledger; see `documents`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypedDict

from glowback_trio.model.bounds import Ge
from glowback_trio.model.optimization.objectives import Direction
from glowback_trio.model.optimization.request import Search, ValidationMode
from glowback_trio.model.optimization.space import SearchSpace
from glowback_trio.model.stream_protocol import OptimizationStateName
from glowback_trio.server.openapi.documents import Fraction, Instant, RunId

__all__ = [
    "OptimizationResultDocument",
    "OptimizationStatusDocument",
    "TrialDocument",
    "TrialPayload",
]


class TrialPayload(TypedDict):
    """A finished trial.

    Attributes:
        trial_id: Its id within the optimization.
        trial_number: 1, 2, 3 … within the optimization, over all its attempts.
        parameters: What was chosen, by the names of the search space.
        objective: What it is ranked by; null if it failed or is undefined.
        objectives: The value of every objective's metric, in the order of the request.
        metrics: Its metrics: those of the whole range, and those of the validation.
        feasible: Whether it meets every constraint on metrics.
        error: Why it failed; null otherwise.
        split: The split of a search that begins anew for each, from 0; null where there is one.
        budget: The part of the range that it was tried on, as a fraction: below 1 in the early
            rounds of `successive_halving`.
        split_scores: The objective in training and in what was held out, for every window or split
            that has a winner of its own.
    """

    trial_id: str
    trial_number: Annotated[int, Ge(1)]
    status: Literal["pending", "running", "completed", "failed"]
    parameters: dict[str, Any]
    objective: float | None
    objectives: list[float | None]
    metrics: dict[str, float | None]
    feasible: bool
    error: str | None
    split: int | None
    budget: Fraction
    split_scores: list[list[float | None]]


class TrialDocument(TrialPayload):
    """A finished trial, with the time that it took.

    Attributes:
        duration_seconds: In whole seconds; null if it is not known.
        duration_ms: In milliseconds; null if it is not known.
    """

    duration_seconds: int | None
    duration_ms: float | None


class OptimizationStatusDocument(TypedDict):
    """The status of an optimization: that of its newest attempt.

    Attributes:
        strategy: How it searches.
        objective_metric: The metric that is sought; the first, if there are several.
        max_trials: Trials at most.
        trials_completed: Trials that ended with metrics, those of earlier attempts included.
        trials_failed: Trials that failed, likewise.
        trials_running: Trials under way.
        best_trial: The best trial so far; null before the first.
        created_at: Time it was accepted.
        started_at: Time the attempt began to run; null before.
        finished_at: Time the attempt ended; null before.
        error: Why it failed or was cancelled; null otherwise.
        progress: From 0 to 1; exactly 1 once completed.
        attempt: Number of the attempt, from 1.
        event_count: Events in the attempt's log so far, which is also the id of the newest.
        paused: Whether it is paused.
    """

    optimization_id: RunId
    name: str
    state: OptimizationStateName
    strategy: Search
    objective_metric: str
    direction: Direction
    max_trials: Annotated[int, Ge(1)]
    trials_completed: Annotated[int, Ge(0)]
    trials_failed: Annotated[int, Ge(0)]
    trials_running: Annotated[int, Ge(0)]
    best_trial: TrialDocument | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    error: str | None
    progress: Fraction
    attempt: Annotated[int, Ge(1)]
    event_count: Annotated[int, Ge(1)]
    paused: bool


class OptimizationResultDocument(TypedDict):
    """The findings of an optimization.

    Attributes:
        state: How it ended.
        attempt: The attempt that it is of.
        best_trial: The best trial; null if there is none.
        all_trials: All finished trials, by number.
        front: Numbers of the trials that no other beats in every objective; empty where there is
            one objective.
        total_duration_seconds: From the beginning of the attempt to its end, in whole seconds.
        search_space: What could be chosen.
        validation: What was found out of sample: windows or splits, each with its winner, and the
            stitched curve; empty without a validation.
        replay_backtest: The best trial as a request for `POST /backtests`.
        diagnostics: Figures on the search, and on how likely the best is luck. `ledger` quotes the
            ledger of trials as it was when the search ended.
        manifest: Request, trials and data, for a record.
        kept_runs: Ids of the runs that keep the best trials, best first.
    """

    optimization_id: RunId
    name: str
    state: OptimizationStateName
    attempt: Annotated[int, Ge(1)]
    best_trial: TrialDocument | None
    all_trials: list[TrialDocument]
    front: list[int]
    total_duration_seconds: Annotated[int, Ge(0)]
    search_space: SearchSpace
    validation_mode: ValidationMode
    validation: dict[str, Any]
    replay_backtest: dict[str, Any] | None
    diagnostics: dict[str, Any]
    manifest: dict[str, Any] | None
    kept_runs: list[RunId]
