"""How errors look to clients: one table from error to status, and the two shapes of the body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException

from glowback_trio.errors import (
    CursorAheadError,
    GatewayClosedError,
    GlowbackError,
    InvalidRequestError,
    InvalidTransitionError,
    Problem,
    QueueFullError,
    ResultUnavailableError,
    UnknownRunError,
)
from glowback_trio.server.http.route import is_versioned

__all__ = ["STATUSES", "HttpError", "http_error", "sentence"]

#: What is not listed here is a fault of ours: 500.
STATUSES: Mapping[type[GlowbackError], HTTPStatus] = {
    InvalidRequestError: HTTPStatus.UNPROCESSABLE_ENTITY,
    UnknownRunError: HTTPStatus.NOT_FOUND,
    ResultUnavailableError: HTTPStatus.CONFLICT,
    InvalidTransitionError: HTTPStatus.CONFLICT,
    CursorAheadError: HTTPStatus.CONFLICT,
    GatewayClosedError: HTTPStatus.SERVICE_UNAVAILABLE,
    QueueFullError: HTTPStatus.SERVICE_UNAVAILABLE,
}

_CODES: Mapping[int, str] = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "request_too_large",
    422: "validation_error",
    429: "too_many_requests",
    503: "unavailable",
}

_TOO_LARGE = "Request body too large"
_RETRY_AFTER_S = "5"
# A client with more mistakes than this is told how many more there are.
_MOST_PROBLEMS = 1000
_LONGEST_TEXT = 200
_LONGEST_SENTENCE = 600


class HttpError(Exception):
    """An error as a client will see it; it never leaves this floor.

    Args:
        status: The HTTP status.
        message: For people.
        code: For programs; None: the status's own.
        details: The complaints of a 422.
        headers: More headers.
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
        self.headers = dict(headers or {})

    def document(self, path: str, request_id: str) -> Mapping[str, Any]:
        """The body: an envelope under `/v1`, `detail` elsewhere."""
        if is_versioned(path):
            error = {"code": self.code, "message": self.message, "details": self.details}
            return {"error": error, "request_id": request_id}
        return {"detail": self.message if self.details is None else self.details}


def _code_of(status: int) -> str:
    """The stable word for a status."""
    return _CODES.get(status, "bad_request" if status < 500 else "internal_error")


def http_error(error: BaseException) -> HttpError:
    """Say what an error means to a client; what is not meant for clients becomes a bare 500."""
    match error:
        case HttpError():
            return error
        case InvalidRequestError(problems=problems):
            return HttpError(422, "Request validation failed", details=_complaints(problems))
        case GlowbackError():
            return _of_leaf(error)
        case HTTPException(code=int(status)):
            return _of_http(error, status)
        case _:
            return HttpError(500, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)


def _of_leaf(error: GlowbackError) -> HttpError:
    status = next((STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES), None)
    if status is None:
        return HttpError(500, HTTPStatus.INTERNAL_SERVER_ERROR.phrase)
    retry = {"Retry-After": _RETRY_AFTER_S} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return HttpError(status, str(error), code=error.code, headers=retry)


def _of_http(error: HTTPException, status: int) -> HttpError:
    """Errors of the framework: routing, and bodies that are too large."""
    headers: dict[str, str] = {}
    if methods := getattr(error, "valid_methods", None):
        headers["Allow"] = ", ".join(sorted(methods))
    return HttpError(status, _TOO_LARGE if status == 413 else error.name, headers=headers)


def sentence(error: InvalidRequestError) -> str:
    """All problems of a request as one sentence, short enough for an answer."""
    return _cut(str(error), _LONGEST_SENTENCE)


def _complaints(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """Write problems as the wire has them."""
    problems = list(problems)
    listed = [_complaint(problem) for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        message = f"and {len(problems) - _MOST_PROBLEMS} more problems"
        listed.append({"type": "too_many", "loc": ["body"], "msg": message, "input": None})
    return listed


def _complaint(problem: Problem) -> dict[str, Any]:
    return {
        "type": problem.kind,
        "loc": [_small(step) for step in problem.path],
        "msg": _cut(problem.message, _LONGEST_SENTENCE),
        "input": _small(problem.value),
    }


def _small(value: object) -> object:
    """A client's value as it may be echoed: a scalar, cut to size; containers are summarised."""
    match value:
        case None | bool() | float():
            return value
        case int() if abs(value) < 1 << 53:
            return value
        case str():
            return _cut(value, _LONGEST_TEXT)
        case dict():
            return f"an object of {len(value)} fields"
        case list() | tuple():
            return f"a list of {len(value)} items"
        case _:
            return _cut(str(value), _LONGEST_TEXT)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}…"
