"""Every exception this package raises on purpose, on one page.

Each leaf also inherits the builtin it refines, so an `except ValueError` written without knowing
this page goes on working, and carries a `code` that stays stable while messages may change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from attrs import evolve, field, frozen

__all__ = [
    "CursorAheadError",
    "DataError",
    "GatewayClosedError",
    "GlowbackError",
    "InvalidRequestError",
    "InvalidTransitionError",
    "LogError",
    "NotReadyError",
    "Problem",
    "QueueFullError",
    "ResultUnavailableError",
    "RunCancelledError",
    "RunFailedError",
    "ServerRefusedError",
    "ServingError",
    "StoreError",
    "StrategyError",
    "UnexpectedAnswerError",
    "UnknownRunError",
    "UnreachableError",
]


class GlowbackError(Exception):
    """The root: everything this package raises on purpose."""

    code: ClassVar[str] = "internal_error"


@frozen
class Problem:
    """One thing wrong with what was asked.

    Attributes:
        kind: A stable word for the sort of problem, such as `missing` or `greater_than`.
        path: Where it stands, from the request's root down: `("strategy", "params", "lookback")`.
        message: What was expected, as a sentence a person can act on.
        value: The offending value, or None where nothing was given.
    """

    kind: str
    path: tuple[str | int, ...]
    message: str
    value: Any = field(default=None)

    def under(self, step: str | int) -> Problem:
        """The same problem, seen from one level further out."""
        return evolve(self, path=(step, *self.path))

    def __str__(self) -> str:
        where = ".".join(str(step) for step in self.path)
        return f"{where}: {self.message}" if where else self.message


class InvalidRequestError(GlowbackError, ValueError):
    """A request breaks a rule that can be known before anything runs.

    Raised with *all* problems found, never only the first.
    """

    code = "validation_error"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class DataError(GlowbackError, ValueError):
    """The bars cannot be had or cannot be used: a bad row, an empty range, a failed quality check.

    Not raised for an unknown symbol that the catalogue can tell beforehand: that is an
    `InvalidRequestError`. The message is a sentence for the run's owner and names no directory.
    """

    code = "data_error"


class StrategyError(GlowbackError, RuntimeError):
    """A strategy is not whole, failed, or gave something that no order can be made of."""

    code = "strategy_error"


class InvalidTransitionError(GlowbackError, RuntimeError):
    """An event was offered that the lifecycle table does not allow; nothing has changed."""

    code = "conflict"


class LogError(GlowbackError, AssertionError):
    """A log of events breaks one of the log laws (see `model.laws`)."""

    code = "internal_error"


class CursorAheadError(GlowbackError, LookupError):
    """A subscriber asked for events after an id that the log has not reached."""

    code = "cursor_ahead"

    def __init__(self, after: int, newest: int) -> None:
        self.after = after
        self.newest = newest
        super().__init__(
            f"last_event_id is ahead of the log: asked for {after}, the newest is {newest}"
        )


class UnknownRunError(GlowbackError, LookupError):
    """No run has this id: never made, deleted, or evicted by the store's bounds."""

    code = "not_found"

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__("Run not found")


class ResultUnavailableError(GlowbackError, RuntimeError):
    """A run has no result to give. Its leaves say why."""

    code = "conflict"


class NotReadyError(ResultUnavailableError):
    """The run is still queued or running."""

    def __init__(self, message: str = "Results not ready") -> None:
        super().__init__(message)


class RunFailedError(ResultUnavailableError):
    """The run failed; the message is its error."""


class RunCancelledError(ResultUnavailableError):
    """The run was cancelled; the message is the reason."""


class GatewayClosedError(GlowbackError, RuntimeError):
    """A run was submitted to a gateway that is closing or closed."""

    code = "unavailable"


class QueueFullError(GlowbackError, RuntimeError):
    """As many runs wait as the gateway is configured to hold."""

    code = "unavailable"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} runs are waiting already, and the limit is {limit}; try later")


class StoreError(GlowbackError, RuntimeError):
    """A store cannot be used as asked: another gateway has it open."""

    code = "unavailable"


class ServingError(GlowbackError, OSError):
    """A server cannot start: an address in use, an unreadable certificate, a bad bind."""

    code = "unavailable"


class UnreachableError(GlowbackError, ConnectionError):
    """A client cannot reach its server, or lost it and was not let in again in time."""

    code = "unreachable"


class UnexpectedAnswerError(GlowbackError, ValueError):
    """A client was given something that is no answer of this API: it speaks to something else."""

    code = "unexpected_answer"


class ServerRefusedError(GlowbackError, RuntimeError):
    """A server will not, or cannot, do what a client asked.

    Not raised where another leaf says it better, such as `UnknownRunError`.

    Attributes:
        status: The HTTP status, or from 1000 on the close code of a WebSocket.
        reason: The server's own stable word for it, such as `unauthorized`.
        retry_after: Seconds after which the server asks to be tried again; None: it does not say.
    """

    code = "refused"

    def __init__(
        self, status: int, message: str, *, reason: str = "", retry_after: float | None = None
    ) -> None:
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(f"the server answered {status}: {message}")
