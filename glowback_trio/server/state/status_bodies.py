"""The statuses of runs as JSON, each written once for all who poll it."""

from __future__ import annotations

from collections import OrderedDict

from attrs import define, field

from glowback_trio.model.lifecycle import Status
from glowback_trio.wire.json_text import dumps
from glowback_trio.wire.statuses import status_document

__all__ = ["StatusBodies"]

# Runs whose statuses are kept, some 400 bytes each.
_MOST = 1000


@define(eq=False)
class StatusBodies:
    """Writes statuses, and keeps those that were asked for last.

    A status is frozen, and a run gives the same object while nothing of it changes.
    """

    _written: OrderedDict[str, tuple[Status, bytes]] = field(factory=OrderedDict, init=False)

    def of(self, status: Status) -> bytes:
        """Return a status as JSON."""
        known = self._written.get(status.run_id)
        if known is not None and known[0] is status:
            return known[1]
        body = dumps(status_document(status))
        self._written[status.run_id] = status, body
        if len(self._written) > _MOST:
            self._written.popitem(last=False)
        return body
