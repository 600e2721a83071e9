"""The errors of optimizations; `glowback_trio.errors` has all others."""

from __future__ import annotations

from glowback_trio.errors import GlowbackError, QueueFullError, UnknownRunError

__all__ = [
    "OptimizationConflictError",
    "OptimizationFailedError",
    "OptimizationsFullError",
    "UnknownAttemptError",
    "UnknownOptimizationError",
    "UnknownTrialError",
]


class UnknownOptimizationError(UnknownRunError):
    """Raised when no optimization has this id: never made, deleted, or evicted."""

    def __init__(self, optimization_id: str, message: str = "Optimization not found") -> None:
        super().__init__(optimization_id)
        self.optimization_id = optimization_id
        self.args = (message,)


class UnknownAttemptError(UnknownOptimizationError):
    """Raised when an optimization has no attempt of this number, or no longer its log."""

    def __init__(self, optimization_id: str, attempt: int, newest: int) -> None:
        self.attempt = attempt
        message = f"Attempt not found: the optimization has attempts 1 to {newest}, not {attempt}"
        super().__init__(optimization_id, message)


class UnknownTrialError(UnknownOptimizationError):
    """Raised when an optimization has no finished trial of this number."""

    def __init__(self, optimization_id: str, trial_number: int | str) -> None:
        self.trial_number = trial_number
        message = f"Trial not found: the optimization has no finished trial {trial_number}"
        super().__init__(optimization_id, message)


class OptimizationConflictError(GlowbackError, RuntimeError):
    """Raised when the state of an optimization does not allow what is asked of it.

    Wait until it has changed: a running one cannot be resumed, for example.
    """

    code = "conflict"


class OptimizationsFullError(QueueFullError):
    """Raised when as many optimizations have not ended as the gateway may hold. Try again later."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        message = (
            f"{limit} optimizations have not ended, paused ones included, and the limit is "
            f"max_optimizations = {limit}; cancel some, or try later"
        )
        self.args = (message,)


class OptimizationFailedError(GlowbackError, RuntimeError):
    """Raised by `optimize` when every trial has failed. The message quotes the first one's reason.

    Correct what it says; the same request fails again.
    """

    code = "optimization_failed"
