"""Where runs are kept, as the commands look after it: a file, or a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from attrs import field, frozen

from glowback_trio.errors import InvalidRequestError, Problem
from glowback_trio.extras import POSTGRES
from glowback_trio.store import Store
from glowback_trio.store.sqlite import SqliteStore
from glowback_trio.store.sqlite.maintenance import (
    backup_store,
    check_store,
    compact_store,
    export_from_store,
    store_info,
)
from glowback_trio.wire.exports.run_export import RunExport

__all__ = ["DatabasePlace", "FilePlace", "StorePlace"]


class StorePlace(Protocol):
    """Where runs are kept. Its text names it, without secrets.

    Whatever fails is raised as `StoreError`.
    """

    def open(self, **keeping: Any) -> Store:
        """Return the store there, with rules of which runs it keeps."""

    def info(self) -> Mapping[str, str]:
        """Return what is in it, line by line."""

    def check(self) -> Iterator[str]:
        """Read all of it, and yield a sentence for everything that is wrong."""

    def compact(self) -> str:
        """Give free space back to the disk, and return a sentence about it.

        Raises:
            InvalidRequestError: It does so by itself.
        """

    def backup(self, copy: Path) -> None:
        """Copy it into a new file.

        Raises:
            InvalidRequestError: Another program does that.
        """

    def export(self, run_id: str) -> RunExport:
        """Return a finished run.

        Raises:
            UnknownRunError: There is no such run.
            NotReadyError: It has not ended.
        """


@frozen
class FilePlace:
    """A SQLite file."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def open(self, **keeping: Any) -> Store:
        """Return the store."""
        return SqliteStore(self.path, **keeping)

    def info(self) -> Mapping[str, str]:
        """Return what is in the file."""
        found = store_info(self.path)
        return {
            "file": str(self.path),
            "version": str(found.version),
            "size": f"{found.size:,} bytes, {found.free:,} of them free",
            **_contents(found),
        }

    def check(self) -> Iterator[str]:
        """Yield what is wrong."""
        return check_store(self.path)

    def compact(self) -> str:
        """Give free space back; no server may be using the file."""
        before = store_info(self.path).size
        compact_store(self.path)
        return f"{before:,} bytes before, {store_info(self.path).size:,} bytes now"

    def backup(self, copy: Path) -> None:
        """Copy the file."""
        backup_store(self.path, copy)

    def export(self, run_id: str) -> RunExport:
        """Return a finished run."""
        return export_from_store(self.path, run_id)


@frozen
class DatabasePlace:
    """A database of PostgreSQL."""

    url: str = field(repr=False)

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"the database {parts.path.removeprefix('/')} at {parts.hostname or 'its default'}"

    def open(self, **keeping: Any) -> Store:
        """Return the store."""
        store: Store = POSTGRES.load("glowback_trio.store.postgres").PostgresStore(
            self.url, **keeping
        )
        return store

    def info(self) -> Mapping[str, str]:
        """Return what is in the database."""
        found = self._maintenance.database_info(self.url)
        return {
            "database": str(self).removeprefix("the database "),
            "version": str(found.version),
            "size": f"{found.size:,} bytes",
            "gateways": str(found.gateways),
            **_contents(found),
        }

    def check(self) -> Iterator[str]:
        """Yield what is wrong."""
        findings: Iterator[str] = self._maintenance.check_database(self.url)
        return findings

    def compact(self) -> str:
        """Refuse: the database does so by itself."""
        raise _unsuited(
            "PostgreSQL uses the space of deleted runs again by itself; see VACUUM FULL"
        )

    def backup(self, copy: Path) -> None:
        """Refuse: the database has a program for that."""
        raise _unsuited(f"copy a database with `pg_dump --format custom --file {copy} ...`")

    def export(self, run_id: str) -> RunExport:
        """Return a finished run."""
        export: RunExport = self._maintenance.export_from_database(self.url, run_id)
        return export

    @property
    def _maintenance(self) -> Any:
        return POSTGRES.load("glowback_trio.store.postgres.maintenance")


def _contents(found: Any) -> Mapping[str, str]:
    states = ", ".join(f"{count:,} {state}" for state, count in sorted(found.states.items()))
    return {
        "runs": f"{sum(found.states.values()):,}" + (f" ({states})" if states else ""),
        "events": f"{found.events:,}",
        "results": f"{found.results:,}",
        "optimizations": f"{found.optimizations:,}",
        "trials": f"{found.trials:,} in the ledger",
    }


def _unsuited(message: str) -> InvalidRequestError:
    return InvalidRequestError([Problem("value_error", ("--store",), message)])
