"""The request file of `run` and `submit`: the JSON object that `POST /backtests` takes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from attrs import evolve
from cyclopts import Parameter

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.wire.duplicate_keys import check_keys
from glowback_trio.wire.json_text import parse_json

__all__ = ["RequestFile", "read_request"]

RequestFile = Annotated[str | None, Parameter(show_default=False)]


def read_request(name: str) -> dict[str, Any]:
    """Read a request file.

    Raises:
        InvalidRequestError: It cannot be read, or does not hold one JSON object.
    """
    try:
        text = Path(name).read_bytes()
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        message = (
            f"cannot be read as a file with a request: {why}; several symbols are written "
            "--symbols AAPL,SPY, and parameters --param NAME=VALUE"
        )
        raise InvalidRequestError([Problem("value_error", (name,), message, name)]) from None
    try:
        document = parse_json(text)
    except InvalidRequestError as error:
        raise InvalidRequestError(_placed(each, name, text) for each in error.problems) from None
    try:
        check_keys(text, document)
    except InvalidRequestError as error:
        raise InvalidRequestError(problem.under(name) for problem in error.problems) from None
    if not isinstance(document, dict):
        message = "should hold one JSON object, as POST /backtests takes it"
        raise InvalidRequestError([Problem("dict_type", (name,), message)])
    return document


def _placed(problem: Problem, name: str, text: bytes) -> Problem:
    """Name the file, and write the offset in its text as a line and a column, as editors do."""
    (offset,) = problem.path
    lines = text.decode(errors="replace")[: int(offset)].split("\n")
    place = f"line {len(lines)}, column {len(lines[-1]) + 1}"
    return evolve(problem, path=(name,), message=f"{problem.message}, at {place}")
