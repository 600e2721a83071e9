"""What foreign code raises is read in bounded room, whatever it is.

Rule: a text says where it was cut and how long it was; an error whose own methods fail is told all
the same; no chain, group or text makes a step longer than its limits.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any, NoReturn

import pytest

from glowback_trio.compute.job import attempted
from glowback_trio.compute.steps import Failed
from glowback_trio.compute.tracebacks import LONGEST_TRACEBACK, traceback_text
from glowback_trio.errors import StrategyError
from glowback_trio.model.strategies.foreign import LONGEST_TEXT, cut, said


class RaisingTextError(Exception):
    def __str__(self) -> NoReturn:
        raise KeyError("secret")


class LeavingTextError(Exception):
    def __str__(self) -> NoReturn:
        raise SystemExit(3)


class NoTextError(Exception):
    def __str__(self) -> Any:
        return 7  # noqa: PLE0307 - that it fails is what is tested


class Lying(str):
    __slots__ = ()

    def __len__(self) -> int:
        return 0

    def __getitem__(self, _: Any) -> Any:
        return self


class LyingTextError(Exception):
    def __str__(self) -> str:
        return Lying("x" * 2_000_000)


class RaisingAttributesError(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def sink(frames: int, error: BaseException) -> None:
    if not frames:
        raise error
    sink(frames - 1, error)


def raised(error: BaseException) -> BaseException:
    with pytest.raises(type(error)) as caught:
        sink(0, error)
    return caught.value


def chained(links: int) -> BaseException:
    error = raised(ValueError("the first"))
    for number in range(links):
        newer = raised(ValueError(f"link {number}"))
        newer.__cause__, error = error, newer
    return error


def nested(depth: int) -> BaseException:
    error: Exception = ValueError("innermost")
    for _ in range(depth):
        error = ExceptionGroup("nested", [error])
    return raised(error)


def deep() -> BaseException:
    with pytest.raises(ValueError, match="deep") as caught:
        sink(800, ValueError("deep"))
    return caught.value


def named(characters: int) -> BaseException:
    return raised(type("E" * characters, (Exception,), {})("x"))


def noted() -> BaseException:
    error = raised(ValueError("x"))
    for _ in range(1_000):
        error.add_note("y" * 100_000)
    return error


MONSTERS: dict[str, Callable[[], BaseException]] = {
    "a text of millions": lambda: raised(ValueError("x" * 5_000_000)),
    "a text that raises": lambda: raised(RaisingTextError()),
    "a text that leaves": lambda: raised(LeavingTextError()),
    "a text that is none": lambda: raised(NoTextError()),
    "a text that lies": lambda: raised(LyingTextError()),
    "attributes that raise": lambda: raised(RaisingAttributesError()),
    "a chain of thousands": lambda: chained(20_000),
    "a group of thousands": lambda: raised(ExceptionGroup("many", [ValueError("x")] * 5_000)),
    "groups in groups": lambda: nested(200),
    "deep frames": deep,
    "a long name": lambda: named(1_000_000),
    "many notes": noted,
    "a text that is no Unicode": lambda: raised(ValueError("\ud800")),
}


@pytest.mark.parametrize("make", MONSTERS.values(), ids=MONSTERS)
def test_whatever_is_raised_becomes_a_short_step(make: Callable[[], BaseException]) -> None:
    error = make()

    def checkpoint() -> NoReturn:
        raise StrategyError(f"own failed: {said(error)}") from error

    (step,) = attempted(checkpoint() for _ in range(1))
    assert isinstance(step, Failed)
    assert step.error.startswith("own failed: ")
    assert len(step.error) < 2_100
    assert len(step.traceback) < LONGEST_TRACEBACK + 100
    assert len((step.error + step.traceback).encode()) < 60_000
    assert len(pickle.dumps(step)) < 60_000


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError(), "ValueError"),
        (ValueError("no price"), "ValueError: no price"),
        (RaisingTextError(), "RaisingTextError: (its __str__ raised KeyError)"),
        (LeavingTextError(), "LeavingTextError: (its __str__ raised SystemExit)"),
        (NoTextError(), "NoTextError: (its __str__ raised TypeError)"),
        (ValueError("x" * 1_001), f"ValueError: {'x' * 1_000}… (1,001 characters)"),
    ],
)
def test_an_error_says_its_type_and_its_text(error: Exception, text: str) -> None:
    assert said(error) == text


def test_what_is_no_unicode_is_written_with_a_backslash() -> None:
    assert said(ValueError("a\ud800b")) == r"ValueError: a\ud800b"


def test_a_text_within_the_limit_is_not_cut() -> None:
    assert cut("x" * LONGEST_TEXT) == "x" * LONGEST_TEXT


def test_a_step_cuts_whatever_sentence_it_is_given() -> None:
    assert Failed("y" * 3_000).error == f"{'y' * 2_000}… (3,000 characters)"


def test_a_chain_is_told_from_its_newest_errors_on() -> None:
    text = traceback_text(chained(12))
    assert text.startswith("(only the newest 10 errors of a longer chain are shown)\n")
    assert text.endswith("ValueError: link 11\n")
    assert text.count("direct cause") == 9
    assert "the first" not in text


def test_a_chain_that_leads_back_into_itself_ends_there() -> None:
    first, second = raised(ValueError("a")), raised(ValueError("b"))
    first.__cause__, second.__cause__ = second, first
    assert traceback_text(first).count("Traceback (most recent call last)") == 2


def during(handled: BaseException, error: BaseException) -> BaseException:
    newer = raised(error)
    newer.__context__ = raised(handled)
    return newer


def test_an_error_raised_while_another_is_handled_shows_both() -> None:
    text = traceback_text(during(KeyError("a"), ValueError("b")))
    assert text.index("KeyError: 'a'") < text.index("During handling") < text.index("ValueError: b")


def test_a_suppressed_context_is_not_shown() -> None:
    error = during(KeyError("a"), ValueError("b"))
    error.__suppress_context__ = True
    assert "KeyError" not in traceback_text(error)


def test_a_group_shows_its_first_members_and_how_many_there_are() -> None:
    members = [ValueError(f"member {number}") for number in range(9)]
    text = traceback_text(raised(ExceptionGroup("many", members)))
    assert "ExceptionGroup: many (9 sub-exceptions)\n---- 1 of 9 ----\nValueError: member 0" in text
    assert "member 4" in text
    assert "member 5" not in text


def test_what_was_never_raised_has_no_traceback() -> None:
    assert traceback_text(None) == ""
    assert traceback_text(ValueError("x")) == ""
