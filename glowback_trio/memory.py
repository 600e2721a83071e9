"""The memory of this process: one bound on the whole, and accounts of who holds how much of it.

The accounts are estimates that their holders make: bytes of events, of arrays, of bodies. What
nobody can estimate, such as the interpreter itself, is counted once, in the account `program`.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Literal, get_args

from attrs import define, field

from glowback_trio.control_groups import groups_of, lines_of
from glowback_trio.errors import ResourceError

__all__ = ["Account", "AccountName", "Holding", "Memory", "give_back", "resident", "usable_memory"]

AccountName = Literal[
    "program", "logs", "changes", "results", "downloads", "bodies", "idempotency", "feeds"
]
_NAMES: tuple[AccountName, ...] = get_args(AccountName)

# Version 1 writes a number near 2**63 where there is no limit.
_NO_LIMIT = 1 << 60
_SETTING = "GLOWBACK_MAX_MEMORY"


@define(eq=False)
class Memory:
    """The bound on what the accounts hold together.

    Args:
        limit: Bytes; None: no bound, and the accounts only count.
    """

    limit: int | None = None
    _accounts: Mapping[AccountName, Account] = field(init=False)
    #: Bytes that were released since memory was last given back to the system.
    released: int = field(default=0, init=False)
    # Results and logs are also let go in threads.
    _lock: RLock = field(factory=RLock, init=False)

    def __attrs_post_init__(self) -> None:
        self._accounts = {name: Account(name, self) for name in _NAMES}

    def account(self, name: AccountName) -> Account:
        """Return the account of one kind of holder."""
        return self._accounts[name]

    @property
    def held(self) -> Mapping[AccountName, int]:
        """The bytes that each account holds."""
        return {name: account.held for name, account in self._accounts.items()}

    @property
    def left(self) -> int | None:
        """The bytes that are left, negative beyond the bound; None if there is no bound."""
        if self.limit is None:
            return None
        return self.limit - sum(account.held for account in self._accounts.values())

    @property
    def full(self) -> bool:
        """True if nothing is left."""
        return self.left is not None and self.left <= 0

    def check(self) -> None:
        """Check that something is left, before work begins whose size nobody knows yet.

        Raises:
            ResourceError: Nothing is. It names the account that holds the most.
        """
        if self.full:
            held = self.held
            raise self.lack(max(_NAMES[1:], key=lambda name: held[name]))

    def lack(self, name: AccountName) -> ResourceError:
        """Return the error that says that there is no memory left for an account."""
        return ResourceError(f"memory for {name} ({_SETTING} is {self.limit or 0:,} bytes)")

    def change(self, account: Account, size: int, *, bounded: bool) -> bool:
        """Add bytes to an account; False if the bound does not allow it, and nothing has changed.

        Args:
            account: One of these.
            size: Bytes; negative to release them.
            bounded: False for what exists already, which is counted in any case.
        """
        with self._lock:
            left = self.left
            if bounded and left is not None and size > 0 and left < size:
                return False
            account.held += size
            self.released += max(0, -size)
            return True


@define(eq=False)
class Account:
    """The bytes that one kind of holder has of the memory.

    Attributes:
        name: The kind.
        held: Bytes.
    """

    name: AccountName
    _memory: Memory
    held: int = field(default=0, init=False)

    def reserve(self, size: int) -> None:
        """Reserve bytes for what is about to be made.

        Raises:
            ResourceError: The bound does not allow it.
        """
        if not self.try_reserve(size):
            raise self._memory.lack(self.name)

    def try_reserve(self, size: int) -> bool:
        """Reserve bytes; False if the bound does not allow it."""
        return self._memory.change(self, size, bounded=True)

    def has_room(self, size: int) -> bool:
        """Return whether the bound allows so many bytes more."""
        left = self._memory.left
        return left is None or left >= size

    def add(self, size: int) -> None:
        """Count bytes that are there already, whatever the bound says."""
        self._memory.change(self, size, bounded=False)

    def release(self, size: int) -> None:
        """Count bytes less."""
        self._memory.change(self, -size, bounded=False)

    @contextmanager
    def reserved(self, size: int) -> Iterator[None]:
        """Reserve bytes for the length of a block.

        Raises:
            ResourceError: The bound does not allow it.
        """
        self.reserve(size)
        try:
            yield
        finally:
            self.release(size)


@define(eq=False)
class Holding:
    """Bytes of an account that belong to one object, and are released with it."""

    _account: Account
    size: int = field(default=0, init=False)

    def resize(self, size: int) -> None:
        """Hold so many bytes from now on.

        Raises:
            ResourceError: The bound does not allow it; nothing has changed.
        """
        self._account.reserve(size - self.size)
        self.size = size

    def try_grow_to(self, size: int) -> bool:
        """Hold so many bytes from now on; False if the bound does not allow it."""
        if allowed := self._account.try_reserve(size - self.size):
            self.size = size
        return allowed

    def grow_to(self, size: int) -> None:
        """Count so many bytes, which are there already."""
        self._account.add(size - self.size)
        self.size = size

    def __del__(self) -> None:
        self._account.release(self.size)


def usable_memory(root: Path = Path("/")) -> int:
    """Return the bytes of memory that this process may use: the machine's, or its group's limit.

    Args:
        root: Where `/proc` and `/sys` are.
    """
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    for group in groups_of(root, "memory"):
        # Version 2, and version 1.
        for name in ("memory.max", "memory.limit_in_bytes"):
            for line in lines_of(group / name):
                if line.isdecimal() and int(line) < _NO_LIMIT:
                    yield int(line)


def resident() -> int:
    """Return the bytes of memory that this process has of the system; 0 where that is unknown."""
    fields = " ".join(lines_of(Path("/proc/self/statm"))).split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def give_back() -> None:
    """Give memory that is free back to the system, where the C library can. Takes milliseconds.

    Python's objects and small arrays leave holes in the heap of the C library, which it keeps.
    Arrow has a heap of its own.
    """
    # Looked up and not imported: where nothing has imported it, it holds nothing.
    if (arrow := sys.modules.get("pyarrow")) is not None:
        arrow.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # glibc
        trim(0)
