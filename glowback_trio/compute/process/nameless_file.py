"""Files without a name: written once, then only read by those who hold a descriptor."""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterable

__all__ = ["sealed_file", "unlinked_file", "write_nameless"]


def write_nameless(parts: Iterable[bytes | memoryview]) -> int:
    """Write a file that nothing has to remove; return a descriptor that can only read it.

    Raises:
        OSError: There is no room, or no descriptor is left.
    """
    return sealed_file(parts) if sys.platform == "linux" else unlinked_file(parts)


def sealed_file(parts: Iterable[bytes | memoryview]) -> int:
    """Write a file in memory that can never be written again. Linux has these."""
    descriptor = os.memfd_create("bars", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.writelines(parts)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def unlinked_file(parts: Iterable[bytes | memoryview]) -> int:
    """Write a temporary file whose name is gone when it is returned."""
    with tempfile.NamedTemporaryFile(prefix="glowback-bars-") as file:
        file.writelines(parts)
        file.flush()
        return os.open(file.name, os.O_RDONLY | os.O_CLOEXEC)
