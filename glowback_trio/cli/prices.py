"""The `--data` option: which prices a command works on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from glowback_trio.data import Catalogue, demo_path
from glowback_trio.errors import InvalidRequestError, Problem

__all__ = ["Prices", "catalogue"]

Prices = Annotated[
    str, Parameter(name="--data", metavar="DIR|demo|sample", env_var="GLOWBACK_DATA")
]


def catalogue(prices: str, **limits: Any) -> Catalogue:
    """Open what `--data` names.

    Args:
        prices: The option's value.
        limits: For the catalogue.

    Raises:
        InvalidRequestError: It names no directory.
    """
    match prices:
        case "sample":
            return Catalogue(**limits)
        case "demo":
            return Catalogue(demo_path(), **limits)
        case _ if Path(prices).is_dir():
            return Catalogue(Path(prices), **limits)
        case _:
            message = f"Input should be a directory, 'demo' or 'sample', not {prices!r}"
            raise InvalidRequestError([Problem("value_error", ("--data",), message, prices)])
