"""Parse responses: JSON documents of successes, and the error that stands for a refusal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpcore2
import httpx2

from glowback_trio.client.subjects import Subject
from glowback_trio.errors import (
    GlowbackError,
    InvalidRequestError,
    Problem,
    ServerRefusedError,
    UnexpectedAnswerError,
    UnknownRunError,
)
from glowback_trio.model.lifecycle import Status
from glowback_trio.model.optimization.lifecycle import OptimizationStatus
from glowback_trio.model.strategies.leak_report import LeakReport
from glowback_trio.wire.exports.verdict import Verdict, parse_verdict
from glowback_trio.wire.json_text import parse_json
from glowback_trio.wire.leak_reports import parse_leak_report
from glowback_trio.wire.optimizations.statuses import parse_optimization_status
from glowback_trio.wire.statuses import parse_status

__all__ = [
    "document_of",
    "error_of",
    "is_transient",
    "leak_report_of",
    "list_of",
    "object_of",
    "optimization_status_of",
    "reason_of",
    "status_of",
    "verdict_of",
]

# Request Timeout, Too Early, Too Many Requests: the same request may succeed later.
_TRANSIENT = {408, 425, 429}


def document_of(response: httpx2.Response) -> Any:
    """Decode the body of a success.

    Raises:
        UnexpectedAnswerError: The body is not JSON.
    """
    try:
        return parse_json(response.content)
    except InvalidRequestError:
        media = response.headers.get("Content-Type", "")
        message = f"the response of {response.url} should be JSON, not {media!r}"
        raise UnexpectedAnswerError(message) from None


def status_of(document: object) -> Status:
    """Read a document as a status.

    Raises:
        UnexpectedAnswerError: It is not one.
    """
    try:
        return parse_status(document)
    except InvalidRequestError as error:
        raise UnexpectedAnswerError(f"the response should be a run's status: {error}") from None


def optimization_status_of(document: object) -> OptimizationStatus:
    """Read a document as the status of an optimization.

    Raises:
        UnexpectedAnswerError: It is not one.
    """
    try:
        return parse_optimization_status(document)
    except InvalidRequestError as error:
        message = f"the response should be an optimization's status: {error}"
        raise UnexpectedAnswerError(message) from None


def verdict_of(document: object) -> Verdict:
    """Read a document as the verdict of a verification.

    Raises:
        UnexpectedAnswerError: It is not one.
    """
    try:
        return parse_verdict(document)
    except InvalidRequestError as error:
        raise UnexpectedAnswerError(f"the response should be a verdict: {error}") from None


def leak_report_of(document: object) -> LeakReport:
    """Read a document as the report of a leak check.

    Raises:
        UnexpectedAnswerError: It is not one.
    """
    try:
        return parse_leak_report(document)
    except InvalidRequestError as error:
        raise UnexpectedAnswerError(f"the response should be a report: {error}") from None


def list_of(document: object) -> list[Any]:
    """Check that a document is a list.

    Raises:
        UnexpectedAnswerError: It is not one.
    """
    if not isinstance(document, list):
        raise UnexpectedAnswerError(f"the response should be a list, not {document!r:.100}")
    return document


def object_of(document: object) -> Mapping[str, Any]:
    """Check that a document is an object.

    Raises:
        UnexpectedAnswerError: It is not one.
    """
    if not isinstance(document, dict):
        raise UnexpectedAnswerError(f"the response should be an object, not {document!r:.100}")
    return document


def is_transient(response: httpx2.Response) -> bool:
    """Return True if the same request may succeed later."""
    return response.status_code >= 500 or response.status_code in _TRANSIENT


def error_of(response: httpx2.Response, subject: Subject | None = None) -> GlowbackError:
    """Return the error that a refusal stands for.

    Args:
        response: A response whose status is not a success.
        subject: What the request was about, if it was about one run or optimization.
    """
    error = _envelope(response)
    # The status 404 by itself could also come from a proxy, or mean that the path is wrong.
    if error.get("code") == UnknownRunError.code and subject is not None:
        return subject.unknown(str(error.get("message")))
    if problems := _problems(error.get("details")):
        return InvalidRequestError(problems)
    return ServerRefusedError(
        response.status_code,
        str(error.get("message") or response.reason_phrase or "no reason given"),
        reason=str(error.get("code") or ""),
        retry_after=_seconds(response.headers.get("Retry-After", "")),
    )


def reason_of(error: BaseException) -> str:
    """Return a sentence for a failed connection; often only the error's cause has a message."""
    if isinstance(error, httpx2.TimeoutException | httpcore2.TimeoutException):
        return "the server did not respond in time"
    cause: BaseException | None = error
    while cause is not None and not str(cause):
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__ if cause is None else str(cause)


def _envelope(response: httpx2.Response) -> dict[str, Any]:
    """Return the `error` object of a body; empty if the body is not one of this API."""
    try:
        document = parse_json(response.content)
    except InvalidRequestError:
        return {}
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _problems(details: object) -> list[Problem]:
    entries = details if isinstance(details, list) else []
    return [_problem(entry) for entry in entries if isinstance(entry, dict)]


def _problem(entry: dict[str, Any]) -> Problem:
    """Read a problem. Its path loses `body` or `query`, so that it is the one raised in-process."""
    path = tuple(entry.get("loc") or ())
    return Problem(
        str(entry.get("type")),
        # The server prefixes the place in the HTTP request, which the caller never saw.
        path[1:] if path[:1] in (("body",), ("query",)) else path,
        str(entry.get("msg")),
        entry.get("input"),
    )


def _seconds(text: str) -> float | None:
    # The date form of Retry-After (RFC 9110, 10.2.3) is ignored: clocks may differ.
    return float(text) if text.isascii() and text.isdigit() else None
