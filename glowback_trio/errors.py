"""Every exception that this package raises on purpose, on one page.

Each leaf also inherits the builtin that it refines, so an `except ValueError` written without
knowledge of this page keeps working, and carries a `code`, which stays stable while messages may
change. All of them can be pickled.
"""

from __future__ import annotations

import errno
import pickle
import sys
from collections.abc import Iterable, Mapping
from reprlib import Repr
from typing import Any, ClassVar, Self

from attrs import evolve, field, frozen

__all__ = [
    "ComputeError",
    "CursorAheadError",
    "DamagedError",
    "DataError",
    "EventLoopError",
    "FailureTraceback",
    "GatewayClosedError",
    "GlowbackError",
    "InvalidRequestError",
    "InvalidTransitionError",
    "LiveRunsFullError",
    "LogError",
    "NotReadyError",
    "Problem",
    "QueueFullError",
    "ResourceError",
    "ResultUnavailableError",
    "RunCancelledError",
    "RunExistsError",
    "RunFailedError",
    "ServerRefusedError",
    "ServingError",
    "StoreError",
    "StrategyError",
    "UnexpectedAnswerError",
    "UnknownRunError",
    "UnreachableError",
    "VerificationError",
]


# A `repr` stays short, whatever a client sent.
_brief = Repr()
_brief.maxstring = _brief.maxother = 100


class FailureTraceback(Exception):  # noqa: N818 - nothing raises it: it is the cause of an error
    """The traceback of a failed strategy or source as text, as the cause of a `RunFailedError`.

    It is text because the code may have failed in another thread or process.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def __str__(self) -> str:
        # Marked, because it is printed inside another traceback.
        return f'\n"""\n{self.text}"""'

    def __repr__(self) -> str:
        last = self.text.rstrip().rpartition("\n")[2]
        return f"{type(self).__name__}({_brief.repr(last)})"


class GlowbackError(Exception):
    """The root of all errors below. Catch it to handle whatever this package raises on purpose."""

    # Codes are part of the API: responses carry them, and clients compare them.
    code: ClassVar[str] = "internal_error"

    def __repr__(self) -> str:
        return f"{type(self).__name__}({_brief.repr(str(self))})"

    def __reduce__(self) -> tuple[Any, ...]:
        # By message and fields: the constructors of some leaves take something else. A cause may be
        # any exception, and so may not survive; the text of a traceback does.
        cause = self.__cause__ if isinstance(self.__cause__, FailureTraceback) else None
        return _restore, (type(self), self.args, vars(self), cause)


def _restore(
    cls: type[GlowbackError],
    args: tuple[Any, ...],
    fields: dict[str, Any],
    cause: FailureTraceback | None = None,
) -> GlowbackError:
    error = cls.__new__(cls, *args)
    vars(error).update(fields)
    if cause is not None:
        error.__cause__ = cause
    return error


@frozen(repr=False)
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

    def __repr__(self) -> str:
        # Without the value, which a client may have made as long as it liked.
        return f"Problem({self.kind!r}, {_brief.repr(str(self))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Problem, (self.kind, self.path, self.message, _picklable(self.value))

    def under(self, step: str | int) -> Problem:
        """Return the same problem with one more step in front of its path."""
        return evolve(self, path=(step, *self.path))

    def __str__(self) -> str:
        where = ".".join(str(step) for step in self.path)
        return f"{where}: {self.message}" if where else self.message


def _picklable(value: Any) -> Any:
    """Return a value, or its `repr` if it cannot be pickled: a program may pass any object."""
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - objects may raise anything while they are pickled
        return _brief.repr(value)
    return value


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


class DamagedError(GlowbackError, ValueError):
    """Raised when bytes from outside are not what they should be: an export, or a stored result.

    Fetch the file again from where it was written; nothing of it has been used.
    """

    code = "damaged"


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


class RunEndedError(GlowbackError, RuntimeError):
    """Raised when a run that has ended is to go on in another way."""

    code = "conflict"


class LogError(GlowbackError, AssertionError):
    """Raised when a log of events breaks one of the log laws (see `model.invariants`).

    Do not rely on such a log: read it again, from its first event on.
    """

    code = "internal_error"


class CursorAheadError(GlowbackError, LookupError):
    """Raised when a reader requests events after an id that the log has not reached.

    Its cursor belongs to another run or another log: start again from 0.

    Args:
        after: The cursor.
        newest: Id of the newest event.
        name: What the reader calls the cursor.
    """

    code = "cursor_ahead"

    def __init__(self, after: int, newest: int, name: str = "after") -> None:
        self.after = after
        self.newest = newest
        super().__init__(
            f"{name} is ahead of the log: it is {after}, and the newest event is {newest}; read "
            "from 0 on, because the cursor belongs to another log"
        )


class UnknownRunError(GlowbackError, LookupError):
    """Raised when no run has this id: never made, deleted, or evicted to keep the store's bounds.

    Submit the request again if its result is still needed.
    """

    code = "not_found"

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__("Run not found")


class RunExistsError(GlowbackError, ValueError):
    """Raised when a run is imported whose id another run has already. That one is left as it is.

    Delete it first if the imported one is wanted instead.
    """

    code = "conflict"

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(
            f"There is another run {run_id} already, which differs from the imported one; delete "
            "it first to import this one"
        )


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
    """Raised when the run failed; the message holds its error.

    In the program whose gateway ran it, `__cause__` is a `FailureTraceback` if the error was raised
    by code that is not this package's, such as a custom strategy. Clients get the message only.
    """


class RunCancelledError(ResultUnavailableError):
    """Raised when the run was cancelled; the message holds the reason."""


class GatewayClosedError(GlowbackError, RuntimeError):
    """Raised when a run is submitted to a gateway that is closing or closed."""

    code = "unavailable"


class EventLoopError(GlowbackError, RuntimeError):
    """Raised when something is used outside the trio event loop that it needs; nothing has changed.

    Such as from another thread, or under asyncio. The message says what to call instead.
    """

    code = "internal_error"

    @classmethod
    def here(cls, call: str, instead: str) -> Self:
        """Describe a call that was made here, in this thread.

        Args:
            call: What was called.
            instead: What to do, as a clause in the imperative.
        """
        where = "under asyncio" if _asyncio_runs() else "outside its trio event loop"
        return cls(f"{call} was called {where}: {instead}")


def _asyncio_runs() -> bool:
    # Looked up and not imported: where nothing has imported asyncio, it cannot be running.
    if (asyncio := sys.modules.get("asyncio")) is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class QueueFullError(GlowbackError, RuntimeError):
    """Raised when as many runs are queued as the gateway may hold. Try again later."""

    code = "unavailable"

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(f"{limit} runs are waiting already, and the limit is {limit}; try later")


# What the system says when it is out of something, by the number of the error.
_RESOURCES: Mapping[int | None, str] = {
    errno.EMFILE: "open files",
    errno.ENFILE: "open files",
    errno.ENOMEM: "memory",
    errno.ENOBUFS: "memory",
    errno.ENOSPC: "disk space",
    errno.EDQUOT: "disk space",
}


class ResourceError(GlowbackError, RuntimeError):
    """Raised when the process or its machine is out of something that work needs. Try again later.

    Nothing is wrong with the request, and nothing has been changed.

    Attributes:
        resource: What there is too little of, such as `memory`, `open files` or `disk space`.
        retry_after_s: Whole seconds after which another attempt may succeed; a guess.
    """

    code = "unavailable"

    def __init__(self, resource: str, *, retry_after_s: int = 5) -> None:
        self.resource = resource
        self.retry_after_s = retry_after_s
        super().__init__(f"The server is out of {resource} at the moment; try again later")

    @classmethod
    def of(cls, error: BaseException) -> ResourceError | None:
        """Return what a builtin error says the process is out of; None for any other error."""
        match error:
            case ResourceError():
                return error
            case MemoryError():
                return cls("memory")
            case OSError(errno=number) if number in _RESOURCES:
                return cls(_RESOURCES[number])
            # Python says it by its words alone.
            case RuntimeError(args=("can't start new thread",)):
                return cls("threads")
            case _:
                return None

    @classmethod
    def check(cls, error: BaseException) -> None:
        """Do nothing, unless a builtin error says that the process is out of something.

        For code that takes any other error for an answer, such as that there is no such file.

        Raises:
            ResourceError: It says so.
        """
        if (short_of := cls.of(error)) is not None:
            raise short_of from error


class LiveRunsFullError(QueueFullError):
    """Raised when as many runs have begun and not ended as may: paused ones and paced ones count.

    Cancel some, resume some, or try again later.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        RuntimeError.__init__(
            self,
            f"{limit} runs have begun and not ended, paused and paced ones included, and the limit "
            f"is max_live_runs = {limit}; resume or cancel some, or try later",
        )


class StoreError(GlowbackError, RuntimeError):
    """Raised when a store cannot be used.

    Another gateway has it open; its file cannot be opened, read or written; what it holds is
    damaged or of a newer version. The message names the file.
    """

    code = "unavailable"


class ComputeError(GlowbackError, RuntimeError):
    """Raised when runs cannot be computed where they should be, such as on a Ray cluster.

    The message says what is in the way, and what to do.
    """

    code = "unavailable"


class VerificationError(GlowbackError, RuntimeError):
    """Raised when a run cannot be computed again here, so that nothing can be said of it.

    The message says why, such as a strategy that cannot be imported in a worker process.
    """

    code = "conflict"


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
