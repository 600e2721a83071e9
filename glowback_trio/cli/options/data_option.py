"""The `--data` and `--cache` options: which prices a command uses, and where it caches them.

The same rule for every command: the flag, else the environment variable, else generated prices.
Price files are cached in their own directory unless `--cache` says otherwise.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from attrs import fields
from cyclopts import Parameter

from glowback_trio.cli.options.flags import read_settings
from glowback_trio.data import CACHE_NAME, Catalogue, FileLimits, demo_path
from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.server import Settings

__all__ = ["CacheOption", "DataOption", "data_directory", "file_limits", "open_catalogue"]

DataOption = Annotated[
    str, Parameter(name="--data", metavar="DIR|demo|sample", env_var="GLOWBACK_DATA")
]

CacheOption = Annotated[str, Parameter(name="--cache", metavar="DIR|off", env_var="GLOWBACK_CACHE")]


def open_catalogue(prices: str, cache: str = CACHE_NAME, **limits: Any) -> Catalogue:
    """Open the prices that `--data` names.

    Args:
        prices: The value of `--data`.
        cache: The value of `--cache`: a directory, relative to that of the files, or `off`.
        limits: For `Catalogue`; by default files have the limits of the environment variables.

    Raises:
        InvalidRequestError: `prices` is not a directory, or a variable is no limit.
    """
    limits = {"file_limits": file_limits(), **limits}
    match prices:
        case "sample":
            return Catalogue(**limits)
        case "demo":
            # No cache: the installed package is never written to.
            return Catalogue(demo_path(), **limits)
        case _:
            cache_path = None if cache == "off" else Path(cache)
            return Catalogue(data_directory(prices), cache=cache_path, **limits)


def file_limits(settings: Settings | None = None) -> FileLimits:
    """Return the limits of price files that are set, by default by environment variables.

    Raises:
        InvalidRequestError: A variable is no limit.
    """
    names = [row.name for row in fields(FileLimits)]
    if settings is None:
        # No other variable: a wrong setting of the server must not stop `data check`.
        wanted = {getattr(fields(Settings), name).metadata["env"] for name in names}
        given = {name: text for name, text in os.environ.items() if name in wanted}
        settings = read_settings({}, given)
    return FileLimits(**{name: getattr(settings, name) for name in names})


def data_directory(prices: str) -> Path:
    """Return the directory that `--data` names.

    Raises:
        InvalidRequestError: `prices` is not a directory.
    """
    if prices == "demo":
        return demo_path()
    if prices == "sample":
        message = "Input should be a directory or 'demo'; generated prices have no files"
        raise InvalidRequestError([Problem("value_error", ("--data",), message, prices)])
    if not (path := Path(prices)).is_dir():
        message = f"Input should be a directory, 'demo' or 'sample', not {prices!r}"
        raise InvalidRequestError([Problem("value_error", ("--data",), message, prices)])
    return path
