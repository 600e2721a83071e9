"""What a server's answers mean: documents where it did as asked, errors of this package else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpcore2
import httpx2

from glowback_trio.errors import (
    GlowbackError,
    InvalidRequestError,
    Problem,
    ServerRefusedError,
    UnexpectedAnswerError,
    UnknownRunError,
)
from glowback_trio.model.lifecycle import Status
from glowback_trio.wire.converter import parse_json, parse_status

__all__ = [
    "document_of",
    "is_passing",
    "list_of",
    "object_of",
    "refusal",
    "status_of",
    "why",
]

# Too slow or too often: the same question may be answered later.
_PASSING = {408, 425, 429}


def document_of(response: httpx2.Response) -> Any:
    """The decoded body of a success.

    Raises:
        UnexpectedAnswerError: It is not JSON.
    """
    try:
        return parse_json(response.content)
    except InvalidRequestError:
        media = response.headers.get("Content-Type", "")
        message = f"the answer of {response.url} should be JSON, not {media!r}"
        raise UnexpectedAnswerError(message) from None


def status_of(document: object) -> Status:
    """A document as a status.

    Raises:
        UnexpectedAnswerError: It is none.
    """
    try:
        return parse_status(document)
    except InvalidRequestError as error:
        raise UnexpectedAnswerError(f"the answer is no status: {error}") from None


def list_of(document: object) -> list[Any]:
    """A document as a list.

    Raises:
        UnexpectedAnswerError: It is none.
    """
    if not isinstance(document, list):
        raise UnexpectedAnswerError(f"the answer should be a list, not {document!r:.100}")
    return document


def object_of(document: object) -> Mapping[str, Any]:
    """A document as an object.

    Raises:
        UnexpectedAnswerError: It is none.
    """
    if not isinstance(document, dict):
        raise UnexpectedAnswerError(f"the answer should be an object, not {document!r:.100}")
    return document


def is_passing(response: httpx2.Response) -> bool:
    """Whether a refusal may be over by the next time."""
    return response.status_code >= 500 or response.status_code in _PASSING


def refusal(response: httpx2.Response, run_id: str | None = None) -> GlowbackError:
    """The error that an answer stands for.

    Args:
        response: Whose status is not a success.
        run_id: The run that was asked for, if one was.
    """
    error = _envelope(response)
    if error.get("code") == UnknownRunError.code and run_id is not None:
        return UnknownRunError(run_id)
    if problems := _problems(error.get("details")):
        return InvalidRequestError(problems)
    return ServerRefusedError(
        response.status_code,
        str(error.get("message") or response.reason_phrase or "no reason given"),
        reason=str(error.get("code") or ""),
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def why(error: BaseException) -> str:
    """What a lost connection says of itself; often only the error that it came from has words."""
    if isinstance(error, httpx2.TimeoutException | httpcore2.TimeoutException):
        return "there was no answer in time"
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if cause is None else str(cause)


def _envelope(response: httpx2.Response) -> dict[str, Any]:
    """What stands in an error's body; nothing where it is another server's."""
    try:
        document = parse_json(response.content)
    except InvalidRequestError:
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _problems(details: object) -> list[Problem]:
    complaints = details if isinstance(details, list) else []
    return [_problem(complaint) for complaint in complaints if isinstance(complaint, dict)]


def _problem(complaint: dict[str, Any]) -> Problem:
    """A complaint as it would be raised here; where in the HTTP request it stood is left out."""
    path = tuple(complaint.get("loc") or ())
    return Problem(
        str(complaint.get("type")),
        path[1:] if path[:1] in (("body",), ("query",)) else path,
        str(complaint.get("msg")),
        complaint.get("input"),
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdigit() else None
