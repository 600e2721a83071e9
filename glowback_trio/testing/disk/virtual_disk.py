"""A disk for SQLite that notes all that is done to it, fails on request and loses its power."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

from glowback_trio.testing.disk.power_cuts import files_after_cut
from glowback_trio.testing.disk.watched_vfs import Operation, watched_files

__all__ = ["VirtualDisk"]

# These leave the files as they are.
_HARMLESS = ("open", "read", "lock")


@define(eq=False)
class VirtualDisk:
    """A disk behind SQLite's VFS, of a store or of any other program that uses apsw.

    Files stand where the program puts them; the disk knows what of them a power cut may take.

    Attributes:
        tell: Called before each operation, in the thread that does it. What it raises, such as
            `apsw.FullError`, the disk reports.
        operations: What has changed files so far, in order.
    """

    tell: Callable[[Operation], object] | None = None
    operations: list[Operation] = field(factory=list, init=False)

    @contextmanager
    def installed(self) -> Iterator[VirtualDisk]:
        """Let connections that are opened in the block use this disk."""
        with watched_files(self._note):
            yield self

    def files_after_cut(self, *, seed: int, after: int | None = None) -> dict[str, bytes]:
        """Return the files that may be left of a power cut, with their contents.

        Between two syncs of a file a disk carries out writes in any order, a part of them, and a
        part of each, sector by sector.

        Args:
            seed: Decides what became of writes that were not synced.
            after: The number of operations before the cut; all of them if not given.
        """
        return files_after_cut(self.operations[:after], seed)

    def write_after_cut(self, directory: Path, *, seed: int, after: int | None = None) -> None:
        """Leave in a directory what may be left of a power cut, and nothing else.

        Args:
            directory: Its files are removed.
            seed: As in `files_after_cut`.
            after: As in `files_after_cut`.
        """
        for left in directory.iterdir():
            left.unlink()
        for name, content in self.files_after_cut(seed=seed, after=after).items():
            (directory / name).write_bytes(content)

    def _note(self, operation: Operation) -> None:
        if self.tell is not None:
            self.tell(operation)
        if operation.kind not in _HARMLESS:
            self.operations.append(operation)
