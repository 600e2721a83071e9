"""The `--store` option: where runs are kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from platformdirs import user_data_path

from glowback_trio.errors import InvalidRequestError, Problem, StoreError
from glowback_trio.server import Settings
from glowback_trio.store import MemoryStore, Store
from glowback_trio.store.sqlite import SqliteStore

__all__ = ["StoreOption", "open_store", "path_to_write", "store_path"]

StoreOption = Annotated[
    str | None,
    Parameter(name="--store", metavar="sqlite:PATH", env_var="GLOWBACK_STORE", show_default=False),
]

_SQLITE = "sqlite:"


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name.

    Raises:
        StoreError: None is named, and the default directory cannot be written.
    """
    if settings.store == "memory":
        given = {"keep_runs": settings.keep_runs, "keep_bytes": settings.keep_bytes}
        return MemoryStore(**{name: most for name, most in given.items() if most is not None})
    return SqliteStore(
        path_to_write(settings.store),
        "FULL" if settings.durability == "power" else "NORMAL",
        keep_runs=settings.keep_runs,
        keep_days=settings.keep_days,
        keep_bytes=settings.keep_bytes,
    )


def store_path(store: str | None) -> Path:
    """Return the file that `--store` names; where it names none, the default one.

    Raises:
        InvalidRequestError: It names the memory.
    """
    if store is None:
        return _default_directory() / "runs.sqlite"
    if not store.startswith(_SQLITE):
        message = "Input should be sqlite:PATH: a store in memory ends with its server"
        raise InvalidRequestError([Problem("value_error", ("--store",), message, store)])
    return Path(store.removeprefix(_SQLITE))


def path_to_write(store: str | None) -> Path:
    """Return the same file as `store_path`; make the default directory if need be.

    Raises:
        InvalidRequestError: It names the memory.
        StoreError: The default directory is to be used, and cannot be made or written.
    """
    if store is None:
        _make(_default_directory())
    return store_path(store)


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
