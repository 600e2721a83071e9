"""Errors as clients see them: one table from error to status, and two forms of the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException

from glowback_trio.errors import (
    CursorAheadError,
    DamagedError,
    GatewayClosedError,
    GlowbackError,
    InvalidRequestError,
    InvalidTransitionError,
    LiveRunsFullError,
    Problem,
    QueueFullError,
    ResourceError,
    ResultUnavailableError,
    RunEndedError,
    RunExistsError,
    StoreError,
    UnknownRunError,
    VerificationError,
)
from glowback_trio.model.optimization.errors import (
    OptimizationConflictError,
    UnknownOptimizationError,
)
from glowback_trio.server.http.route import is_versioned
from glowback_trio.store.cluster import HeldElsewhereError

__all__ = [
    "STATUSES",
    "HttpError",
    "http_error",
    "sentence",
    "shorten",
    "summary",
    "too_large",
    "unknown_path",
]

#: An error that is not listed is a fault of the server: 500.
STATUSES: Mapping[type[GlowbackError], HTTPStatus] = {
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    DamagedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    RunExistsError: HTTPStatus.CONFLICT,
    RunEndedError: HTTPStatus.CONFLICT,
    VerificationError: HTTPStatus.CONFLICT,
    UnknownRunError: HTTPStatus.NOT_FOUND,
    ResultUnavailableError: HTTPStatus.CONFLICT,
    InvalidTransitionError: HTTPStatus.CONFLICT,
    HeldElsewhereError: HTTPStatus.CONFLICT,
    OptimizationConflictError: HTTPStatus.CONFLICT,
    CursorAheadError: HTTPStatus.CONFLICT,
    GatewayClosedError: HTTPStatus.SERVICE_UNAVAILABLE,
    QueueFullError: HTTPStatus.SERVICE_UNAVAILABLE,
    LiveRunsFullError: HTTPStatus.SERVICE_UNAVAILABLE,
    ResourceError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreError: HTTPStatus.SERVICE_UNAVAILABLE,
}

_CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "request_too_large",
    415: "unsupported_media_type",
    422: "validation_error",
    429: "too_many_requests",
    503: "unavailable",
}

_UNKNOWN_PATH = "Not Found: there is no such path; GET / lists those there are"
# What a client can do about errors of the package that other programs meet as well.
_ADVICE: Mapping[type[GlowbackError], str] = {
    UnknownRunError: ": no run has this id, or no longer; GET /backtests lists those there are",
    UnknownOptimizationError: (
        ": no optimization has this id, or no longer; GET /optimizations lists those there are"
    ),
}
_STORE_FAILED = "The store cannot be used at the moment; try again later"
# A guess: how soon a place in the queue is free depends on the runs in it.
_RETRY_AFTER_S = 5
# Problems listed in one response; of further ones only the number is stated.
_MOST_PROBLEMS = 1000
_LONGEST_TEXT = 200
_LONGEST_SENTENCE = 600


class HttpError(Exception):
    """An error as a client sees it; only the server raises and handles it.

    Args:
        status: The HTTP status.
        message: A message for people.
        code: A stable code for programs; None: the code of the status.
        details: The problems of an invalid request.
        headers: Further headers of the response; a 503 has `Retry-After` without them.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: Sequence[Mapping[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code or _code_of(status)
        self.details = details
        self.headers = {**_retry(status), **(headers or {})}

    def document(self, path: str, request_id: str) -> Mapping[str, Any]:
        """Return the body: an envelope under `/v1`, `detail` elsewhere."""
        if is_versioned(path):
            error = {"code": self.code, "message": self.message, "details": self.details}
            return {"error": error, "request_id": request_id}
        return {"detail": self.message if self.details is None else self.details}


def _retry(status: int) -> Mapping[str, str]:
    """Return when to come back, which every 503 says."""
    return {"Retry-After": str(_RETRY_AFTER_S)} if status == 503 else {}


def _code_of(status: int) -> str:
    """Return the stable code of a status."""
    return _CODES.get(status, "bad_request" if status < 500 else "internal_error")


def http_error(error: BaseException) -> HttpError:
    """Translate an error for clients; one that is not meant for them becomes a bare 500."""
    match ResourceError.of(error) or error:
        case HttpError() as own:
            return own
        case InvalidRequestError(problems=problems):
            return HttpError(422, "Request validation failed", details=_problem_documents(problems))
        case GlowbackError() as ours:
            return _from_package(ours)
        # Last of the known ones: it is Werkzeug's, for routing.
        case HTTPException(code=int(status)) as theirs:
            return _from_framework(theirs, status)
        case _:
            return HttpError(500, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)


def _from_package(error: GlowbackError) -> HttpError:
    # The nearest class in the table decides, so subclasses need no row.
    status = next((STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES), None)
    if status is None:
        return HttpError(500, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)
    after = getattr(error, "retry_after_s", _RETRY_AFTER_S)
    retry = {"Retry-After": str(after)} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    # What a store says names files, which is for the log.
    said = _STORE_FAILED if isinstance(error, StoreError) else str(error)
    message = f"{said}{_ADVICE.get(type(error), '')}"
    return HttpError(status, message, code=error.code, headers=retry)


def _from_framework(error: HTTPException, status: int) -> HttpError:
    """Translate an error of Quart's routing."""
    if methods := getattr(error, "valid_methods", None):
        allowed = ", ".join(sorted(methods))
        message = f"{error.name}: this path takes {allowed}"
        return HttpError(status, message, headers={"Allow": allowed})
    return HttpError(status, _UNKNOWN_PATH if status == 404 else error.name)


def too_large(limit: int, setting: str) -> HttpError:
    """Return the 413 for a body longer than a setting allows, which is this many bytes."""
    variable = f"GLOWBACK_{setting.upper()}"
    message = f"Request body too large: {variable} allows at most {limit:,} bytes"
    return HttpError(413, message)


def unknown_path() -> HttpError:
    """Return the 404 for a path that is none of the server's."""
    return HttpError(404, _UNKNOWN_PATH)


def sentence(error: InvalidRequestError) -> str:
    """Return all problems of a request as one sentence, cut to a length fit for a response."""
    return shorten(str(error))


def _problem_documents(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Return problems in their JSON form."""
    problems = list(problems)
    listed = [_problem_document(problem) for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        message = f"and {len(problems) - _MOST_PROBLEMS} more problems"
        listed.append({"type": "too_many", "loc": ["body"], "msg": message, "input": None})
    return listed


def _problem_document(problem: Problem) -> dict[str, Any]:
    return {
        "type": problem.kind,
        "loc": [summary(step) for step in problem.path],
        "msg": shorten(problem.message),
        "input": summary(problem.value),
    }


def summary(value: object) -> object:
    """Return a client's value for an echo: a scalar, cut to size, or a summary of a container."""
    match value:
        case None | bool() | float():
            return value
        # JavaScript rounds greater integers, so those are echoed as text.
        case int() if abs(value) < 1 << 53:
            return value
        case str():
            return shorten(value, _LONGEST_TEXT)
        case dict():
            return f"an object of {len(value)} fields"
        case list() | tuple():
            return f"a list of {len(value)} items"
        case _:
            return shorten(str(value), _LONGEST_TEXT)


def shorten(text: str, length: int = _LONGEST_SENTENCE) -> str:
    """Return a text, cut to a length fit for a response."""
    return text if len(text) <= length else f"{text[:length]}…"
