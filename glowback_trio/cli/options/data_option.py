"""The `--data` and `--cache` options: which prices a command works on, and what it keeps of them.

One rule for every command: what the flag says, failing that the environment variable, failing that
generated prices, and a cache beside the files where there are any.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from glowback_trio.data import CACHE_NAME, Catalogue, demo_path
from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["CacheOption", "DataOption", "data_directory", "open_catalogue"]

DataOption = Annotated[
    str, Parameter(name="--data", metavar="DIR|demo|sample", env_var="GLOWBACK_DATA")
]

CacheOption = Annotated[str, Parameter(name="--cache", metavar="DIR|off", env_var="GLOWBACK_CACHE")]


def open_catalogue(prices: str, cache: str = CACHE_NAME, **limits: Any) -> Catalogue:
    """Open what `--data` names.

    Args:
        prices: The option's value.
        cache: The directory that keeps parsed prices, a relative one inside that of the files, or
            `off`. Nothing is ever written among the shipped prices.
        limits: For the catalogue.

    Raises:
        InvalidRequestError: It names no directory.
    """
    match prices:
        case "sample":
            return Catalogue(**limits)
        case "demo":
            return Catalogue(demo_path(), **limits)
        case _:
            kept = None if cache == "off" else Path(cache)
            return Catalogue(data_directory(prices), cache=kept, **limits)


def data_directory(prices: str) -> Path:
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
