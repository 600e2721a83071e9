"""Parse parameters that arrive as text, in a query or in the environment."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from attrs import evolve
from werkzeug.datastructures import MultiDict

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import Checked, did_you_mean, hints

__all__ = ["check_names", "located", "parameter_name", "parse_text", "read_query"]

T = TypeVar("T", bound=Checked)

# Looking for the nearest known name is slow, and a query may hold hundreds.
_MOST_UNKNOWN, _SHOWN = 20, 60
# No list has so many choices, and each item that is none of them would be a problem of its own.
_MOST_ITEMS = 100

# Python parses at most 4300 digits, and no valid number is that long.
_WHOLE = re.compile(r"-?[0-9]{1,4000}")
_NUMBER = re.compile(r"-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?")
_SWITCH = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def parse_text(text: str, hint: Any) -> Any:
    """Parse text as an annotation states.

    Text that cannot be parsed is returned unchanged: the check of the field then reports it,
    together with the problems of all other fields.
    """
    kind = _kind(hint)
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    if kind is float and _NUMBER.fullmatch(text):
        return float(text)
    if kind is bool:
        return _SWITCH.get(text.lower(), text)
    if get_origin(kind) is tuple:
        # A trailing comma adds no empty item.
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _kind(hint: Any) -> Any:
    """Return the type inside bounds and `| None`."""
    while get_origin(hint) in (Annotated, Union, UnionType):
        hint = get_args(hint)[0]
    return hint


def parameter_name(field: str) -> str:
    """Return the parameter of a field, which is `from_` where the parameter is `from`."""
    return field.removesuffix("_")


def read_query(query: MultiDict[str, str], cls: type[T]) -> T:
    """Parse a query into the fields of `cls`.

    Raises:
        InvalidRequestError: With every problem found, each path beginning with `query`.
    """
    fields = {parameter_name(name): name for name in hints(cls)}
    check_names(query, fields)
    with located("query"):
        given = {name: query.getlist(name) for name in fields if name in query}
        # A proxy in front may read the other of two values, so neither is taken.
        twice = [_given_twice(name, values) for name, values in given.items() if len(values) > 1]
        if twice:
            raise InvalidRequestError(twice)
        parsed = _parsed({fields[name]: values[0] for name, values in given.items()}, cls)
        if long := [_too_long(name, value) for name, value in parsed.items() if _is_long(value)]:
            raise InvalidRequestError(long)
        return _made(cls, parsed)


def _made(cls: type[T], parsed: Mapping[str, Any]) -> T:
    """Return the query, with its problems under the names of parameters."""
    try:
        return cls(**parsed)
    except InvalidRequestError as error:
        raise InvalidRequestError(map(_under_parameter, error.problems)) from None


def _under_parameter(problem: Problem) -> Problem:
    field, *rest = problem.path
    return evolve(problem, path=(parameter_name(str(field)), *rest))


def _is_long(value: object) -> bool:
    return isinstance(value, tuple) and len(value) > _MOST_ITEMS


def _too_long(name: str, value: object) -> Problem:
    message = f"Input should have at most {_MOST_ITEMS} items"
    return Problem("too_long", (name,), message, value)


def check_names(query: MultiDict[str, str], known: Collection[str]) -> None:
    """Check that a query names no unknown parameter, which would be without effect in silence.

    Left alone are `api_key`, which is read elsewhere, and names that begin with `_`, which browser
    libraries add against caches.

    Raises:
        InvalidRequestError: It does; each path begins with `query`.
    """
    unknown = [name for name in query if name not in known and not _is_left_alone(name)]
    if unknown:
        raise InvalidRequestError(
            Problem("extra_forbidden", ("query", name), _unknown(name, known), query[name])
            for name in unknown[:_MOST_UNKNOWN]
        )


def _is_left_alone(name: str) -> bool:
    return name == "api_key" or name.startswith("_")


def _unknown(name: str, known: Collection[str]) -> str:
    hint = did_you_mean(name, known) if known else "this route takes none"
    return f"Unknown parameter {name[:_SHOWN]!r}; {hint}"


def _parsed(texts: Mapping[str, str], cls: type[Checked]) -> dict[str, Any]:
    annotations = hints(cls)
    return {name: parse_text(text, annotations[name]) for name, text in texts.items()}


def _given_twice(name: str, values: list[str]) -> Problem:
    return Problem("duplicate", (name,), f"Give {name} once, not {len(values)} times", values[-1])


@contextmanager
def located(*steps: str) -> Iterator[None]:
    """Prefix the path of every problem that is raised in the block with these steps."""
    try:
        yield
    except InvalidRequestError as error:
        problems = error.problems
        for step in reversed(steps):
            problems = tuple(problem.under(step) for problem in problems)
        raise InvalidRequestError(problems) from None
