"""Every error is a value that survives a pickle: a process that runs a job sends its errors back.

Doctrine: the page of errors is walked, so that a new leaf is tested without being listed, unless
its constructor takes something else than a message; then it needs a row in `MADE_OTHERWISE`.
"""

from __future__ import annotations

import pickle

import pytest

from glowback_trio import errors
from glowback_trio.errors import GlowbackError, Problem

MADE_OTHERWISE: dict[type[GlowbackError], GlowbackError] = {
    type(error): error
    for error in (
        errors.InvalidRequestError([Problem("missing", ("a", 1), "Field required", 3)]),
        errors.CursorAheadError(5, 3),
        errors.UnknownRunError("r"),
        errors.RunExistsError("r"),
        errors.QueueFullError(3),
        errors.ServerRefusedError(503, "busy", reason="unavailable", retry_after=2.0),
    )
}
LEAVES = [
    found
    for name in errors.__all__
    if isinstance(found := getattr(errors, name), type) and issubclass(found, GlowbackError)
]


@pytest.mark.parametrize("cls", LEAVES)
def test_a_pickled_error_is_the_same_error(cls: type[GlowbackError]) -> None:
    error = MADE_OTHERWISE.get(cls) or cls("why")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cls
    assert (str(copy), copy.args, copy.code) == (str(error), error.args, error.code)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("cls", LEAVES)
def test_an_error_refines_a_builtin_and_has_a_code(cls: type[GlowbackError]) -> None:
    assert cls.code
    assert cls is GlowbackError or cls.__mro__[1:] != GlowbackError.__mro__


def test_a_problem_with_a_value_that_cannot_be_pickled_is_pickled_with_its_repr() -> None:
    error = errors.InvalidRequestError([Problem("type_error", ("strategy",), "wrong", lambda: 1)])
    (problem,) = pickle.loads(pickle.dumps(error)).problems
    assert (problem.kind, problem.path, problem.message) == ("type_error", ("strategy",), "wrong")
    assert "lambda" in problem.value


def test_the_traceback_of_a_failed_run_survives_a_pickle() -> None:
    error = errors.RunFailedError("Run failed: x")
    error.__cause__ = errors.FailureTraceback("Traceback\n")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy.__cause__, errors.FailureTraceback)
    assert copy.__cause__.text == "Traceback\n"
