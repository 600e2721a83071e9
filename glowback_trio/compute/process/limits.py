"""The limits of a worker, which the system enforces."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from attrs import astuple, frozen

__all__ = ["WorkerLimits"]


@frozen
class WorkerLimits:
    """Bounds on a worker process; None: no bound.

    Attributes:
        memory_bytes: Bytes of memory, counted as the system counts `RLIMIT_DATA`. An allocation
            beyond it raises MemoryError in the job.
        cpu_s: Seconds of processor time for one job. The system kills the worker beyond it.
    """

    memory_bytes: int | None = None
    cpu_s: float | None = None

    def argument(self) -> str:
        """Return them as one argument of a program."""
        return json.dumps(astuple(self))

    @classmethod
    def of(cls, argument: str) -> WorkerLimits:
        """Read them from an argument."""
        return cls(*json.loads(argument))

    def apply(self) -> None:
        """Hold this process to them from now on; the processor time counts from here."""
        if self.memory_bytes is not None:
            # Not the address space: numpy's libraries reserve gigabytes of it that they never use.
            _lower(resource.RLIMIT_DATA, self.memory_bytes)
        if self.cpu_s is not None:
            # The system counts whole seconds from the start of the process.
            _lower(resource.RLIMIT_CPU, int(time.process_time() + self.cpu_s) + 1)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold this process to them for the length of a block, beyond what it uses already."""
        kinds = (resource.RLIMIT_DATA, resource.RLIMIT_CPU)
        before = [(kind, resource.getrlimit(kind)) for kind in kinds]
        memory = None if self.memory_bytes is None else self.memory_bytes + _data_bytes()
        WorkerLimits(memory, self.cpu_s).apply()
        try:
            yield
        finally:
            for kind, limits in before:
                resource.setrlimit(kind, limits)


def _data_bytes() -> int:
    """Return the bytes that `RLIMIT_DATA` counts now; 0 where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[5])
    except FileNotFoundError:
        return 0
    return pages * resource.getpagesize()


def _lower(which: int, soft: int) -> None:
    _soft, hard = resource.getrlimit(which)
    resource.setrlimit(which, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))
