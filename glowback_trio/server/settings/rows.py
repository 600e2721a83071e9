"""The rows of the settings table: what a row says, and what a value may be."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from attrs import field

from glowback_trio.model.bounds import Ge, MinLen, Pattern

__all__ = [
    "Count",
    "File",
    "Host",
    "ImportPath",
    "Origin",
    "RayAddress",
    "lower",
    "setting",
    "upper",
]

T = TypeVar("T")

Count = Annotated[int, Ge(1)]
Origin = Annotated[
    str, Pattern(r"\*|https?://[^/\s?#@]+", "an origin such as https://example.org, or *")
]
Host = Annotated[
    str, Pattern(r"\[[^\s\[\]@/]+\]|[^\s\[\]@/:]+", "a host name or address without a port")
]
File = Annotated[str, MinLen(1)]
RayAddress = Annotated[
    str,
    Pattern(r"auto|local|ray://.+|[^\s/]+:\d{1,5}", "`auto`, `local` or HOST:PORT of a Ray head"),
]
ImportPath = Annotated[
    str,
    Pattern(
        r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*",
        "a module and an attribute of it, as module:attribute",
    ),
]


def setting(default: T, env: str, help_: str, *, flag: str | None = None, **more: Any) -> T:
    """Return the field of one setting.

    Args:
        default: The value where nothing is set.
        env: Name of the environment variable.
        help_: Meaning, on one line.
        flag: Name on the command line; None for secrets, which a list of processes would show.
        more: Passed on to `attrs.field`.
    """
    metadata = {"env": env, "flag": flag, "help": help_}
    row: T = field(default=default, metadata=metadata, **more)
    return row


def upper(value: Any) -> Any:
    """Return a text in capital letters."""
    return value.upper() if isinstance(value, str) else value


def lower(value: Any) -> Any:
    """Return a text in small letters."""
    return value.lower() if isinstance(value, str) else value
