"""Typed dicts of the events of optimizations; see `event_documents` for those of runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from glowback_trio.model.bounds import Ge
from glowback_trio.server.openapi.documents import Fraction, Instant, RunId
from glowback_trio.server.openapi.event_documents import EndedDocument, LogLine, Running
from glowback_trio.server.openapi.optimization_documents import TrialPayload

__all__ = ["OptimizationEventDocument"]


class Pending(TypedDict):
    """An attempt was accepted.

    Attributes:
        attempt: Number of the attempt, from 1.
        trials_taken_over: Finished trials of earlier attempts, which are not evaluated again.
    """

    state: Literal["pending"]
    message: str
    attempt: Annotated[int, Ge(1)]
    trials_taken_over: Annotated[int, Ge(0)]


class SearchProgress(TypedDict):
    """The progress of an attempt, at fixed numbers of trials."""

    progress: Fraction
    trials_completed: Annotated[int, Ge(0)]
    trials_failed: Annotated[int, Ge(0)]
    max_trials: Annotated[int, Ge(1)]


class Best(TypedDict):
    """A trial is better than all before it.

    Attributes:
        previous: Number of the trial that was the best before; null for the first.
    """

    trial_number: Annotated[int, Ge(1)]
    objective: float | None
    parameters: dict[str, Any]
    previous: int | None


class Generation(TypedDict):
    """A learning search has chosen its next trials.

    Attributes:
        generation: 1, 2, 3 … within the search.
        first_trial: Number of the first of them.
        trials: How many they are.
    """

    generation: int
    first_trial: int
    trials: int


class Validation(TypedDict):
    """A winner was scored on what its search did not see.

    Attributes:
        window: Number of the window, from 1, where there are windows.
        split: Number of the split, from 0, where there are splits.
        held_out: The folds that were held out, where there are splits.
        train: The parts of the range that it was chosen on; left out if the validation failed.
        test: The parts of the range that it was scored on, likewise.
        winner: Number of the trial.
        error: Why the validation failed; null otherwise.
    """

    window: NotRequired[Annotated[int, Ge(1)]]
    split: NotRequired[Annotated[int, Ge(0)]]
    held_out: NotRequired[list[int]]
    train: NotRequired[Any]
    test: NotRequired[Any]
    winner: Annotated[int, Ge(1)]
    parameters: dict[str, Any]
    train_objective: float | None
    test_objective: float | None
    test_metrics: dict[str, float | None]
    error: str | None


class OptimizationEventHead(TypedDict):
    """The fields that every event begins with.

    Attributes:
        event_id: 1, 2, 3 … within its attempt.
        run_id: The id of the optimization.
    """

    event_id: Annotated[int, Ge(1)]
    run_id: RunId
    timestamp: Instant


class OptimizationStateEvent(OptimizationEventHead):
    """An attempt was accepted, began or ended."""

    type: Literal["state"]
    payload: Pending | Running | EndedDocument


class OptimizationProgressEvent(OptimizationEventHead):
    """An attempt has finished another step."""

    type: Literal["progress"]
    payload: SearchProgress


class TrialEvent(OptimizationEventHead):
    """A trial has ended; trials are told in the order of their numbers."""

    type: Literal["trial"]
    payload: TrialPayload


class BestEvent(OptimizationEventHead):
    """The best trial has changed."""

    type: Literal["best"]
    payload: Best


class GenerationEvent(OptimizationEventHead):
    """A learning search has chosen its next trials."""

    type: Literal["generation"]
    payload: Generation


class ValidationEvent(OptimizationEventHead):
    """A winner was scored out of sample."""

    type: Literal["validation"]
    payload: Validation


class OptimizationLogEvent(OptimizationEventHead):
    """A log message."""

    type: Literal["log"]
    payload: LogLine


OptimizationEventDocument = (
    OptimizationStateEvent
    | OptimizationProgressEvent
    | TrialEvent
    | BestEvent
    | GenerationEvent
    | ValidationEvent
    | OptimizationLogEvent
)
