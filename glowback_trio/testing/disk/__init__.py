"""Put SQLite on a disk that a test owns: it fails, it loses its power, and it tears writes.

Belongs here: what stands between SQLite and its files in a test.
Never here: what a store keeps in its file.
May be imported by: tests; no room of the package.
"""

from __future__ import annotations

from glowback_trio.testing.disk.virtual_disk import VirtualDisk
from glowback_trio.testing.disk.watched_vfs import Operation

__all__ = ["Operation", "VirtualDisk"]
