"""Power cuts: what a disk may hold after one, worked out from a record of all that was done to it.

Between two syncs of a file a disk may carry out the writes to it in any order, a part of them, and
a part of each, sector by sector. A file whose directory entry was never synced may be missing, and
one that was deleted may be back.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, evolve, field

from glowback_trio.testing.disk.watched_vfs import Operation

__all__ = ["files_after_cut"]

_SECTOR = 512


def files_after_cut(operations: Sequence[Operation], seed: int) -> dict[str, bytes]:
    """Return the files that a disk may hold after these operations and a power cut."""
    disk = _Disk()
    for operation in operations:
        disk.carry_out(operation)
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    return dict(disk.after_cut(chance))


@define
class _File:
    """A file: what is certainly on the disk, and what may be."""

    content: bytes = b""
    pending: list[Operation] = field(factory=list)
    #: Whether its directory entry is certainly there.
    named: bool = False

    def sync(self) -> None:
        self.content, self.pending, self.named = _applied(self.content, self.pending), [], True


@define
class _Disk:
    _files: dict[str, _File] = field(factory=dict)
    #: Files whose deletion was not synced.
    _deleted: dict[str, _File] = field(factory=dict)

    def carry_out(self, operation: Operation) -> None:
        name = operation.name
        match operation.kind:
            case "create":
                self._files[name] = _File()
            case "delete":
                self._deleted[name] = self._files.pop(name)
            case "sync directory":
                self._sync_directory()
            case "sync":
                file = self._files[name]
                if not file.named and name.endswith(("-wal", "-journal")):
                    self._sync_directory()
                file.sync()
            case _:
                self._files[name].pending.append(operation)

    def _sync_directory(self) -> None:
        # SQLite does so after the first sync of a journal or a write-ahead log that it has created.
        self._deleted.clear()
        for file in self._files.values():
            file.named = True

    def after_cut(self, rng: random.Random) -> Iterator[tuple[str, bytes]]:
        for files in self._deleted, self._files:
            for name, file in files.items():
                is_there = file.named if files is self._files else rng.random() < 0.5
                if is_there or rng.random() < 0.5:
                    yield name, _applied(file.content, _some(file.pending, rng))


def _some(pending: Iterable[Operation], rng: random.Random) -> Iterator[Operation]:
    """Choose those of the pending operations that a disk has carried out, and how far."""
    kept, torn = rng.choice((0.0, 0.5, 0.9, 1.0)), rng.choice((0.0, 0.5))
    for operation in pending:
        if rng.random() >= kept:
            continue
        if operation.kind == "write" and rng.random() < torn:
            yield from _torn(operation, rng)
        else:
            yield operation


def _torn(operation: Operation, rng: random.Random) -> Iterator[Operation]:
    # Sectors are those of the file: a write that begins within one ends at its border.
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        border = min(end, (start // _SECTOR + 1) * _SECTOR)
        if rng.random() < 0.5:
            data = operation.data[start - operation.offset : border - operation.offset]
            yield evolve(operation, offset=start, data=data)
        start = border


def _applied(content: bytes, operations: Iterable[Operation]) -> bytes:
    file = bytearray(content)
    for operation in operations:
        if operation.kind == "truncate":
            del file[operation.offset :]
            continue
        file.extend(bytes(max(0, operation.offset - len(file))))
        file[operation.offset : operation.offset + len(operation.data)] = operation.data
    return bytes(file)
