"""Digests of files by their content, each worked out once for a version of its file."""

from __future__ import annotations

import hashlib
from pathlib import Path

from attrs import define, field

from glowback_trio.data.reading.unchanged_file import OpenedFile, Version, read_unchanged

__all__ = ["FileDigests"]


@define(eq=False)
class FileDigests:
    """The digests of files, by path, each valid while its file has the same version."""

    _known: dict[str, tuple[Version, bytes]] = field(factory=dict, init=False, repr=False)

    def __reduce__(self) -> tuple[type[FileDigests], tuple[()]]:
        # A source goes to a worker with every job, and a worker needs no digests.
        return FileDigests, ()

    def of(self, location: str, version: Version) -> bytes:
        """Return the SHA-256 of a file; it is read unless it has this version already.

        Args:
            location: Its path.
            version: The version that it has now.

        Raises:
            DataError: It cannot be read, or does not stop changing.
        """
        known = self._known.get(location)
        if known is None or known[0] != version:
            digest, read = read_unchanged(Path(location), _digest)
            known = self._known[location] = read, digest
        return known[1]


def _digest(file: OpenedFile) -> bytes:
    return hashlib.file_digest(file.content, "sha256").digest()
