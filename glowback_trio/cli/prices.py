"""The `--data` option: which prices a command works on.

One rule for every command: what the flag says, failing that the environment variable, failing that
generated prices.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from glowback_trio.data import CACHE_NAME, Catalogue, demo_path
from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["Prices", "catalogue", "directory"]

Prices = Annotated[
    str, Parameter(name="--data", metavar="DIR|demo|sample", env_var="GLOWBACK_DATA")
]


def catalogue(prices: str, **limits: Any) -> Catalogue:
    """Open what `--data` names; a directory keeps its parsed prices beside the files.

    Args:
        prices: The option's value.
        limits: For the catalogue.

    Raises:
        InvalidRequestError: It names no directory.
    """
    match prices:
        case "sample":
            return Catalogue(**limits)
        case "demo":  # a part of the package, into which nothing is written
            return Catalogue(demo_path(), **limits)
        case _:
            return Catalogue(directory(prices), **{"cache": Path(CACHE_NAME), **limits})


def directory(prices: str) -> Path:
    """The directory that `--data` names.

    Raises:
        InvalidRequestError: It names none.
    """
    if prices == "demo":
        return demo_path()
    if prices == "sample":
        message = "Input should be a directory or 'demo': generated prices have no files"
        raise InvalidRequestError([Problem("value_error", ("--data",), message, prices)])
    if not (place := Path(prices)).is_dir():
        message = f"Input should be a directory, 'demo' or 'sample', not {prices!r}"
        raise InvalidRequestError([Problem("value_error", ("--data",), message, prices)])
    return place
