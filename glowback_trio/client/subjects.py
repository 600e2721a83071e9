"""The subject of a request: a run, or an optimization."""

from __future__ import annotations

import re
from collections.abc import Callable

from attrs import frozen

from glowback_trio.errors import UnknownRunError
from glowback_trio.model.optimization.errors import UnknownOptimizationError

__all__ = ["Subject", "optimization_subject", "run_subject"]

# The form of the ids that a server gives. It is checked before a URL is built, because an id such
# as `../metrics` would lead to another path.
_IDENTITY = re.compile(r"[A-Za-z0-9-]{1,128}")


@frozen
class Subject:
    """The subject of a request.

    Attributes:
        kind: The path of all of its kind.
        identity: Its id.
        unknown: Makes the error for what the server does not have, from the server's words.
    """

    kind: str
    identity: str
    unknown: Callable[[str], UnknownRunError]

    def path(self, resource: str = "") -> str:
        """Return its path, or that of something below it, such as `/results`.

        Raises:
            UnknownRunError: No server gives such an id.
        """
        if not _IDENTITY.fullmatch(self.identity):
            raise self.unknown("not found: no server gives such an id")
        return f"{self.kind}/{self.identity}{resource}"


def run_subject(run_id: str) -> Subject:
    """Return a run as the subject of a request."""
    return Subject("/backtests", run_id, lambda _words: UnknownRunError(run_id))


def optimization_subject(optimization_id: str) -> Subject:
    """Return an optimization as the subject of a request."""

    def unknown(words: str) -> UnknownRunError:
        return UnknownOptimizationError(optimization_id, words)

    return Subject("/optimizations", optimization_id, unknown)
