"""Errors as clients see them: status, code and form of the body.

Rule: every error of the package is in the table, and a fault reveals nothing of the inside.
"""

from __future__ import annotations

import errno

import pytest
from werkzeug.exceptions import BadRequest, RequestTimeout

from glowback_trio import errors
from glowback_trio.errors import GlowbackError, Problem
from glowback_trio.server.http.errors import HttpError, http_error

EXAMPLES: list[tuple[GlowbackError, int, str]] = [
    (
        errors.InvalidRequestError([Problem("missing", ("body",), "Field required")]),
        422,
        "validation_error",
    ),
    (errors.UnknownRunError("r"), 404, "not_found"),
    (errors.NotReadyError("Results not ready"), 409, "conflict"),
    (errors.RunFailedError("Run failed: x"), 409, "conflict"),
    (errors.RunCancelledError("Run cancelled: x"), 409, "conflict"),
    (errors.ResultUnavailableError("x"), 409, "conflict"),
    (errors.InvalidTransitionError("x"), 409, "conflict"),
    (errors.CursorAheadError(9, 3), 409, "cursor_ahead"),
    (errors.GatewayClosedError("closed"), 503, "unavailable"),
    (errors.QueueFullError(3), 503, "unavailable"),
    (errors.ResourceError("memory"), 503, "unavailable"),
    (errors.DataError("/secret/prices.csv"), 500, "internal_error"),
    (errors.StrategyError("secret"), 500, "internal_error"),
    (errors.LogError("secret"), 500, "internal_error"),
    (errors.ServingError("secret"), 500, "internal_error"),
]


@pytest.mark.parametrize(("error", "status", "code"), EXAMPLES)
def test_every_error_has_its_status_and_its_code(
    error: GlowbackError, status: int, code: str
) -> None:
    answered = http_error(error)
    assert (answered.status, answered.code) == (status, code)


@pytest.mark.parametrize("error", [error for error, status, _ in EXAMPLES if status == 500])
def test_a_fault_reveals_nothing_of_the_inside(error: GlowbackError) -> None:
    assert http_error(error).document("/v1/x", "id") == {
        "error": {"code": "internal_error", "message": "Internal Server Error", "details": None},
        "request_id": "id",
    }


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (BadRequest(), 400, "bad_request"),
        (RequestTimeout(), 408, "bad_request"),
        (ValueError("secret"), 500, "internal_error"),
        (KeyboardInterrupt(), 500, "internal_error"),
    ],
)
def test_errors_from_elsewhere_have_a_code_of_the_contract(
    error: BaseException, status: int, code: str
) -> None:
    answered = http_error(error)
    assert (answered.status, answered.code) == (status, code)


@pytest.mark.parametrize(
    ("error", "resource"),
    [
        (MemoryError(), "memory"),
        (OSError(errno.ENOMEM, "x"), "memory"),
        (OSError(errno.EMFILE, "secret"), "open files"),
        (OSError(errno.ENFILE, "secret"), "open files"),
        (OSError(errno.ENOSPC, "x", "/secret"), "disk space"),
        (OSError(errno.EDQUOT, "x", "/secret"), "disk space"),
        (RuntimeError("can't start new thread"), "threads"),
        (errors.ResourceError("places"), "places"),
    ],
)
def test_a_server_that_is_out_of_something_says_of_what_and_when_to_try_again(
    error: Exception, resource: str
) -> None:
    answered = http_error(error)
    assert (answered.status, answered.code) == (503, "unavailable")
    assert answered.message == f"The server is out of {resource} at the moment; try again later"
    assert answered.headers == {"Retry-After": "5"}


def test_the_time_to_try_again_is_that_of_the_error() -> None:
    answered = http_error(errors.ResourceError("memory", retry_after_s=30))
    assert answered.headers == {"Retry-After": "30"}


@pytest.mark.parametrize("error", [OSError(errno.EPERM, "x"), RuntimeError("x"), OSError("x")])
def test_other_errors_of_the_system_are_faults(error: Exception) -> None:
    assert http_error(error).status == 500


@pytest.mark.parametrize(
    ("path", "versioned"),
    [("/v1", True), ("/v1/x", True), ("/v1x", False), ("/", False), ("/x/v1/", False)],
)
def test_the_shape_of_an_error_depends_on_the_prefix_alone(path: str, *, versioned: bool) -> None:
    assert ("error" in HttpError(404, "Not Found").document(path, "id")) == versioned
