"""Errors of optimizations are values as all others are: pickled, they stay the same.

Rule: each error of the module is made once, in the list below; a test holds it to the module.
"""

from __future__ import annotations

import pickle

import pytest

from glowback_trio.errors import GlowbackError, QueueFullError, UnknownRunError
from glowback_trio.model.optimization import errors

MADE: list[GlowbackError] = [
    errors.UnknownOptimizationError("o"),
    errors.UnknownAttemptError("o", 3, 2),
    errors.UnknownTrialError("o", 7),
    errors.OptimizationConflictError("It is running"),
    errors.OptimizationsFullError(5),
    errors.OptimizationFailedError("All optimization trials failed"),
]


def test_every_error_is_tried() -> None:
    assert sorted(type(error).__name__ for error in MADE) == sorted(errors.__all__)


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_a_pickled_error_is_the_same_error(error: GlowbackError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.code, vars(copy)) == (str(error), error.code, vars(error))


def test_errors_say_which_number_is_unknown() -> None:
    assert str(MADE[0]) == "Optimization not found"
    assert "attempts 1 to 2, not 3" in str(MADE[1])
    assert "no finished trial 7" in str(MADE[2])
    assert "5 optimizations" in str(MADE[4])


def test_handlers_of_runs_catch_those_that_are_like_theirs() -> None:
    assert all(isinstance(error, UnknownRunError) for error in MADE[:3])
    assert isinstance(MADE[4], QueueFullError)
