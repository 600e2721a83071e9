"""How many connections the process can hold open, beside the files that it needs itself."""

from __future__ import annotations

import logging
import os
import resource

from attrs import frozen

from glowback_trio.compute import usable_cores
from glowback_trio.server.settings import Settings

__all__ = ["ConnectionBudget"]

_log = logging.getLogger(__name__)

# Kept back for the store, its log and its readers, for price files and the cache, and for what
# libraries open in passing.
_RESERVE = 64
# A worker has a socket, a handle of its process and, while it starts, some pipes.
_PER_WORKER = 8
# The bars of a running run are in files without names, and it reads price files.
_PER_RUN = 8
_REFUSALS = 256


@frozen
class ConnectionBudget:
    """The connections that one server may hold.

    Attributes:
        most: Connections that are served.
        refusals: Further ones that are answered 503 at a time.
    """

    most: int
    refusals: int

    @classmethod
    def of(cls, settings: Settings, open_files: int | None = None) -> ConnectionBudget:
        """Return what the settings and the process's limit on open files allow.

        Args:
            settings: How many connections are wanted, and what else needs files.
            open_files: How many files the process may have open; None: what the system says.
        """
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if open_files is None else open_files
        if limit == resource.RLIM_INFINITY:
            return cls(settings.max_connections, _REFUSALS)
        free = limit - _open_files() - _reserve(settings)
        refusals = min(max(free // 8, 1), _REFUSALS)
        return cls(min(settings.max_connections, max(free - refusals, 1)), refusals)

    def tell(self, settings: Settings) -> None:
        """Log that there are fewer connections than were asked for, or fewer streams, if so."""
        if self.most < settings.max_connections:
            fewer = self.most < settings.max_streams
            _log.warning(
                "At most %d connections%s are served, not the %d of GLOWBACK_MAX_CONNECTIONS%s: "
                "the limit on open files (ulimit -n) allows no more beside the %d that are kept "
                "for the server itself",
                self.most,
                ", streams among them," if fewer else "",
                settings.max_connections,
                f" and the {settings.max_streams} of GLOWBACK_MAX_STREAMS" if fewer else "",
                _reserve(settings),
            )


def _reserve(settings: Settings) -> int:
    workers = settings.workers or min(usable_cores(), settings.max_running)
    processes = workers if settings.compute == "process" else 0
    return _RESERVE + _PER_WORKER * processes + _PER_RUN * min(settings.max_running, 64)


def _open_files() -> int:
    """Return how many files the process has open, this look among them."""
    return len(os.listdir("/dev/fd"))  # noqa: PTH208 - only their number is needed
