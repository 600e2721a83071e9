"""The `--store` option: where runs are kept."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from platformdirs import user_data_path

from glowback_trio.cli.store_place import DatabasePlace, FilePlace, StorePlace
from glowback_trio.errors import InvalidRequestError, Problem, StoreError
from glowback_trio.server import Settings
from glowback_trio.store import MemoryStore, Store

__all__ = ["FORMS", "StoreOption", "open_store", "place_of", "place_to_write", "where_kept"]

#: What `--store` may be, for help texts.
FORMS = "sqlite:PATH|postgresql://..."

StoreOption = Annotated[
    str | None,
    Parameter(name="--store", metavar=FORMS, env_var="GLOWBACK_STORE", show_default=False),
]

_SQLITE = "sqlite:"
_POSTGRES = re.compile("postgres(ql)?://")


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name.

    Raises:
        StoreError: None is named, and the default directory cannot be written.
        DataError: It is in PostgreSQL, and the extra for that is not installed.
    """
    keeping = {"keep_runs": settings.keep_runs, "keep_bytes": settings.keep_bytes}
    if settings.store == "memory":
        return MemoryStore(**{name: most for name, most in keeping.items() if most is not None})
    place = place_to_write(settings.store)
    if isinstance(place, DatabasePlace):
        return place.open(keep_days=settings.keep_days, **keeping)
    synchronous = "FULL" if settings.durability == "power" else "NORMAL"
    return place.open(synchronous=synchronous, keep_days=settings.keep_days, **keeping)


def place_of(store: str | None) -> StorePlace:
    """Return the place that `--store` names; where it names none, the default file.

    Raises:
        InvalidRequestError: It names the memory.
    """
    if store is None:
        return FilePlace(_default_directory() / "runs.sqlite")
    if store.startswith(_SQLITE):
        return FilePlace(Path(store.removeprefix(_SQLITE)))
    if _POSTGRES.match(store):
        return DatabasePlace(store)
    message = (
        "Input should be sqlite:PATH or postgresql://...: a store in memory ends with its server"
    )
    raise InvalidRequestError([Problem("value_error", ("--store",), message, store)])


def place_to_write(store: str | None) -> StorePlace:
    """Return the same place as `place_of`; make the default directory if need be.

    Raises:
        InvalidRequestError: It names the memory.
        StoreError: The default directory is to be used, and cannot be made or written.
    """
    if store is None:
        _make(_default_directory())
    return place_of(store)


def where_kept(store: str | None) -> str:
    """Return where runs are kept, for people: the file with its whole path, or the database."""
    place = place_of(store)
    return str(place.path.absolute() if isinstance(place, FilePlace) else place)


def _default_directory() -> Path:
    return user_data_path("glowback-trio", appauthor=False)


def _make(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(directory, f"cannot be made ({error.strerror})") from error
    if not os.access(directory, os.W_OK):
        raise _unusable(directory, "cannot be written")


def _unusable(directory: Path, why: str) -> StoreError:
    return StoreError(
        f"The default directory for runs, {directory}, {why}: name a file with "
        "--store sqlite:PATH, or keep runs in memory with --store memory"
    )
