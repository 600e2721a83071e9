"""Every exception that this package raises on purpose, on one page.

Each leaf also inherits the builtin that it refines, so an `except ValueError` written without
knowledge of this page keeps working, and carries a `code`, which stays stable while messages may
change. All of them can be pickled.
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
    """The root of all errors below. Catch it to handle whatever this package raises on purpose."""

    # Codes are part of the API: responses carry them, and clients compare them.
    code: ClassVar[str] = "internal_error"

    def __reduce__(self) -> tuple[Any, ...]:
        # By message and fields: the constructors of some leaves take something else.
        return _restore, (type(self), self.args, vars(self))


def _restore(
    cls: type[GlowbackError], args: tuple[Any, ...], fields: dict[str, Any]
) -> GlowbackError:
    error = cls.__new__(cls, *args)
    vars(error).update(fields)
    return error


@frozen
class Problem:
    """One thing that is wrong with a request.

    Attributes:
        kind: A stable word for the sort of problem, such as `missing` or `greater_than`.
        path: The place of the value, from the root of the request down, such as
            `("strategy", "params", "lookback")`.
        message: What was expected, as a sentence that a person can act on.
        value: The offending value, or None where nothing was given.
    """

    kind: str
    path: tuple[str | int, ...]
    message: str
    value: Any = field(default=None)

    def under(self, step: str | int) -> Problem:
        """Return the same problem with one more step in front of its path."""
        return evolve(self, path=(step, *self.path))

    def __str__(self) -> str:
        where = ".".join(str(step) for step in self.path)
        return f"{where}: {self.message}" if where else self.message


class InvalidRequestError(GlowbackError, ValueError):
    """Raised when a request breaks a rule that can be checked before anything runs.

    Correct the request by `problems`. Problems of single fields are reported together, a rule
    between fields is checked only once its fields are valid, and symbols are looked up in the data
    last.
    """

    code = "validation_error"

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(str(problem) for problem in self.problems))


class DataError(GlowbackError, ValueError):
    """Raised when bars cannot be loaded or used: a bad row, an empty range, a quality check.

    Correct the files or the request's range. A symbol that the catalogue knows to be missing
    beforehand is an `InvalidRequestError` instead. The message may be shown to the owner of a run:
    it names no directory.
    """

    code = "data_error"


class StrategyError(GlowbackError, RuntimeError):
    """Raised when a strategy class is incomplete, or a strategy raised or returned nonsense.

    Correct the strategy: the message says what was wrong, and at which bar if it was at one.
    """

    code = "strategy_error"


class InvalidTransitionError(GlowbackError, RuntimeError):
    """Raised when the lifecycle table does not allow an event; nothing has changed.

    It is a fault in the code that emits events, or in a log that another program wrote.
    """

    code = "conflict"


class LogError(GlowbackError, AssertionError):
    """Raised when a log of events breaks one of the log laws (see `model.invariants`).

    Do not rely on such a log: read it again, from its first event on.
    """

    code = "internal_error"


class CursorAheadError(GlowbackError, LookupError):
    """Raised when a reader requests events after an id that the log has not reached.

    Its cursor belongs to another run or another log: start again from 0.
    """

    code = "cursor_ahead"

    def __init__(self, after: int, newest: int) -> None:
        self.after = after
        self.newest = newest
        super().__init__(
            f"last_event_id is ahead of the log: it is {after}, and the newest event is {newest}"
        )


class UnknownRunError(GlowbackError, LookupError):
    """Raised when no run has this id: never made, deleted, or evicted to keep the store's bounds.

    Submit the request again if its result is still needed.
    """

    code = "not_found"

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__("Run not found")


class ResultUnavailableError(GlowbackError, RuntimeError):
    """Raised when a run has no result. The leaves say why."""

    code = "conflict"


class NotReadyError(ResultUnavailableError):
    """Raised for what is not there yet: the run has not ended, or its result has left memory.

    Wait for the end of the run, or load what was wanted; the message says which.
    """

    def __init__(self, message: str = "Results not ready") -> None:
        super().__init__(message)


class RunFailedError(ResultUnavailableError):
    """Raised when the run failed; the message holds its error."""


class RunCancelledError(ResultUnavailableError):
    """Raised when the run was cancelled; the message holds the reason."""


class GatewayClosedError(GlowbackError, RuntimeError):
    """Raised when a run is submitted to a gateway that is closing or closed."""

    code = "unavailable"


class QueueFullError(GlowbackError, RuntimeError):
    """Raised when as many runs are queued as the gateway may hold. Try again later."""

    code = "unavailable"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} runs are waiting already, and the limit is {limit}; try later")


class StoreError(GlowbackError, RuntimeError):
    """Raised when a store cannot be used: another gateway has it open."""

    code = "unavailable"


class ServingError(GlowbackError, OSError):
    """Raised when a server cannot start: an address in use, an unreadable certificate, a bad bind.

    The message names the address or the file.
    """

    code = "unavailable"


class UnreachableError(GlowbackError, ConnectionError):
    """Raised when a client cannot reach its server, or lost it and could not reconnect in time.

    Check the URL and the server; a stream can be resumed from its cursor.
    """

    code = "unreachable"


class UnexpectedAnswerError(GlowbackError, ValueError):
    """Raised when a client receives something that is not a response of this API.

    The URL is probably that of another program, or of a proxy in between.
    """

    code = "unexpected_answer"


class ServerRefusedError(GlowbackError, RuntimeError):
    """Raised when a server refuses a client's request, or cannot carry it out.

    Not raised where another leaf is more precise, such as `UnknownRunError`. Try again after
    `retry_after`, if there is one; otherwise the message says what to change.

    Attributes:
        status: The HTTP status, or from 1000 on the close code of a WebSocket.
        reason: The server's stable word for it, such as `unauthorized`.
        retry_after: Seconds to wait before another attempt; None if the server does not say.
    """

    code = "refused"

    def __init__(
        self, status: int, message: str, *, reason: str = "", retry_after: float | None = None
    ) -> None:
        self.status = status
        self.reason = reason
        self.retry_after = retry_after
        super().__init__(f"the server answered {status}: {message}")
