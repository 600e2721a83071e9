"""The file `provenance.json`, by which a directory states the origin of its prices.

It may have `source` (sentences), `adjusted_for` (`none`, `splits` or `total`) and `kind`. All of it
is copied into the manifests of runs on these prices.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, get_args

from glowback_trio.data.files.columns import shorten
from glowback_trio.data.reading.limits import DEFAULT_LIMITS, FileLimits
from glowback_trio.data.reading.unchanged_file import OpenedFile, read_unchanged
from glowback_trio.errors import DataError, InvalidRequestError
from glowback_trio.model.bars import Adjustment, Provenance
from glowback_trio.model.bounds import one_of
from glowback_trio.wire.json_text import parse_json

__all__ = ["PROVENANCE", "read_provenance"]

#: The name of the file.
PROVENANCE = "provenance.json"

_LONGEST = 1_000  # characters of a source: it goes into every manifest
_WORDS = {"kind": ("demo", "user_provided"), "adjusted_for": get_args(Adjustment)}
_NAMES = ("source", *_WORDS)


def read_provenance(path: Path, limits: FileLimits = DEFAULT_LIMITS) -> Provenance:
    """Read a file.

    Raises:
        DataError: It cannot be read, holds too much, or says something else than it may.
    """
    stated, _ = read_unchanged(path, partial(_stated_in, limits))
    return stated


def _stated_in(limits: FileLimits, file: OpenedFile) -> Provenance:
    limits.check(file.name, "max_metadata_bytes", file.version[0])
    try:
        stated = parse_json(file.content.read())
    except InvalidRequestError as error:
        raise DataError(f"{file.name}: {error}") from None
    if not isinstance(stated, dict):
        raise DataError(f"{file.name}: expected an object with {one_of(_NAMES)}")
    for name, value in stated.items():
        _check(file.name, name, value)
    return Provenance(**stated)


def _check(file: str, name: str, value: Any) -> None:
    if name not in _NAMES:
        raise DataError(f"{file}: expected {one_of(_NAMES)}, got {shorten(name)}")
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise DataError(
                f"{file}, {name}: expected {one_of(_WORDS[name])}, got {shorten(value)}"
            )
    elif not isinstance(value, str) or len(value) > _LONGEST:
        raise DataError(f"{file}, {name}: expected text of at most {_LONGEST:,} characters")
