"""The files that a result can be downloaded as, and their query parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.model.bounds import one_of

__all__ = ["FILES", "File", "file_parameters", "result_parameters"]

File = Literal[
    "results",
    "equity.csv",
    "equity.ndjson",
    "equity.parquet",
    "trades.csv",
    "trades.ndjson",
    "trades.parquet",
    "orders.csv",
    "orders.ndjson",
    "orders.parquet",
]
FILES: tuple[File, ...] = get_args(File)


def result_parameters(include: Sequence[str] | None, max_points: int | None) -> Mapping[str, str]:
    """Return the query parameters of a request for a result."""
    parameters = {
        "include": None if include is None else ",".join(include),
        "max_points": None if max_points is None else str(max_points),
    }
    return {name: text for name, text in parameters.items() if text is not None}


def file_parameters(
    file: str, include: Sequence[str] | None, max_points: int | None
) -> Mapping[str, str]:
    """Return the query parameters of a request for a file.

    Raises:
        InvalidRequestError: There is no such file; or it is a table, which takes no parameters.
    """
    if file not in FILES:
        message = f"Input should be {one_of(FILES)}"
        raise InvalidRequestError([Problem("literal_error", ("file",), message, file)])
    parameters = result_parameters(include, max_points)
    if file != "results" and parameters:
        message = f"Input should be given for 'results' only; {file} is always complete"
        problems = [Problem("conflict", (name,), message, parameters[name]) for name in parameters]
        raise InvalidRequestError(problems)
    return parameters
